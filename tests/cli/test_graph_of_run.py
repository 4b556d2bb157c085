"""``overtone graph RUN``: the class graph of a run, stored or inferred again, with the clips that support its edges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import overtone
from overtone.features import SimulatorSettings, from_arrays, save, simulate
from overtone.interactions import InteractionTrainer, SoftLabels
from overtone.training import train

from .conftest import Cli

QUICK = {
    "epochs": 1,
    "folds": 2,
    "teacher": {"epochs": 6, "width": 16},
    "inference": {"bootstrap": 4, "penalty": 2.0},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated clips, as a file."""
    settings = SimulatorSettings(train_rows=200, test_rows=40, classes=4, interactions=3, noise=0.5)
    path = tmp_path_factory.mktemp("data") / "clips.npz"
    save(from_arrays(simulate(settings, 0), source="simulated"), path)
    return path


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of interactions."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    InteractionTrainer().train("interactions", overtone.load(corpus), settings=QUICK, out=folder)
    return folder


def of_edges(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(edge["from"], edge["to"], edge["type"]) for edge in document["edges"]]


def test_a_run_s_graph_is_the_one_it_was_trained_with(cli: Cli, run: Path) -> None:
    called = cli("graph", run, "--json")
    assert called.code == 0, called.err
    stored = json.loads((run / "graph.json").read_text())
    assert called.document["edges"] == stored["edges"]
    assert called.document["seconds"] == stored["seconds"]
    assert called.document["settings"]["bootstrap"] == 4
    assert all(0 <= edge["direction"] <= edge["presence"] <= 1 for edge in called.document["edges"])


def test_each_edge_names_the_clips_that_support_it(cli: Cli, run: Path) -> None:
    document = cli("graph", run, "--clips", 3, "--json").document
    ids = SoftLabels.load(run / "soft_labels.safetensors").ids
    assert document["edges"]
    assert [(one["from"], one["to"]) for one in document["support"]] == [edge[:2] for edge in of_edges(document)]
    for one in document["support"]:
        strengths = [clip["strength"] for clip in one["clips"]]
        assert len(strengths) == 3
        assert strengths == sorted(strengths, reverse=True)
        assert all(clip["id"] in ids for clip in one["clips"])
    called = cli("graph", run, "--out", "g.html", "--out", "g.json")
    assert "best shown by" in called.out
    assert "Which clips support the edges?" in Path("g.html").read_text(encoding="utf-8")
    assert len(json.loads(Path("g.json").read_text())["found"]["support"]) == len(document["edges"])


def test_other_settings_infer_it_again_from_the_stored_soft_labels(cli: Cli, run: Path) -> None:
    before = (run / "graph.json").read_text()
    called = cli("graph", run, "--bootstrap", 6, "--json")
    assert called.code == 0, called.err
    settings = called.document["settings"]
    assert (settings["bootstrap"], settings["penalty"]) == (6, 2.0)  # what is not said is as in the run
    assert "graph: step" not in called.out
    sparser = cli("graph", run, "--penalty", 1000, "--json").document
    assert sparser["edges"] == []
    assert (run / "graph.json").read_text() == before
    own = cli("graph", run, "--set", "strength=9", "--json")  # a setting that only interactions have
    assert own.code == 0, own.err
    assert own.document["settings"]["strength"] == 9
    python = overtone.graph(run, settings={"bootstrap": 6}).to_dict()
    assert python["edges"] == called.document["edges"]


def test_soft_labels_of_a_run_are_soft_labels_of_anybody(cli: Cli, run: Path) -> None:
    file = run / "soft_labels.safetensors"
    options = ["--soft", "sigmoid", "--interactions", "--bootstrap", 4, "--penalty", 2, "--json"]
    called = cli("graph", file, *options)
    assert called.code == 0, called.err
    assert of_edges(called.document) == of_edges(cli("graph", run, "--json").document)
    assert called.document["support"][0]["clips"][0]["id"] in SoftLabels.load(file).ids
    assert cli("graph", file, "--soft", "sigmoid", "--penalty", 8, "--json").code == 0


def test_class_numbers_are_labels_too(cli: Cli, run: Path, tmp_path: Path) -> None:
    soft = SoftLabels.load(run / "soft_labels.safetensors")
    parts = {name: part.numpy() for name, part in soft.probabilities.items()}
    np.savez(tmp_path / "soft.npz", **parts, y=soft.labels.numpy(), class_names=np.array(soft.classes))
    options = ["--soft", "sigmoid", "--interactions", "--bootstrap", 4, "--penalty", 2, "--json"]
    called = cli("graph", "soft.npz", *options)
    assert of_edges(called.document) == of_edges(cli("graph", run, "--json").document)
    assert called.document["support"][0]["clips"][0]["id"].isdigit()
    np.savez(tmp_path / "bare.npz", **parts)
    np.savez(tmp_path / "wrong.npz", **parts, y=np.full(len(soft), 9))
    assert "there are no labels" in cli("graph", "bare.npz", *options).err
    assert "labels do not fit" in cli("graph", "wrong.npz", *options).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--soft", "sigmoid"], "--soft does not apply to a run"),
        (["--centre"], "--centre does not apply to a run"),
        (["--interactions"], "--interactions does not apply to a run"),
        (["--set", "bootstraps=3"], "did you mean 'bootstrap'"),
    ],
)
def test_what_means_nothing_of_a_run_is_refused(cli: Cli, run: Path, words: list[str], said: str) -> None:
    called = cli("graph", run, *words)
    assert called.code == 2
    assert said in called.err


def test_a_run_without_soft_labels_has_no_graph(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    train("triplet", overtone.load(corpus), settings={"epochs": 1}, out=tmp_path / "plain", evaluate=False)
    called = cli("graph", "plain")
    assert called.code == 2
    assert "has no class graph and no soft labels; got a run of triplet" in called.err
