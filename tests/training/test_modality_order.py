"""A run keeps the order of its modalities: names whose order is not the alphabet's, of equal and different widths."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from overtone.core import InputError
from overtone.core.files import load_tensors
from overtone.features import load, save
from overtone.training import Run, train
from overtone.training.folder import RunFolder

NAMES = [("text", "image"), ("visual", "audio"), ("clip", "clap")]
SETTINGS = {"epochs": 4, "select": "correlation", "checkpoint_seconds": 0}


class Killed(Exception):
    """As a kill would end it."""


def kill_at_two(progress):
    if progress.done == 2:
        raise Killed


@pytest.fixture(params=[(6, 6), (6, 5)], ids=["equal-widths", "different-widths"])
def named(request, make):
    """Data with modalities of these names, in this order."""

    def build(names):
        generator = torch.Generator().manual_seed(1)
        latent = torch.randn(150, 4, generator=generator)
        views = [latent @ torch.randn(4, width, generator=generator) + i for i, width in enumerate(request.param)]
        return make(modalities=dict(zip(names, views)))

    return build


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("method", ["toy", "toy-closed"])
def test_a_loaded_run_embeds_and_evaluates_as_the_trained_one(named, tmp_path, names, method):
    data = named(names)
    run = train(method, data, out=tmp_path)
    again = Run.load(tmp_path)
    assert again.modalities == run.modalities == names
    for variant in (None, *run.variants(data)):
        one, other = run.embed(data, variant), again.embed(data, variant)
        assert list(one) == list(other) == list(names)
        assert all(torch.equal(one[name], other[name]) for name in names)
    assert again.evaluate(data).to_dict() == run.evaluate(data).to_dict()
    assert json.loads((tmp_path / "evaluation.json").read_text())["modalities"] == list(names)


@pytest.mark.parametrize("names", NAMES)
def test_the_encoders_do_not_change_places(named, tmp_path, names):
    """The names are no part of what is learnt: the same rows under alphabetical names give the same embeddings."""
    data = named(names)
    plain = replace(data, modalities=dict(zip(("a", "b"), data.modalities.values())))
    train("toy", data, out=tmp_path / "named", settings=SETTINGS)
    expected = train("toy", plain, settings=SETTINGS).embed(plain)
    found = Run.load(tmp_path / "named").embed(data)
    assert all(torch.equal(one, other) for one, other in zip(expected.values(), found.values()))


@pytest.mark.parametrize("names", NAMES)
def test_a_killed_run_goes_on_and_ends_the_same(named, tmp_path, names):
    data = named(names)
    whole = train("toy", data, settings=SETTINGS)
    with pytest.raises(Killed):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=kill_at_two)
    resumed = train("toy", data, settings=SETTINGS, out=tmp_path, resume=True)
    finished = train("toy", data, out=tmp_path, resume=True)  # taken as it is
    for run in (resumed, finished):
        assert run.modalities == names
        assert all(torch.equal(run.embed(data)[name], whole.embed(data)[name]) for name in names)


def test_the_order_is_not_that_of_the_keys_of_a_file(named, tmp_path):
    train("toy", named(("text", "image")), out=tmp_path)
    keys = dict.fromkeys(key.split("/")[0] for key in load_tensors(tmp_path / "scalers.safetensors"))
    assert list(keys) == ["image", "text"]
    assert list(RunFolder(tmp_path).scalers(("text", "image"))) == ["text", "image"]


def test_data_in_the_other_order_is_refused(named, tmp_path):
    data = named(("text", "image"))
    train("toy", data, out=tmp_path)
    other = replace(data, modalities=dict(reversed(data.modalities.items())))
    with pytest.raises(InputError, match="does not fit the run.*got image.*text.*valid: text.*image"):
        Run.load(tmp_path).embed(other)


def test_scalers_of_other_modalities_are_refused(named, tmp_path):
    train("toy", named(("text", "image")), out=tmp_path / "one")
    train("toy", named(("text", "sound")), out=tmp_path / "two")
    (tmp_path / "two" / "scalers.safetensors").replace(tmp_path / "one" / "scalers.safetensors")
    with pytest.raises(InputError, match="scalers.safetensors: .*got sound, text; valid: text, image"):
        Run.load(tmp_path / "one")


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".parquet", ".safetensors"])
def test_embeddings_in_a_file_keep_the_order(named, tmp_path, suffix):
    data = named(("text", "image"))
    run = train("toy", data)
    save(replace(data, modalities=run.embed(data)), tmp_path / f"e{suffix}")
    assert load(tmp_path / f"e{suffix}").names == ("text", "image")
