"""Heads on frozen features: one budget, the same first weights and batches for all losses."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from overtone.core import InputError
from overtone.experiments import Diagnosis, HeadSettings, diagnose
from overtone.experiments.probes import training
from overtone.experiments.probes.data import prepare_data
from overtone.experiments.probes.metrics import Heads
from overtone.experiments.probes.training import evaluation_epochs, train_heads
from overtone.features import load_views
from overtone.objectives import metric_losses, objectives
from overtone.training import TrainingStopped

from .conftest import QUICK, views


@pytest.mark.parametrize("names", [("image",), ("left", "right")], ids=["within", "across"])
def test_every_loss_learns_to_find_the_class(names: tuple[str, ...]) -> None:
    data = views(views=names)
    diagnosis = diagnose(data, losses=None, seeds=[0], settings=QUICK | {"epochs": 12})
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


def test_a_seed_gives_every_loss_the_same_beginning() -> None:
    found = diagnose(views(), losses=["triplet", "infonce"], seeds=[0], settings=QUICK).losses
    first = [{name: values[0] for name, values in result.evaluations.items()} for result in found.values()]
    assert first[0] == first[1]


def test_the_same_seed_gives_the_same_numbers_and_watching_changes_nothing() -> None:
    data, torch_state = views(), torch.get_rng_state()
    once, again = (
        diagnose(data, losses=["ccl"], seeds=[1], settings=QUICK).to_dict()["losses"]["ccl"] for _ in range(2)
    )
    once.pop("seconds"), again.pop("seconds")
    assert once == again
    seldom = diagnose(data, losses=["ccl"], seeds=[1], settings=QUICK | {"watch_every": 1}).to_dict()["losses"]["ccl"]
    assert seldom["map"] == once["map"]
    assert torch.equal(torch.get_rng_state(), torch_state)


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


class Broken(nn.Module):
    """A loss that is not a number."""

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return embeddings.sum() * float("nan")


def test_a_loss_that_is_not_a_number_stops_the_training() -> None:
    with pytest.raises(TrainingStopped, match=r"Broken, seed 0 .*the loss became nan in step 1 of epoch 1"):
        diagnose(views(), losses=[Broken()], seeds=[0], settings=QUICK | {"batch_size": 16})


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
        load_views("toy-classes"), losses=["contrastive", "triplet"], seeds=[0], settings={"evaluations": 2}
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
    found = diagnose(
        data, losses=given, seeds=[0, 1], settings=QUICK | {"epochs": 12, "ours.margin": 0.1}, out=tmp_path
    )
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
    found = diagnose(views(), losses=[Spread(), "triplet"], seeds=[0], settings=QUICK)
    assert list(found.losses) == ["Spread", "triplet"]
    with pytest.raises(InputError, match="Spread is named twice"):
        diagnose(views(), losses=[Spread(), Spread()], seeds=[0], settings=QUICK)
    with pytest.raises(InputError, match="unknown setting of Spread 'margin'"):
        diagnose(views(), losses=[Spread()], seeds=[0], settings=QUICK | {"Spread.margin": 1})
