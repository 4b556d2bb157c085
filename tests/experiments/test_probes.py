"""Heads on frozen features: one budget, the same first weights and batches for all losses, nothing from test rows."""

from __future__ import annotations

import importlib
import itertools
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from overtone.core import InputError
from overtone.diagnosis import Evidence, variance
from overtone.evaluation import evaluate
from overtone.experiments import Diagnosis, HeadSettings, diagnose, split_head_settings
from overtone.experiments.grid import Trial
from overtone.experiments.probes import training
from overtone.experiments.probes.data import evenly_spaced, prepare_data
from overtone.experiments.probes.metrics import Heads, ProbeMetrics, measure_retrieval, measure_space
from overtone.experiments.probes.training import evaluation_epochs, train_heads
from overtone.features import Features, load_views, views_from_arrays
from overtone.objectives import metric_losses, objectives
from overtone.training import TrainingStopped

QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 64, "learning_rate": 1e-2, "embedding_dim": 8, "evaluations": 2}


def arrays(rows: int = 240, views: tuple[str, ...] = ("image",), classes: int = 4, seed: int = 0) -> dict[str, Any]:
    """Classes that overlap a little, in one view or in two."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    hidden = np.eye(classes)[y] + 0.3 * random.standard_normal((rows, classes))
    made: dict[str, Any] = {view: hidden @ random.standard_normal((classes, 6 + i)) for i, view in enumerate(views)}
    return {**made, "y": y, "split": np.where(np.arange(rows) % 3 == 0, "test", "train")}


def views(**options: Any) -> Features:
    return views_from_arrays(arrays(**options), modalities=options.get("views", ("image",)))


@pytest.mark.parametrize("names", [("image",), ("left", "right")], ids=["within", "across"])
def test_every_loss_learns_to_find_the_class(names: tuple[str, ...]) -> None:
    data = views(views=names)
    diagnosis = diagnose(None, data, seeds=[0], settings=QUICK | {"epochs": 12})
    found = diagnosis.to_dict()
    assert list(found["losses"]) == list(metric_losses())
    assert found["protocol"] == ("across" if len(names) == 2 else "within")
    for name, entry in found["losses"].items():
        curve = diagnosis.curve(name, "map").values
        assert curve[-1] > curve[0], name
        assert entry["map"] > 0.5, name
        assert all(0 <= value <= 1 for value in entry["active_ratio"]), name
        assert len(entry["active_ratio"]) == len(entry["gradient_norm"]) == 12, name
        assert min(entry["gradient_norm"]) >= 0, name


def test_numbers_of_a_loss_are_means_over_the_seeds() -> None:
    data = views()
    both = diagnose(["triplet"], data, seeds=[3, 5], settings=QUICK).to_dict()["losses"]["triplet"]
    alone = [diagnose(["triplet"], data, seeds=[s], settings=QUICK).to_dict()["losses"]["triplet"] for s in (3, 5)]
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


def test_a_seed_gives_every_loss_the_same_beginning() -> None:
    found = diagnose(["triplet", "infonce"], views(), seeds=[0], settings=QUICK).losses
    first = [{name: values[0] for name, values in result.evaluations.items()} for result in found.values()]
    assert first[0] == first[1]


def test_the_same_seed_gives_the_same_numbers_and_watching_changes_nothing() -> None:
    data, torch_state = views(), torch.get_rng_state()
    once, again = (diagnose(["ccl"], data, seeds=[1], settings=QUICK).to_dict()["losses"]["ccl"] for _ in range(2))
    once.pop("seconds"), again.pop("seconds")
    assert once == again
    seldom = diagnose(["ccl"], data, seeds=[1], settings=QUICK | {"watch_every": 1}).to_dict()["losses"]["ccl"]
    assert seldom["map"] == once["map"]
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_test_rows_have_no_part_in_training() -> None:
    data = views()
    other = {name: rows.clone() for name, rows in data.modalities.items()}
    other["image"][data.splits["test"]] *= -3.0
    settings = HeadSettings.build(QUICK).completed(160)
    trained = []
    for modalities in (data.modalities, other):
        rows = prepare_data(replace(data, modalities=modalities), "zscore", torch.device("cpu"))
        trained.append(train_heads(objectives["scl"], rows, settings, seed=0).values)
    assert trained[0]["epochs"] == trained[1]["epochs"]
    known = [values["evaluations"]["train_intra_variance"] for values in trained]
    assert known[0] == known[1]
    assert trained[0]["final"]["map"] != trained[1]["final"]["map"]


def test_the_last_look_is_the_variance_of_the_final_embeddings() -> None:
    found = diagnose(["contrastive"], views(), seeds=[0], settings=QUICK)
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
    before = diagnose([], data).features
    assert before is not None
    assert before.measured("map").mean == pytest.approx(known)
    found = diagnose(["triplet"], data, seeds=[0], settings=QUICK)
    assert list(found.views) == ["left", "right"]
    assert len(found.embeddings["triplet"]) == len(found.labels) == 2 * len(targets)
    assert list(found.labels) == [*targets.argmax(1).tolist()] * 2


def test_batches_come_in_another_order_every_epoch_and_with_fresh_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = prepare_data(views(), "zscore", torch.device("cpu"))
    seen: list[list[int]] = []
    optimizers: list[torch.optim.Optimizer] = []
    loss_of_views, make_optimizer = training.loss_of_views, training._optimizer

    def record(loss: Any, embeddings: Any, labels: torch.Tensor) -> torch.Tensor:
        seen.append(labels.tolist())
        parameters = [one for group in optimizers[0].param_groups for one in group["params"]]
        assert all(one.grad is None for one in parameters)
        return loss_of_views(loss, embeddings, labels)

    def keep(*given: Any) -> torch.optim.Optimizer:
        optimizers.append(make_optimizer(*given))
        return optimizers[-1]

    monkeypatch.setattr(training, "loss_of_views", record)
    monkeypatch.setattr(training, "_optimizer", keep)
    trial = train_heads(objectives["scl"], rows, HeadSettings.build(QUICK | {"epochs": 2}).completed(160), seed=0)
    first, second = (list(itertools.chain(*seen[start : start + 3])) for start in (0, 3))
    assert first != second
    assert sorted(first) == sorted(second) == sorted(rows.train.labels.tolist())
    assert trial.values["epochs"]["epoch"] == [1, 2]


def test_the_optimizer_has_a_rate_for_the_loss_and_a_decay_for_the_heads() -> None:
    settings = HeadSettings(learning_rate=0.1, loss_learning_rate=0.5, weight_decay=0.01)
    groups = training._optimizer(nn.Linear(2, 2), nn.Linear(2, 2), settings, torch.device("cpu")).param_groups
    assert [(group["lr"], group["weight_decay"]) for group in groups] == [(0.1, 0.01), (0.5, 0.0)]
    groups = training._optimizer(nn.Linear(2, 2), nn.Identity(), settings, torch.device("cpu")).param_groups
    assert len(groups) == 1


def test_the_verdict_gets_evidence_of_train_test_and_features_as_means(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("overtone.experiments.probes.diagnose")
    final = {"intra_variance": 0.6, "recall@1": 0.5, "train": {"intra_variance": 0.2}, "greediness": {"steps": 9}}
    (one,) = module._evidence([Trial({}, {"final": final})], {"intra_variance": 0.9, "recall@1": 0.25})
    assert (one.recall, one.features_recall) == (0.5, 0.25)
    assert one.figures("variance.intra_variance", "train_variance.intra_variance") == [0.6, 0.2]
    assert one.figures("features_variance.intra_variance", "greediness.steps") == [0.9, 9]
    judged: list[Evidence] = []
    monkeypatch.setattr(module, "verdict", lambda evidence: judged.append(evidence) or [])
    found = diagnose(["triplet"], views(), seeds=[3, 5], settings=QUICK).losses["triplet"].measured("intra_variance")
    assert judged[-1].figure("variance", "intra_variance") == pytest.approx(found.mean)
    assert found.values[0] != found.values[1]


def test_what_is_watched_over_training_has_its_mean_and_its_last_value() -> None:
    result = diagnose(["triplet"], views(), seeds=[0], settings=QUICK).losses["triplet"]
    series = [value for value in result.series["gradient_norm"] if value is not None]
    assert series[0] != series[-1]
    assert result.measured("mean_gradient_norm").mean == pytest.approx(np.mean(series))
    assert result.measured("gradient_norm").mean == series[-1]


def test_two_losses_are_paired_over_the_seeds_and_recommended() -> None:
    found = diagnose(["triplet", "contrastive"], views(), seeds=[0, 1], settings=QUICK)
    for test in found.paired_tests:
        first, second = (found.measured(name, test.quantity).mean or 0.0 for name in (test.a, test.b))
        assert test.difference == pytest.approx(first - second, rel=1e-4)
    assert {test.quantity for test in found.paired_tests} >= {"intra_variance", "map"}
    assert found.recommendation.choices["diversity"] in ("triplet", "contrastive")


class Broken(nn.Module):
    """A loss that is not a number."""

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return 0.0 * embeddings.sum() + float("nan")


def test_a_loss_that_is_not_a_number_stops_the_training() -> None:
    with pytest.raises(TrainingStopped, match=r"Broken, seed 0 .*the loss became nan in epoch 1"):
        diagnose([Broken()], views(), seeds=[0], settings=QUICK)


def test_features_as_they_came_are_judged_unscaled() -> None:
    data = views()
    test = data.split("test")
    assert test.targets is not None
    found = diagnose([], data).to_dict()
    known = variance(test.modalities["image"], test.targets).to_dict()
    assert found["features"]["intra_variance"] == pytest.approx(known["intra_variance"])
    assert found["losses"] == {}
    assert "collapse" not in [hit["rule"] for hit in found["features"]["verdict"]]
    data.modalities["image"][:] = data.modalities["image"].mean(0) + 1e-6 * data.modalities["image"]
    (hit,) = (hit for hit in diagnose([], data).to_dict()["features"]["verdict"] if hit["rule"] == "collapse")
    assert hit["figure"] < hit["threshold"]


def test_class_disjoint_rows_are_noticed_and_trained_with_fewer_centres() -> None:
    given = arrays()
    given["split"] = np.where(given["y"] < 2, "train", "test")
    diagnosis = diagnose(["ccl", "arcface"], views_from_arrays(given), seeds=[0], settings=QUICK)
    found = diagnosis.to_dict()
    assert found["class_disjoint"] is True
    assert found["classes"] == {"train": 2, "test": 2}
    assert found["losses"]["ccl"]["settings"]["classes"] == 2
    assert set(found["losses"]["ccl"]["per_class"]) == {"2", "3"}


def test_a_resumed_diagnosis_takes_what_is_there_and_trains_the_rest(tmp_path: Path) -> None:
    data, trained = views(), []
    first = diagnose(["triplet"], data, seeds=[0], settings=QUICK, out=tmp_path)
    again = diagnose(
        ["triplet"],
        data,
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
    diagnose(
        ["triplet"], data, seeds=[0], settings=QUICK | {"margin": 0.4}, out=tmp_path, resume=True,
        progress=lambda r: trained.append(r.label),
    )  # fmt: skip
    assert trained


def test_settings_go_to_every_loss_that_has_them_or_to_one() -> None:
    budget, own = split_head_settings({"epochs": 3, "temperature": 0.2, "infonce.temperature": 0.3}, ["infonce", "scl"])
    assert budget.epochs == 3
    assert own == {"infonce": {"temperature": 0.3}, "scl": {"temperature": 0.2}}
    assert split_head_settings({"scl": {"temperature": 0.5}}, ["scl"])[1] == {"scl": {"temperature": 0.5}}


@pytest.mark.parametrize(
    ("losses", "settings", "said"),
    [
        (["triplett"], {}, "triplet"),
        (["triplet"], {"margn": 1}, "margin"),
        (["triplet"], {"triplet.margn": 1}, "margin"),
        (["triplet"], {"scl.temperature": 1}, "not compared"),
        (["triplet"], {"epochs": 0}, "epochs"),
        (["triplet"], {"margin": -1}, "margin"),
        (["triplet", "triplet"], {}, "twice"),
        (["arcface"], {"classes": 7}, "classes"),
    ],
)
def test_wrong_names_and_values_are_said_before_training(
    losses: list[str], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        diagnose(losses, views(), seeds=[0], settings=QUICK | settings)


def test_data_that_cannot_be_learnt_from() -> None:
    data = views()
    with pytest.raises(InputError, match="labels"):
        diagnose(["triplet"], replace(data, targets=None, label_kind="none", class_names=()))
    assert data.targets is not None
    one = torch.zeros_like(data.targets)
    one[:, 0] = 1
    with pytest.raises(InputError, match="the training rows have one class only"):
        diagnose(["triplet"], replace(data, targets=one))
    single = data.targets.clone()
    single[data.splits["test"][1:]] = 0
    with pytest.raises(InputError, match="fewer than two test rows have a label"):
        diagnose(["triplet"], replace(data, targets=single))


def test_several_labels_are_for_losses_that_take_them() -> None:
    data = views()
    assert data.targets is not None
    several = data.targets.clone()
    several[::2] = several[::2].roll(1, 1).maximum(several[::2])
    several = replace(data, targets=several, label_kind="multi")
    single_only = ("arcface", "n-pair")
    takers = [name for name in metric_losses() if name not in single_only]
    diagnosis = diagnose(takers, several, seeds=[0], settings=QUICK)
    found = diagnosis.to_dict()
    assert list(diagnosis.labels) == several.targets[several.splits["test"]].argmax(1).tolist()
    assert all(np.isfinite(entry["map"]) for entry in found["losses"].values())
    for name in single_only:
        with pytest.raises(InputError, match="label"):
            diagnose([name], several, seeds=[0], settings=QUICK)


def test_batches_too_small_for_a_pair_are_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match="batch_size"):
        diagnose(["triplet"], views(), seeds=[0], settings=QUICK | {"batch_size": 2})


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    data = views()
    assert data.targets is not None
    missing = data.targets.clone()
    missing[:9] = 0
    diagnosis = diagnose(["scl"], replace(data, targets=missing), seeds=[0], settings=QUICK)
    assert sum(diagnosis.to_dict()["rows"].values()) == len(data) - 9
    assert any("without a label" in note for note in diagnosis.notes)


def test_a_small_corpus_gets_more_epochs_and_a_faster_rate_so_that_the_way_stays_as_long() -> None:
    paper = HeadSettings().completed(50_000)
    assert (paper.epochs, paper.learning_rate, paper.batch_size) == (100, 1e-4, 512)
    small = HeadSettings().completed(1_257)
    assert small.batch_size == 157
    updates = (small.epochs or 0) * round(1_257 / 157)
    assert updates >= 1000
    assert updates * (small.learning_rate or 0) == pytest.approx(9_800 * 1e-4, rel=0.05)
    assert HeadSettings(epochs=1).completed(100).learning_rate == 1e-3
    assert HeadSettings(learning_rate=0.5).completed(100).learning_rate == 0.5
    assert HeadSettings().completed(100).batch_size == 32
    assert HeadSettings().completed(20).batch_size == 20
    assert HeadSettings(batch_size=512).completed(300).batch_size == 300


def test_measurements_are_dense_at_first_and_include_the_end() -> None:
    assert evaluation_epochs(1, 20) == {1}
    found = sorted(evaluation_epochs(700, 20))
    assert found[:2] == [1, 2]
    assert found[-1] == 700
    assert len(found) <= 20


def test_embeddings_have_unit_length_in_every_view() -> None:
    rows = prepare_data(views(views=("left", "right")), "zscore", torch.device("cpu"))
    heads = Heads([6, 7], 5, hidden=9)
    for view in (*heads.embed(rows.test, 64), *heads(rows.test.views)):
        assert view.detach().norm(dim=1) == pytest.approx(torch.ones(len(view)), abs=1e-6)


def test_triplet_keeps_twice_the_variance_of_contrastive_on_toy_classes() -> None:
    """What the predecessor of the VARIANCE study published on ten classes of 200 points in 128 dimensions."""
    found = diagnose(
        ["contrastive", "triplet"], load_views("toy-classes"), seeds=[0], settings={"evaluations": 2}
    ).to_dict()
    contrastive, triplet = found["losses"]["contrastive"], found["losses"]["triplet"]
    assert triplet["intra_variance"] >= 2 * contrastive["intra_variance"]
    assert triplet["centroid_distance"]["mean"] > contrastive["centroid_distance"]["mean"]


class Spread(nn.Module):
    """A loss of nobody's: pulls classes together, and counts nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        same = (labels[:, None] == labels[None, :]).float()
        distances = 1 - embeddings @ embeddings.T
        return (same * distances).mean() - (self.scale * (1 - same) * distances).mean()


