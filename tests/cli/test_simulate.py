"""``overtone simulate``, and what the full truth is used for: judging, never training."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from overtone import api
from overtone.core import InputError
from overtone.experiments.comparison import compare
from overtone.features import load
from overtone.training import train

SMALL = ("--set", "classes=4", "--set", "interactions=5", "--set", "train_rows=120", "--set", "test_rows=60")


def test_it_writes_a_corpus_and_says_what_was_planted(cli):
    called = cli("simulate", "--out", "clips.npz", *SMALL, "--set", "spread=0.2", "--seed", 3, "--json")
    assert called.code == 0
    found = called.document
    assert (found["rows"], found["splits"], found["classes"]) == (180, {"train": 120, "test": 60}, 4)
    assert (found["seed"], found["settings"]["interactions"], found["annotated"]) == (3, 5, 180)
    with np.load("clips.npz", allow_pickle=False) as arrays:
        assert [pair["nodes"] for pair in found["interactions"]] == arrays["interactions"].tolist()
        assert arrays["interactions"].shape == (5, 2)
        assert arrays["events_audio"].shape == arrays["events_visual"].shape == (180, 4)
        per_clip = {side: arrays[f"events_{side}"].sum(1).mean() for side in ("audio", "visual")}
        assert found["events_per_clip"] == pytest.approx(per_clip)
        assert [pair["strength"] for pair in found["interactions"]] == pytest.approx(arrays["interaction_strengths"])
    first = found["interactions"][0]
    side, label = ("audio", "visual")[first["nodes"][0] // 4], first["nodes"][0] % 4
    assert first["source"] == f"{side}:class {label:02d}"
    data = load("clips.npz")
    assert torch.equal(
        data.truth["interactions"], api.simulate(settings=found["settings"], seed=3).truth["interactions"]
    )


def test_settings_come_from_a_file_too_and_seeds_differ(cli, tmp_path):
    (tmp_path / "s.yaml").write_text("classes: 3\ntrain_rows: 30\ntest_rows: 10\ninteractions: 2\nmissing: 0.5\n")
    one, other = (
        cli("simulate", "--out", f"{seed}.h5", "--config", "s.yaml", "--set", "missing=1.0", "--seed", seed)
        for seed in (0, 1)
    )
    assert one.code == other.code == 0
    assert "30 train, 10 test; 3 classes, 10 clips annotated" in one.out
    assert "planted interactions: 2" in one.out
    assert load("0.h5").provenance.checksum != load("1.h5").provenance.checksum


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "clases=3"), "unknown setting in the simulator's settings 'clases'.*did you mean 'classes'"),
        (("--set", "probability=2"), "setting 'probability'"),
        (("--set", "classes=2", "--set", "interactions=99"), "2 classes have only 4 possible interactions"),
        (("--set", "direction=up"), "setting 'direction'"),
    ],
)
def test_wrong_settings_are_refused(cli, words, said):
    called = cli("simulate", "--out", "x.npz", *words)
    assert called.code == 2
    assert re.search(said, called.err)


def test_a_format_that_is_not_written_is_refused(cli):
    called = cli("simulate", "--out", "x.mat", *SMALL)
    assert called.code == 2


def test_evaluate_and_compare_report_all_events_beside_the_annotation(cli):
    assert cli("simulate", "--out", "clips.npz", *SMALL).code == 0
    called = cli("compare", "cluster-cca", "cca", "clips.npz", "--seeds", 2, "--out", "c", "--json")
    methods = called.document["methods"]
    assert set(methods) == {"cluster-cca", "cca"}
    for found in methods.values():
        assert {"a2v", "v2a", "mean", "std", "ci95"} <= found["map_events"].keys()
        assert found["map_events"]["mean"] != found["map"]["mean"]
    assert "all events" in called.err
    assert cli("train", "cluster-cca", "clips.npz", "--out", "r").code == 0
    of_run = cli("evaluate", "r", "clips.npz", "--json").document
    assert of_run["map_events"]["mean"] == pytest.approx(methods["cluster-cca"]["map_events"]["mean"])
    assert cli("embed", "r", "clips.npz", "--out", "e.npz").code == 0
    of_file = cli("evaluate", "e.npz", "--json").document
    assert of_file["map_events"]["mean"] == pytest.approx(of_run["map_events"]["mean"], abs=1e-6)


@pytest.mark.parametrize("method", ["triplet", "cluster-cca", "infonce"])
def test_training_never_sees_the_truth(method):
    """Other events and other interactions leave the weights as they are, and change the judgement."""
    data = api.simulate(settings={"classes": 4, "interactions": 5, "train_rows": 120, "test_rows": 60})
    lies = replace(data, truth={name: tensor.roll(1, 0) for name, tensor in data.truth.items()})
    settings = {"epochs": 2, "width": 16, "collapse_rank": 0} if method != "cluster-cca" else {}
    one, other = (train(method, each, settings=settings) for each in (data, lies))
    weights, others = one.method.state_dict(), other.method.state_dict()
    assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())
    assert one.evaluation["map"] == other.evaluation["map"]
    assert one.evaluation["map_events"] != other.evaluation["map_events"]


def test_a_comparison_with_other_events_is_of_other_data(tmp_path):
    data = api.simulate(settings={"classes": 4, "interactions": 5, "train_rows": 120, "test_rows": 60})
    lies = replace(data, truth={name: tensor.roll(1, 0) for name, tensor in data.truth.items()})
    one = compare(["cca"], data, seeds=[0], out=tmp_path)
    with pytest.raises(InputError, match="differ for cca: the data"):
        compare(["cca"], lies, seeds=[0], out=tmp_path, resume=True)
    other = compare(["cca"], lies, seeds=[0], out=tmp_path, overwrite=True)
    means = [found.to_dict()["methods"]["cca"]["map_events"]["mean"] for found in (one, other)]
    assert means[0] != means[1]


def test_compare_with_controls_says_whether_the_graph_helped(cli):
    assert cli("simulate", "--out", "clips.npz", *SMALL).code == 0
    quick = ["epochs=2", "width=16", "collapse_rank=0", "folds=2", "teacher={epochs: 2}", "inference={bootstrap: 4}"]
    words = [word for setting in quick for word in ("--set", setting)]
    called = cli("compare", "interactions", "clips.npz", "--controls", "--seeds", 1, "--out", "c", "--json", *words)
    assert called.code == 0, called.err
    controls = ["no-graph", "soft-only", "shuffled-graph", "pairs-only", "planted-graph", "true-events"]
    names = ["interactions", *controls]
    assert list(called.document["methods"]) == names
    assert all({"map", "map_events"} <= found.keys() for found in called.document["methods"].values())
    assert {test["metric"] for test in called.document["paired_tests"]} == {"map", "map_events"}
    assert re.search("The graph (helped|did not help|did harm)", " ".join(called.err.split()))
    refused = cli("compare", "cca", "clips.npz", "--controls")
    assert refused.code == 2
    assert "none of these methods has controls" in refused.err
