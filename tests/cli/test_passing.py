"""Every option reaches the function that does the work, under its name; what is not given has one known default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from overtone.cli.app import app
from overtone.core import InputError
from overtone.features import load

from .conftest import Cli, clips

Seen = Callable[[str], dict[str, Any]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Replace a function, and tell what it was called with."""

    def watch(target: str) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def instead(*arguments: Any, **named: Any) -> None:
            found.update(named, arguments=arguments)
            raise InputError("seen")

        monkeypatch.setattr(target, instead)
        return found

    return watch


def given(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names}


def test_train(cli: Cli, corpus: Path, seen: Seen) -> None:
    found = seen("overtone.interactions.InteractionTrainer.train")
    cli("train", "cca", corpus, "--out", "run")
    assert given(found, "settings", "out", "resume", "overwrite") == {
        "settings": None,
        "out": Path("run") if isinstance(found["out"], Path) else "run",
        "resume": False,
        "overwrite": False,
    }
    assert found["arguments"][1] == "cca"
    assert found["progress"] is not None
    cli("train", "cca", corpus, "--out", "run", "--resume")
    assert given(found, "resume", "overwrite") == {"resume": True, "overwrite": False}
    cli("train", "cca", corpus, "--out", "run", "--overwrite")
    assert given(found, "resume", "overwrite") == {"resume": False, "overwrite": True}


def test_a_named_option_wins_over_set_and_set_over_config(cli: Cli, corpus: Path, seen: Seen, tmp_path: Path) -> None:
    found = seen("overtone.interactions.InteractionTrainer.train")
    (tmp_path / "some.yaml").write_text("epochs: 2\nbatch_size: 90\nseed: 5\nmemory_mb: 20\n", encoding="utf-8")
    options = ["--config", "some.yaml", "--set", "epochs=3", "--set", "seed=6", "--seed", "7"]
    cli(
        "train", "dcca", corpus, "--out", "run", *options, "--device", "cpu", "--precision", "bf16", "--memory-mb", "99"
    )
    settings = {"epochs": 3, "batch_size": 90, "seed": 7, "memory_mb": 99, "device": "cpu", "precision": "bf16"}
    assert found["settings"] == settings


def test_compare(cli: Cli, corpus: Path, seen: Seen) -> None:
    found = seen("overtone.experiments.compare")
    cli("compare", "cca", "dcca", corpus)
    plain = {"seeds": [0, 1, 2, 3, 4], "ablate": False, "controls": False, "settings": None, "resume": False}
    assert given(found, *plain) == plain
    assert list(found["arguments"][0]) == ["cca", "dcca"]
    assert str(found["out"]) == "runs/compare-clips"
    options = [
        "--seeds",
        "2",
        "--ablate",
        "--controls",
        "--resume",
        "--out",
        "o",
        "--set",
        "epochs=2",
        "--device",
        "cpu",
    ]
    cli("compare", "interactions", corpus, *options)
    settings = {"epochs": 2, "device": "cpu"}
    asked = {"seeds": [0, 1], "ablate": True, "controls": True, "settings": settings, "resume": True}
    assert given(found, *asked) == asked
    assert str(found["out"]) == "o"
    assert found["train"].__self__.__class__.__name__ == "InteractionTrainer"


def test_diagnose(cli: Cli, corpus: Path, seen: Seen) -> None:
    found = seen("overtone.experiments.diagnose")
    cli("diagnose", corpus)
    plain = {"losses": None, "seeds": [0, 1, 2, 3, 4], "settings": None, "resume": False}
    assert given(found, *plain) == plain
    assert str(found["out"]) == "runs/diagnose-clips"
    cli("diagnose", corpus, "--loss", "scl", "--loss", "ccl", "--seeds", "1", "--resume", "--set", "epochs=2")
    asked = {"seeds": [0], "settings": {"epochs": 2}, "resume": True}
    assert given(found, *asked) == asked
    assert list(found["losses"]) == ["scl", "ccl"]
    cli("diagnose", corpus, "--as-is")
    assert list(found["losses"]) == []
    refused = cli("diagnose", corpus, "--as-is", "--loss", "scl")
    assert (refused.code, "leave --loss out" in refused.err) == (2, True)


