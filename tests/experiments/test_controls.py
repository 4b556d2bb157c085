"""Controls in a comparison: what is trained under which name, against what it is tested, and by what."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from overtone import experiments
from overtone.core import InputError
from overtone.experiments.comparison import expand_methods
from overtone.features import from_arrays
from overtone.features.corpora.simulated import SimulatorSettings, simulate
from overtone.interactions import InteractionTrainer, cross_fitting
from overtone.methods.interactions import MARGIN

SMALL = {"classes": 4, "interactions": 4, "train_rows": 160, "test_rows": 60, "noise": 1.0}
QUICK: dict[str, Any] = {
    "epochs": 2,
    "width": 16,
    "collapse_rank": 0,
    "interactions": {
        "student": "lir",
        "event_weight": 1.0,
        "validation_fraction": 0.0,
        "weight": 20.0,
        "graph_start": 0.0,
        "threshold": 0.0,
        "folds": 2,
        "teacher": {"epochs": 2},
        "inference": {"bootstrap": 4},
    },
}


def simulated():
    return from_arrays(simulate(SimulatorSettings(**SMALL), seed=100))


def compare(*arguments, **options):
    return experiments.compare(*arguments, train=InteractionTrainer().train, **options)


def named(*arguments, **options):
    return {variant.name: variant for variant in expand_methods(*arguments, **options)}


def test_controls_stand_behind_their_method_with_its_settings():
    settings = {"epochs": 3, "interactions": {"weight": 0.5}}
    found = named(["interactions", "triplet"], settings, controls=True, ablate=True, truth={"interactions"})
    controls = ["no-graph", "soft-only", "shuffled-graph", "pairs-only", "planted-graph"]
    assert list(found) == ["interactions", *controls, "triplet", "interactions/no-graph", "interactions/lir"]
    assert [found[name].kind for name in controls] == ["control"] * 5
    assert found["shuffled-graph"].of == "interactions"
    assert found["shuffled-graph"].settings == {"epochs": 3, "weight": 0.5, "graph": "shuffled"}
    assert list(named(["interactions"], controls=True)) == ["interactions", *controls[:4]]
    assert list(named(["interactions"])) == ["interactions"]
    with pytest.raises(InputError, match="none of these methods has controls; got cca; valid: interactions"):
        expand_methods(["cca"], controls=True)


@pytest.fixture(scope="module")
def controlled():
    """A small comparison with controls, and how often teachers were trained for it."""
    calls = []
    patch = pytest.MonkeyPatch()
    train = cross_fitting.train

    def counted(*arguments, **more):
        calls.append(more["settings"]["seed"])
        return train(*arguments, **more)

    patch.setattr(cross_fitting, "train", counted)
    same = {"triplet": {"margin": MARGIN}}
    comparison = compare(
        ["triplet", "interactions"], simulated(), seeds=[0, 1], controls=True, settings={**QUICK, **same}
    )
    patch.undo()
    return comparison, calls


def test_names_and_metrics_are_as_promised(controlled):
    found = controlled[0].to_dict()
    assert list(found["methods"]) == [
        "triplet", "interactions",
        "no-graph", "soft-only", "shuffled-graph", "pairs-only", "planted-graph", "true-events",
    ]  # fmt: skip
    assert found["controls"] == {"interactions": list(found["methods"])[2:]}
    assert all({"map", "map_events"} <= entry.keys() for entry in found["methods"].values())


def test_each_control_is_tested_against_its_method_by_both_metrics(controlled):
    found = controlled[0].to_dict()
    pairs = [("triplet", "interactions"), *(("interactions", name) for name in list(found["methods"])[2:])]
    tests = [(test["metric"], test["a"], test["b"]) for test in found["paired_tests"]]
    assert tests == [(metric, *pair) for metric in ("map", "map_events") for pair in pairs]
    for test in found["paired_tests"]:
        a, b = (found["methods"][test[side]][test["metric"]]["mean"] for side in "ab")
        # a clip whose events show in one modality only asks in one direction: the means are not quite of the same
        assert test["difference"] == pytest.approx(a - b, abs=1e-9 if test["metric"] == "map" else 2e-3)


def test_controls_of_a_seed_share_their_teacher(controlled):
    calls = controlled[1]
    # two trials and two folds for each of two seeds, not once more for each control
    assert [calls.count(seed) for seed in (0, 1)] == [4, 4]


def test_no_graph_is_the_triplet_and_the_others_are_not(controlled):
    found = controlled[0].to_dict()["methods"]
    assert found["no-graph"]["map_events"]["mean"] == found["triplet"]["map_events"]["mean"]
    others = {found[name]["map_events"]["mean"] for name in ("no-graph", "pairs-only", "planted-graph")}
    assert len(others) == 3


def test_the_planted_graph_is_part_of_what_a_trial_depends_on(tmp_path):
    data = simulated()
    options = {"seeds": [0], "controls": True, "settings": QUICK, "out": tmp_path, "resume": True}
    made = []
    compare(["interactions"], data, progress=lambda report: made.append(report.label), **options)
    assert any("planted-graph" in label for label in made)
    made.clear()
    compare(["interactions"], data, progress=lambda report: made.append(report.label), **options)
    assert made == []
    data.truth["interactions"] = torch.roll(data.truth["interactions"], 1, 0)
    with pytest.raises(InputError, match="cannot be resumed, because these differ for .*: the data"):
        compare(["interactions"], data, **options)
    again = {**options, "resume": False, "overwrite": True}
    compare(["interactions"], data, progress=lambda report: made.append(report.label), **again)
    assert any("planted-graph" in label for label in made)


def test_what_makes_a_control_or_an_ablation_wins_over_given_settings():
    found = named(["interactions"], {"graph": "planted"}, controls=True)
    assert found["interactions"].settings["graph"] == "planted"
    assert found["shuffled-graph"].settings["graph"] == "shuffled"
    ablated = named(["hsc-mae"], {"reconstruction_weight": 0.5}, ablate=True)
    assert ablated["hsc-mae"].settings["reconstruction_weight"] == 0.5
    assert ablated["hsc-mae/no-reconstruction"].settings["reconstruction_weight"] == 0
