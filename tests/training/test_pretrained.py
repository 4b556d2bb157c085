"""A run as a model of the hub: a folder that works without a network, a card, an upload, and what may be wrong."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from overtone.core import InputError
from overtone.features import PairedFeatures, from_arrays
from overtone.training import Run, train

FILES = ("README.md", "config.json", "model.safetensors")


def corpus() -> PairedFeatures:
    random = np.random.default_rng(0)
    y = np.arange(120) % 3
    hidden = np.eye(3)[y] + 0.3 * random.standard_normal((120, 3))
    views = {name: hidden @ random.standard_normal((3, width)) for name, width in (("audio", 6), ("visual", 5))}
    split = np.where(np.arange(120) // 3 % 3 == 0, "test", "train")
    return from_arrays({**views, "y": y, "split": split}, source="/home/somebody/secret/my_clips.npz")


@pytest.fixture(scope="module")
def data() -> PairedFeatures:
    return corpus()


@pytest.fixture(scope="module")
def run(data: PairedFeatures) -> Run:
    return train("dcca", data, settings={"epochs": 2, "batch_size": 64, "scaling": "zscore,l2+svd4"})


@pytest.fixture(scope="module")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run.save_pretrained(tmp_path_factory.mktemp("hub") / "model", licence="apache-2.0")


def test_the_folder_alone_gives_the_same_embeddings(folder: Path, run: Run, data: PairedFeatures) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    read = Run.from_pretrained(folder)
    for name, rows in run.embed(data).items():
        assert torch.equal(read.embed(data)[name], rows)
    assert (read.name, read.settings, read.modalities) == (run.name, run.settings, run.modalities)
    assert read.evaluation is not None
    assert run.evaluation is not None
    assert read.evaluation["map"] == run.evaluation["map"]
    assert read.evaluate(data)["map"].mean == pytest.approx(run.evaluation["map"].mean)
    again = read.save_pretrained(folder.parent / "again")
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_every_kind_of_method_is_stored(data: PairedFeatures, tmp_path: Path) -> None:
    for name, settings in (("cca", {}), ("hsc-mae", {"epochs": 1, "batch_size": 64, "width": 8})):
        run = train(name, data, settings=settings, evaluate=False)
        read = Run.from_pretrained(run.save_pretrained(tmp_path / name))
        assert torch.equal(read.embed(data)["audio"], run.embed(data)["audio"])
        assert read.evaluation is None


def test_the_card_says_what_a_reader_needs_and_no_path_of_this_machine(folder: Path, run: Run) -> None:
    card = (folder / "README.md").read_text()
    head, body = card.removeprefix("---\n").split("---\n", 1)
    known = yaml.safe_load(head)
    assert (known["library_name"], known["license"]) == ("overtone", "apache-2.0")
    metrics = {one["type"]: one["value"] for one in known["model-index"][0]["results"][0]["metrics"]}
    assert run.evaluation is not None
    assert metrics["map"] == pytest.approx(run.evaluation["map"].mean, abs=1e-4)
    for words in ("## Intended use", "42 test queries", "| mAP |", "my\\_clips.npz", "from_pretrained", "78 train"):
        assert words in body, words
    assert run.info["data"]["checksum"] in body
    for name in FILES[:2]:
        assert "/home" not in (folder / name).read_text()


def test_the_hubs_library_reads_the_card(folder: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard((folder / "README.md").read_text())
    assert card.data.library_name == "overtone"
    assert card.data.eval_results[0].metric_value > 0


def test_nothing_is_replaced_unasked(folder: Path, run: Run) -> None:
    with pytest.raises(InputError, match="is there already"):
        run.save_pretrained(folder)
    run.save_pretrained(folder, overwrite=True, licence="apache-2.0")


def damage(place: Path, change: Any) -> None:
    config = json.loads((place / "config.json").read_text())
    change(config)
    (place / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda place: (place / "config.json").unlink(), "holds no model"),
        (lambda place: (place / "config.json").write_text("{"), "not valid JSON"),
        (lambda place: (place / "config.json").write_text("{}"), "not a model of Overtone"),
        (lambda place: (place / "model.safetensors").write_bytes(b"x"), "not a whole safetensors file"),
        (lambda place: (place / "model.safetensors").unlink(), "no such file"),
        (lambda place: damage(place, lambda config: config["run"].pop("modalities")), "entry 'modalities'"),
        (
            lambda place: damage(place, lambda config: config["run"].update(method="nothing")),
            "'nothing' is not registered",
        ),
        (lambda place: damage(place, lambda config: config["run"].update(modalities=["a", "b"])), "not the scalers"),
        (lambda place: damage(place, lambda config: config["settings"].update(width=12)), "do not fit"),
        (lambda place: damage(place, lambda config: config.update(evaluation={"map": 1})), "not a stored evaluation"),
    ],
)
def test_a_damaged_folder_is_said_in_a_sentence(run: Run, tmp_path: Path, harm: Any, said: str) -> None:
    place = run.save_pretrained(tmp_path / "model")
    harm(place)
    with pytest.raises(InputError, match=said):
        Run.from_pretrained(place)


def test_a_missing_folder_and_a_missing_library(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Run.from_pretrained("nowhere")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"overtone\[hub\]"):
        Run.from_pretrained("owner/name")
    with pytest.raises(InputError, match=r"overtone\[hub\]"):
        run.push_to_hub("owner/name")


class HubError(OSError):
    """What the hub's library raises."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> SimpleNamespace:
    """The hub's library as far as it is used, without a network."""
    seen = SimpleNamespace(created=None, files={}, error=None)

    def upload_folder(repo_id: str, folder_path: str, **options: Any) -> None:
        if seen.error:
            raise seen.error
        seen.files = {path.name: path.stat().st_size for path in Path(folder_path).iterdir()}

    def snapshot_download(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        if name != "owner/model":
            raise HubError(f"404: {name}\nmore")
        return str(folder)

    module, errors = ModuleType("huggingface_hub"), ModuleType("huggingface_hub.errors")
    vars(errors)["HfHubHTTPError"] = HubError
    vars(module).update(
        create_repo=lambda name, **options: setattr(seen, "created", (name, options["private"])),
        upload_folder=upload_folder,
        snapshot_download=snapshot_download,
        errors=errors,
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return seen


def test_a_run_goes_to_the_hub_and_back(hub: SimpleNamespace, run: Run, data: PairedFeatures) -> None:
    assert run.push_to_hub("owner/model").endswith("owner/model")
    assert hub.created == ("owner/model", True)
    assert sorted(hub.files) == sorted(FILES)
    assert torch.equal(Run.from_pretrained("owner/model").embed(data)["audio"], run.embed(data)["audio"])
    with pytest.raises(InputError, match=r"owner/other: neither a folder nor a model.*\(404: owner/other\)"):
        Run.from_pretrained("owner/other")
    hub.error = HubError("401: no token")
    with pytest.raises(InputError, match="the hub refuses"):
        run.push_to_hub("owner/model")


def test_a_hostile_name_does_nothing_in_the_card(run: Run, tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script>|x"
    changed = replace(run, info={**run.info, "data": {**run.info["data"], "source": nasty}})
    changed.evaluation = None
    card = (changed.save_pretrained(tmp_path / "m") / "README.md").read_text()
    body = card.removeprefix("---\n").split("---\n", 1)[1]
    assert "<script>" not in body.replace("\\<", "")
