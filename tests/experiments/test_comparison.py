"""Comparisons: their numbers, their shape, and that an interrupted one goes on."""

from __future__ import annotations

import itertools
import json
import statistics

import numpy as np
import pytest

from overtone.core import InputError
from overtone.experiments import compare
from overtone.training import train

METHODS = ["toy", "toy-closed", "toy-supervised"]


def untimed(found):
    found = json.loads(json.dumps(found))
    for entry in (found, *found["methods"].values(), *found["ablation"].values()):
        entry.pop("seconds")
    return found


def test_the_numbers_are_those_of_the_single_runs(data):
    found = compare(METHODS, data, seeds=[3, 4]).to_dict()
    runs = [train("toy", data, settings={"seed": seed}).evaluation.to_dict() for seed in (3, 4)]
    entry = found["methods"]["toy"]
    for metric in ("map", "map_running", "recall@1", "median_rank"):
        for way in ("a2v", "v2a", "mean"):
            assert entry[metric][way] == pytest.approx(statistics.fmean(run[metric][way] for run in runs))
        assert entry[metric]["std"] == pytest.approx(statistics.stdev(run[metric]["mean"] for run in runs))
    assert entry["seeds"] == pytest.approx([run["map"]["mean"] for run in runs])
    low, high = entry["map"]["ci95"]
    assert low < entry["map"]["mean"] < high
    raw = train("toy", data, settings={"seed": 3}).embed(data.split("test"), "raw")
    assert entry["variants"]["raw"]["map"]["mean"] != entry["map"]["mean"]
    assert raw.keys() == set(data.names)


def test_the_shape_is_as_promised(data, tmp_path):
    found = compare(METHODS, data, seeds=[0, 1], ablate=True, out=tmp_path).to_dict()
    assert list(found["methods"]) == METHODS
    assert list(found["ablation"]) == ["toy/no-pull", "toy-supervised/no-pull"]
    assert found["seeds"] == [0, 1]
    assert found["queries"] == 50
    assert found["modalities"] == ["audio", "visual"]
    assert found["report"] is None
    assert json.loads((tmp_path / "comparison.json").read_text()) == json.loads(json.dumps(found))
    pairs = [(test["a"], test["b"]) for test in found["paired_tests"]]
    ranked = sorted(METHODS, key=lambda name: -found["methods"][name]["map"]["mean"])
    assert pairs == [
        *itertools.combinations(ranked, 2),
        ("toy", "toy/no-pull"),
        ("toy-supervised", "toy-supervised/no-pull"),
    ]


def test_a_closed_form_has_no_spread(data):
    entry = compare(["toy-closed"], data, seeds=[0, 1, 2]).to_dict()["methods"]["toy-closed"]
    assert entry["map"]["std"] == pytest.approx(0.0, abs=1e-12)
    assert len(entry["seeds"]) == 3


def test_paired_tests_see_what_is_there(data):
    comparison = compare(["toy", "toy-closed"], data, seeds=[0, 1])
    test = comparison.to_dict()["paired_tests"][0]
    means = [entry["map"]["mean"] for entry in comparison.to_dict()["methods"].values()]
    assert test["difference"] == pytest.approx(means[0] - means[1])
    assert test["ci95"][0] < test["difference"] < test["ci95"][1]
    ahead = np.array(comparison.to_dict()["methods"]["toy"]["seeds"]) > np.array(
        comparison.to_dict()["methods"]["toy-closed"]["seeds"]
    )
    assert test["seeds_ahead"] == ahead.sum()


def test_an_interrupted_comparison_goes_on(data, tmp_path):
    whole = compare(METHODS, data, seeds=[0, 1], ablate=True).to_dict()
    trained = []

    def fail_late(report):
        trained.append(report.label)
        if report.label.startswith("toy-supervised, seed 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(METHODS, data, seeds=[0, 1], ablate=True, out=tmp_path, progress=fail_late)
    before = set(trained)
    trained.clear()
    note = lambda report: trained.append(report.label)  # noqa: E731
    found = compare(METHODS, data, seeds=[0, 1], ablate=True, out=tmp_path, resume=True, progress=note)
    assert untimed(found.to_dict()) == untimed(whole)
    assert set(trained) & before == {"toy-supervised, seed 1 (6/10)"}


def test_other_settings_or_data_are_not_resumed(data, make, tmp_path):
    def labels(data, **changes):
        seen = set()
        settings = {"epochs": 2, **changes}
        options = {"settings": settings, "out": tmp_path, "resume": True}
        compare(["toy"], data, seeds=[0], progress=lambda report: seen.add(report.label), **options)
        return len(seen)

    assert labels(data) == 1
    assert labels(data) == 0
    stored = (tmp_path / "results/toy/seed-0.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"differ for toy: pull \(was not set, now 0.5\); give what"):
        labels(data, pull=0.5)
    with pytest.raises(InputError, match=r"differ for toy: the data"):
        labels(make(seed=1))
    assert (tmp_path / "results/toy/seed-0.safetensors").read_bytes() == stored
    assert labels(data) == 0


def test_settings_reach_every_method_that_has_them(data):
    settings = {"epochs": 2, "pull": 0.7, "toy-supervised": {"epochs": 3}}
    found = compare(METHODS, data, seeds=[0], settings=settings).settings
    assert (found["toy"]["pull"], found["toy"]["epochs"]) == (0.7, 2)
    assert (found["toy-supervised"]["pull"], found["toy-supervised"]["epochs"]) == (0.7, 3)
    assert "pull" not in found["toy-closed"]
    with pytest.raises(InputError, match="unknown setting of toy, toy-closed 'pulll'.*did you mean 'pull'"):
        compare(["toy", "toy-closed"], data, seeds=[0], settings={"pulll": 1})
    with pytest.raises(InputError, match="sets the seed itself"):
        compare(["toy"], data, seeds=[0], settings={"seed": 1})


def test_without_labels_partners_are_what_is_compared(make):
    unlabelled = make(labels=None, label_kind="none", class_names=())
    found = compare(["toy", "toy-closed"], unlabelled, seeds=[0, 1])
    assert found.to_dict()["metric"] == "instance_recall@10"
    assert found.to_dict()["paired_tests"][0]["metric"] == "instance_recall@10"
    assert "map" not in found.to_dict()["methods"]["toy"]
    assert found.per_class == {}


def test_what_cannot_be_compared_is_refused(data, make):
    with pytest.raises(InputError, match="no split 'test'"):
        compare(["toy"], make(splits={"train": data.splits["train"]}))
    with pytest.raises(InputError, match="at least one method and one seed"):
        compare(["toy"], data, seeds=[])
    with pytest.raises(InputError, match="unknown method 'tay'"):
        compare(["tay"], data)
