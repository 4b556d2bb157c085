"""Heads on frozen features: one budget, the same first weights and batches for all losses, nothing from test rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from overtone.core import InputError
from overtone.diagnosis import variance
from overtone.experiments import Diagnosis, HeadSettings, diagnose, split_head_settings
from overtone.experiments.probes.data import prepare_data
from overtone.experiments.probes.metrics import Heads
from overtone.experiments.probes.training import evaluation_epochs, train_heads
from overtone.features import Features, load_views, views_from_arrays
from overtone.objectives import metric_losses, objectives

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
    with pytest.raises(InputError, match="one class"):
        diagnose(["triplet"], replace(data, targets=one))


def test_several_labels_are_for_losses_that_take_them() -> None:
    data = views()
    assert data.targets is not None
    several = data.targets.clone()
    several[::2] = several[::2].roll(1, 1).maximum(several[::2])
    several = replace(data, targets=several, label_kind="multi")
    single_only = ("arcface", "n-pair")
    takers = [name for name in metric_losses() if name not in single_only]
    found = diagnose(takers, several, seeds=[0], settings=QUICK).to_dict()
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
    assert found[0] == 1
    assert found[-1] == 700
    assert len(found) <= 20


def test_embeddings_have_unit_length_in_every_view() -> None:
    rows = prepare_data(views(views=("left", "right")), "zscore", torch.device("cpu"))
    for view in Heads([6, 7], 5, hidden=9).embed(rows.test, 64):
        assert view.norm(dim=1) == pytest.approx(torch.ones(len(view)), abs=1e-6)


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