def test_diagnose_splits_by_class_on_request(cli: Cli, seen: Seen) -> None:
    found = seen("overtone.experiments.diagnose")

    def classes(split: str) -> set[int]:
        (data,) = [value for value in found["arguments"] if hasattr(value, "splits")]
        return set(data.targets[data.splits[split]].argmax(1).tolist())

    cli("diagnose", "split-digits")
    assert classes("train") == classes("test")
    cli("diagnose", "split-digits", "--class-disjoint")
    assert classes("train").isdisjoint(classes("test"))


@pytest.mark.parametrize(
    ("options", "split"), [([], "test"), (["--split", "train"], "train"), (["--split", "all"], None)]
)
def test_evaluate_a_run(cli: Cli, corpus: Path, seen: Seen, options: list[str], split: str | None) -> None:
    assert cli("train", "cca", corpus, "--out", "run").code == 0
    found = seen("overtone.training.Run.evaluate")
    cli("evaluate", "run", corpus, *options)
    assert found["arguments"][2] == split
    plain = {"bootstrap": 1000, "memory_mb": 256, "confusion": False}
    assert given(found, *plain) == plain
    cli("evaluate", "run", corpus, "--bootstrap", "10", "--memory-mb", "17")
    assert given(found, "bootstrap", "memory_mb") == {"bootstrap": 10, "memory_mb": 17}


def test_evaluate_embeddings(cli: Cli, corpus: Path, seen: Seen) -> None:
    found = seen("overtone.training.judging.evaluate")
    cli("evaluate", corpus, "--bootstrap", "10")
    plain = {"bootstrap": 10, "memory_mb": 256, "confusion": False, "names": ("audio", "visual")}
    assert given(found, *plain) == plain
    assert [len(rows) for rows in found["arguments"]] == [120, 120, 120]
    assert found["class_names"] == ("0", "1", "2")
    assert found["events"] is None


def test_embed_a_variant_on_a_device(cli: Cli, corpus: Path, seen: Seen) -> None:
    assert cli("train", "cca", corpus, "--out", "run").code == 0
    loaded = seen("overtone.training.Run.load")
    cli("embed", "run", corpus, "--out", "e.npz", "--device", "cuda:1")
    assert [str(value) for value in loaded["arguments"]] == ["run", "cuda:1"]
    cli("evaluate", "run", corpus, "--device", "cuda:1")
    assert [str(value) for value in loaded["arguments"]] == ["run", "cuda:1"]


def test_an_unknown_variant_is_refused(cli: Cli, corpus: Path) -> None:
    assert cli("train", "cca", corpus, "--out", "run").code == 0
    called = cli("embed", "run", corpus, "--out", "e.npz", "--variant", "none-such")
    assert (called.code, "'none-such'" in called.err) == (2, True)


def test_a_run_with_other_names_is_embedded_by_its_own(cli: Cli, tmp_path: Path) -> None:
    arrays = clips(300)
    np.savez(tmp_path / "named.npz", text=arrays.pop("audio"), image=arrays.pop("visual"), **arrays)
    assert cli("train", "cca", "named.npz", "--out", "run", "--modalities", "text,image").code == 0
    assert cli("embed", "run", "named.npz", "--out", "e.npz").code == 0
    assert cli("evaluate", "run", "named.npz").code == 0
    assert load(tmp_path / "e.npz", modalities=("text", "image")).names == ("text", "image")


def test_extract(cli: Cli, seen: Seen) -> None:
    found = seen("overtone.media.extract")
    cli("extract", "photos", "--out", "p.npz", "--device", "cpu")
    plain = {"backbone": (), "layout": None, "split": None, "limit": None, "settings": None, "seed": 0}
    plain |= {"frames": 8, "fps": None, "window": None, "hop": None, "steps": None, "modalities": None}
    plain |= {"batch_size": 32, "workers": None, "device": "cpu", "shard": None}
    flags = ("strict", "only_pairs", "merge", "resume", "overwrite")
    plain |= dict.fromkeys(flags, False)
    assert given(found, *plain) == plain
    asked = {"layout": "folder", "split": "random", "limit": 3, "seed": 4, "batch_size": 5, "workers": 2}
    asked |= {"frames": 6, "fps": 1.5, "window": 2.5, "hop": 0.5, "steps": 7, "shard": "1/2"}
    words = [word for name, value in asked.items() for word in (f"--{name.replace('_', '-')}", value)]
    words += [f"--{name.replace('_', '-')}" for name in flags]
    words += ["--backbone", "log-mel", "--backbone", "visual=hog-color", "--modalities", "audio,visual"]
    cli("extract", "photos", "--out", "p.npz", *words, "--set", "cell=8")
    assert given(found, *asked) == asked
    assert found["backbone"] == ("log-mel", "visual=hog-color")
    assert found["modalities"] == ("audio", "visual")
    assert given(found, *flags) == dict.fromkeys(flags, True)
    assert found["settings"] == {"cell": 8}
    assert [str(value) for value in found["arguments"]] == ["photos", "p.npz"]


