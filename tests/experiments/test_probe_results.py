"""What a diagnosis holds: measurements, means over seeds, evidence for the verdict, and what is resumed."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.diagnosis import Evidence, variance
from overtone.evaluation import evaluate
from overtone.experiments import diagnose
from overtone.experiments.grid import Trial
from overtone.experiments.probes import summary
from overtone.experiments.probes.data import evenly_spaced, prepare_data
from overtone.experiments.probes.metrics import Heads, ProbeMetrics, measure_retrieval, measure_space
from overtone.features import views_from_arrays

from .conftest import QUICK, arrays, views


def test_numbers_of_a_loss_are_means_over_the_seeds() -> None:
    data = views()
    both = diagnose(data, losses=["triplet"], seeds=[3, 5], settings=QUICK).to_dict()["losses"]["triplet"]
    alone = [
        diagnose(data, losses=["triplet"], seeds=[s], settings=QUICK).to_dict()["losses"]["triplet"] for s in (3, 5)
    ]
    for name in ("intra_variance", "recall@1", "map", "effective_rank"):
        assert both[name] == pytest.approx(np.mean([one[name] for one in alone]))
        assert both["over_seeds"][name]["values"] == [one[name] for one in alone]
    assert both["centroid_distance"]["mean"] == pytest.approx(np.mean([o["centroid_distance"]["mean"] for o in alone]))
    low, high = both["over_seeds"]["map"]["ci95"]
    assert low <= both["map"] <= high
    spread = both["over_seeds"]["intra_variance"]
    assert spread["std"] == pytest.approx(statistics.stdev(spread["values"]))
    distances = [one["centroid_distance"] for one in alone]
    assert both["unevenness"] == pytest.approx(np.mean([one["std"] / one["mean"] for one in distances]))
    for name, one in both["per_class"].items():
        assert one["variance"] == pytest.approx(np.mean([single["per_class"][name]["variance"] for single in alone]))


def test_the_last_look_is_the_variance_of_the_final_embeddings() -> None:
    found = diagnose(views(), losses=["contrastive"], seeds=[0], settings=QUICK)
    known = variance(found.embeddings["contrastive"], found.labels).to_dict()
    result = found.losses["contrastive"]
    assert result.measured("intra_variance").mean == pytest.approx(known["intra_variance"], rel=1e-6)
    assert result.evaluations["epoch"] == [0, 1, 4]
    assert result.evaluations["updates"] == [0, 3, 12]


def test_a_sample_of_large_splits_is_measured_and_all_test_rows_at_the_end() -> None:
    rows = prepare_data(views(), "zscore", torch.device("cpu"))
    heads = Heads([6], 5)
    whole = [measure_space(heads.embed(part, 64), part.labels) for part in (rows.test, rows.train)]
    for sample in (40, 100):  # of 80 test rows and 160 training rows
        metrics = ProbeMetrics(rows, sample, 64)
        final, (embeddings,) = metrics.finish(heads, 1, 3)
        assert len(embeddings) == len(rows.test)
        assert final["intra_variance"] == whole[0]["intra_variance"]
        assert final["train"]["intra_variance"] == whole[1]["intra_variance"]
        parts = [part.spaced(sample) for part in (rows.test, rows.train)]
        some = [measure_space(heads.embed(part, 64), part.labels) for part in parts]
        assert metrics.series["intra_variance"] == [some[0]["intra_variance"]]
        assert metrics.series["centroid_distance"] == [some[0]["centroid_distance"]["mean"]]
        assert metrics.series["train_intra_variance"] == [some[1]["intra_variance"]]
        numbers = rows.train.numbers[evenly_spaced(len(rows.train), sample)]
        assert torch.equal(rows.train.spaced(sample).numbers, numbers)
    assert evenly_spaced(3, 9).tolist() == [0, 1, 2]


def test_two_views_are_retrieved_across_and_shown_together() -> None:
    given = arrays(views=("left", "right"))
    given["right"] = given["right"][:, :6]
    data = views_from_arrays(given, modalities=("left", "right"))
    left, right = (view[data.splits["test"]] for view in data.modalities.values())
    assert data.targets is not None
    targets = data.targets[data.splits["test"]]
    known = evaluate(left, right, targets, bootstrap=0)["map"].mean
    assert measure_retrieval([left, right], targets, 64)["map"] == pytest.approx(known)
    before = diagnose(data, losses=[]).features
    assert before is not None
    assert before.measured("map").mean == pytest.approx(known)
    found = diagnose(data, losses=["triplet"], seeds=[0], settings=QUICK)
    assert list(found.views) == ["left", "right"]
    assert len(found.embeddings["triplet"]) == len(found.labels) == 2 * len(targets)
    assert list(found.labels) == [*targets.argmax(1).tolist()] * 2


def test_the_verdict_gets_evidence_of_train_test_and_features_as_means(monkeypatch: pytest.MonkeyPatch) -> None:
    final = {"intra_variance": 0.6, "recall@1": 0.5, "train": {"intra_variance": 0.2}, "greediness": {"steps": 9}}
    (one,) = summary.collect_evidence([Trial({}, {"final": final})], {"intra_variance": 0.9, "recall@1": 0.25})
    assert (one.recall, one.features_recall) == (0.5, 0.25)
    assert one.figures("variance.intra_variance", "train_variance.intra_variance") == [0.6, 0.2]
    assert one.figures("features_variance.intra_variance", "greediness.steps") == [0.9, 9]
    judged: list[Evidence] = []
    monkeypatch.setattr(summary, "verdict", lambda evidence: judged.append(evidence) or [])
    found = (
        diagnose(views(), losses=["triplet"], seeds=[3, 5], settings=QUICK).losses["triplet"].measured("intra_variance")
    )
    assert judged[-1].figure("variance", "intra_variance") == pytest.approx(found.mean)
    assert found.values[0] != found.values[1]


def test_what_is_watched_over_training_has_its_mean_and_its_last_value() -> None:
    result = diagnose(views(), losses=["triplet"], seeds=[0], settings=QUICK).losses["triplet"]
    series = [value for value in result.series["gradient_norm"] if value is not None]
    assert series[0] != series[-1]
    assert result.measured("mean_gradient_norm").mean == pytest.approx(np.mean(series))
    assert result.measured("gradient_norm").mean == series[-1]


def test_two_losses_are_paired_over_the_seeds_and_recommended() -> None:
    found = diagnose(views(), losses=["triplet", "contrastive"], seeds=[0, 1], settings=QUICK)
    for test in found.paired_tests:
        first, second = (found.measured(name, test.quantity).mean or 0.0 for name in (test.a, test.b))
        assert test.difference == pytest.approx(first - second, rel=1e-4)
    assert {test.quantity for test in found.paired_tests} >= {"intra_variance", "map"}
    assert found.recommendation.choices["diversity"] in ("triplet", "contrastive")


def test_features_as_they_came_are_judged_unscaled() -> None:
    data = views()
    test = data.split("test")
    assert test.targets is not None
    found = diagnose(data, losses=[]).to_dict()
    known = variance(test.modalities["image"], test.targets).to_dict()
    assert found["features"]["intra_variance"] == pytest.approx(known["intra_variance"])
    assert found["losses"] == {}
    assert "collapse" not in [hit["rule"] for hit in found["features"]["verdict"]]
    data.modalities["image"][:] = data.modalities["image"].mean(0) + 1e-6 * data.modalities["image"]
    (hit,) = (hit for hit in diagnose(data, losses=[]).to_dict()["features"]["verdict"] if hit["rule"] == "collapse")
    assert hit["figure"] < hit["threshold"]


def test_a_resumed_diagnosis_takes_what_is_there_and_trains_the_rest(tmp_path: Path) -> None:
    data, trained = views(), []
    first = diagnose(data, losses=["triplet"], seeds=[0], settings=QUICK, out=tmp_path)
    again = diagnose(
        data,
        losses=["triplet"],
        seeds=[0, 1],
        settings=QUICK,
        out=tmp_path,
        resume=True,
        progress=lambda r: trained.append(r.label),
    )
    assert {label.split(" (")[0] for label in trained} == {"triplet, seed 1"}
    assert again.measured("triplet", "map").values[0] == first.measured("triplet", "map").mean
    assert again.measured("triplet", "intra_variance").values[0] == first.measured("triplet", "intra_variance").mean
    trained.clear()
    with pytest.raises(InputError, match=r"cannot be resumed, because these differ for triplet: .*margin"):
        diagnose(data, losses=["triplet"], seeds=[0], settings=QUICK | {"margin": 0.4}, out=tmp_path, resume=True)
    with pytest.raises(InputError, match=r"cannot be resumed, because these differ for triplet: the data"):
        diagnose(views(seed=1), losses=["triplet"], seeds=[0], settings=QUICK, out=tmp_path, resume=True)