def test_loss_modules_of_any_library_are_probed_like_registered_ones(tmp_path: Path) -> None:
    from pytorch_metric_learning import losses as pml

    data, mine = views(), Spread()
    given = {"mine": mine, "theirs": pml.TripletMarginLoss(margin=0.1), "ours": "triplet"}
    found = diagnose(given, data, seeds=[0, 1], settings=QUICK | {"epochs": 12, "ours.margin": 0.1}, out=tmp_path)
    assert list(found.losses) == ["mine", "theirs", "ours"]
    for name, result in found.losses.items():
        curve = result.curve("map")
        assert curve.values[-1] > curve.values[0], name
        assert (result.measured("active_ratio").mean is None) is (name != "ours"), name
        assert (result.series["active_ratio"] == [None] * 12) is (name != "ours"), name
        assert None not in result.series["active_samples"], name
    assert mine.scale.item() == 2.0  # each seed trains a copy
    assert found.losses["ours"].settings["margin"] == 0.1
    assert "does not count its terms" in (found.losses["mine"].active_means or "")
    assert found.losses["ours"].active_means == metric_losses()["triplet"].active_means
    assert Diagnosis.from_dict(found.to_dict()).losses == found.losses
    stored = sorted(path.parent.name for path in tmp_path.rglob("*.safetensors"))
    assert stored == ["ours", "ours"]


def test_a_list_of_modules_is_named_by_their_classes() -> None:
    found = diagnose([Spread(), "triplet"], views(), seeds=[0], settings=QUICK)
    assert list(found.losses) == ["Spread", "triplet"]
    with pytest.raises(InputError, match="Spread is named twice"):
        diagnose([Spread(), Spread()], views(), seeds=[0], settings=QUICK)
    with pytest.raises(InputError, match="unknown setting of Spread 'margin'"):
        diagnose([Spread()], views(), seeds=[0], settings=QUICK | {"Spread.margin": 1})


def test_without_names_all_registered_losses_are_probed() -> None:
    settings, own = split_head_settings({"epochs": 3}, None)
    assert list(own) == list(metric_losses())
    assert settings.epochs == 3
