"""A single view: inspected in full, and refused with a way out where pairs are needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from overtone import features
from overtone.core import InputError
from overtone.features import from_arrays
from overtone.training import train

from .conftest import Cli, clips


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on pairs."""
    folder = tmp_path_factory.mktemp("runs") / "cca"
    train("cca", from_arrays(clips(300)), out=folder)
    return folder


def test_inspect_shows_a_single_view_whole(cli: Cli, tmp_path: Path) -> None:
    arrays = {key: values for key, values in clips().items() if key != "visual"}
    np.savez(tmp_path / "one.npz", **arrays)
    called = cli("inspect", tmp_path / "one.npz", "--json")
    assert called.code == 0
    assert list(called.document["modalities"]) == ["audio"]
    assert called.document["modalities"]["audio"]["shape"] == list(arrays["audio"].shape)
    assert called.document["labels"]["classes"] == len(np.unique(arrays["y"]))
    assert "took 'audio' as the one view" in called.document["notes"][0]
    for_people = " ".join(cli("inspect", tmp_path / "one.npz").out.split())
    assert "No problems: a single view, for overtone diagnose" in for_people


def test_inspect_looks_at_one_of_two_modalities(cli: Cli) -> None:
    called = cli("inspect", "split-digits", "--modalities", "left", "--json")
    assert list(called.document["modalities"]) == ["left"]


def test_two_modalities_can_be_trained_on(cli: Cli) -> None:
    assert "No problems: this can be trained on." in " ".join(cli("inspect", "split-digits").out.split())


@pytest.mark.parametrize("source", ["digits", "FILE"])
@pytest.mark.parametrize("command", ["train", "compare", "evaluate", "embed", "evaluate a run"])
def test_where_pairs_are_needed_a_single_view_is_refused_with_a_way_out(
    cli: Cli, run: Path, tmp_path: Path, command: str, source: str
) -> None:
    if source == "FILE":
        source = str(tmp_path / "one.npz")
        np.savez(source, image=clips()["visual"], y=clips()["y"])
    called = cli(
        *{
            "train": ["train", "cca", source, "--out", tmp_path / "run"],
            "compare": ["compare", "cca", source],
            "evaluate": ["evaluate", source],
            "embed": ["embed", run, source, "--out", tmp_path / "e.npz"],
            "evaluate a run": ["evaluate", run, source],
        }[command]
    )
    assert called.code == 2
    assert called.err.startswith(f"overtone: {source}: holds one view, 'image', but two modalities are needed here")
    assert "`overtone diagnose` take one view" in called.err
    assert called.err.count("\n") == 1


def test_names_of_modalities_on_the_command_line(cli: Cli) -> None:
    for wrong in ("", "a,", "a,a", "a,b,c"):
        called = cli("inspect", "split-digits", "--modalities", wrong)
        assert (called.code, "one name or two different ones" in called.err) == (2, True)
        called = cli("train", "cca", "split-digits", "--out", "run", "--modalities", wrong)
        assert (called.code, "two different names" in called.err) == (2, True)
    assert "two different names; got 'left'" in cli("compare", "cca", "split-digits", "--modalities", "left").err
    spaced = cli("inspect", "split-digits", "--modalities", " right , left ", "--json").document
    assert list(spaced["modalities"]) == ["right", "left"]
    assert "--sequences: no such value; got 'max'" in cli("inspect", "split-digits", "--sequences", "max").err


def test_how_data_are_read_is_passed_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, object]] = []

    def load(source: str, **options: object) -> None:
        seen.append({"source": source, **options})
        raise InputError("seen")

    monkeypatch.setattr(features, "load", load)
    options = ["--modalities", "a,b", "--sequences", "keep", "--data-seed", "3"]
    cli("train", "cca", "DATA", "--out", "run", "--seed", "5", *options, "--subset", "ave-15")
    cli("evaluate", "DATA", *options, "--view", "ave-15")
    first, second = seen
    assert first == second
    assert {name: first[name] for name in ("source", "modalities", "sequences", "seed")} == {
        "source": "DATA",
        "modalities": ("a", "b"),
        "sequences": "keep",
        "seed": 3,
    }
    assert "ave-15" in first.values()