def test_graph_of_a_table(cli: Cli, seen: Seen, tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", data=np.random.default_rng(0).standard_normal((50, 3)))
    (tmp_path / "k.yaml").write_text("forbidden: [[x1, x2]]\n", encoding="utf-8")
    found = seen("overtone.graphs.learn_graph")
    named = {"penalty": "stability", "bootstrap": 2, "halves": 3, "seconds": 4.5, "processes": 1}
    words = [word for name, value in named.items() for word in (f"--{name}", value)]
    cli("graph", "t.npz", *words, "--seed", "6", "--set", "starts=2", "--knowledge", "k.yaml")
    assert found["settings"] == {**named, "random_state": 6, "starts": 2}
    assert found["knowledge"] is not None
    assert found["progress"] is not None


def test_graph_of_soft_labels(cli: Cli, seen: Seen, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    parts = {"a": rows, "b": rows, "y": np.arange(40) % 3, "split": np.where(np.arange(40) < 30, "train", "test")}
    np.savez(tmp_path / "s.npz", **parts)
    plain = ["graph", "s.npz", "--soft", "softmax", "--modalities", "a,b"]
    found = seen("overtone.graphs.interaction_graph")
    cli(*plain)
    assert given(found, "kind", "representation", "centre") == {
        "kind": "softmax",
        "representation": "auto",
        "centre": False,
    }
    assert {name: len(part) for name, part in found["arguments"][0].items()} == {"a": 30, "b": 30}
    cli(*plain, "--representation", "linear", "--centre", "--split", "test")
    assert given(found, "representation", "centre") == {"representation": "linear", "centre": True}
    assert {name: len(part) for name, part in found["arguments"][0].items()} == {"a": 10, "b": 10}
    inferred = seen("overtone.interactions.infer_graph")
    cli(*plain, "--interactions")
    assert "clips" not in inferred
    cli(*plain, "--interactions", "--clips", "7")
    assert inferred["clips"] == 7


def test_simulate(cli: Cli, seen: Seen) -> None:
    found = seen("overtone.features.simulate")
    cli("simulate", "--out", "s.npz")
    assert found["arguments"][1] == 0
    cli("simulate", "--out", "s.npz", "--seed", "3", "--set", "classes=9")
    assert (found["arguments"][0].classes, found["arguments"][1]) == (9, 3)


def test_demo(cli: Cli, seen: Seen) -> None:
    found = seen("overtone.experiments.compare")
    cli("demo")
    assert (found["seeds"], str(found["out"])) == ([0, 1], "runs/demo")
    cli("demo", "--seeds", "3", "--out", "d")
    assert (found["seeds"], str(found["out"])) == ([0, 1, 2], "d")


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "cca", "x.npz", "--seeds", "0"],
        ["compare", "cca", "x.npz", "--data-seed", "-1"],
        ["diagnose", "x.npz", "--seeds", "0"],
        ["demo", "--seeds", "0"],
        ["evaluate", "x.npz", "--bootstrap", "-1"],
        ["evaluate", "x.npz", "--memory-mb", "15"],
        ["extract", "x", "--out", "y.npz", "--limit", "0"],
        ["extract", "x", "--out", "y.npz", "--batch-size", "0"],
        ["extract", "x", "--out", "y.npz", "--workers", "0"],
        ["extract", "x", "--out", "y.npz", "--seed", "-1"],
        ["simulate", "--out", "y.npz", "--seed", "-1"],
        ["graph", "x.npz", "--clips", "0"],
    ],
    ids=" ".join,
)
def test_numbers_that_are_too_small_are_refused_by_their_option(cli: Cli, words: list[str]) -> None:
    called = cli(*words)
    assert (called.code, words[-2] in called.err) == (2, True)


def test_arguments_that_repeat_have_no_default() -> None:
    """Click before 8.2 refuses one, and with it the whole command line."""
    commands = typer.main.get_command(app).commands
    repeating = [one for command in commands.values() for one in command.params if one.nargs == -1]
    assert repeating
    assert [one.name for one in repeating if isinstance(one.default, list | tuple)] == []
