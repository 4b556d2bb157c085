"""The metric-learning losses against pytorch-metric-learning, value and gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from overtone.objectives import MetricLoss, metric_losses

peer = pytest.importorskip("pytorch_metric_learning")
from pytorch_metric_learning import distances, losses, miners, reducers  # noqa: E402

Call = Callable[..., Tensor]
COSINE, EUCLIDEAN, SQUARED = distances.CosineSimilarity(), distances.LpDistance(), distances.LpDistance(power=2)
SIZES = [(48, 3), (64, 10), (64, 30)]


def build(name: str, **settings: Any) -> MetricLoss:
    return metric_losses()[name](**settings)


def mined(loss: Call, miner: Call) -> Call:
    """A loss of theirs over the tuples that a miner picks."""

    def call(z: Tensor, y: Tensor, ref_emb: Tensor | None = None, ref_labels: Tensor | None = None) -> Tensor:
        return loss(z, y, miner(z, y, ref_emb, ref_labels), ref_emb=ref_emb, ref_labels=ref_labels)

    return call


def triplets(margin: float, **options: object) -> Call:
    return losses.TripletMarginLoss(margin=margin, **options)


ALL = reducers.MeanReducer()
SAME: dict[str, tuple[MetricLoss, Call]] = {
    "contrastive": (build("contrastive", power=1, reduction="active"), losses.ContrastiveLoss()),
    "contrastive, other margins": (
        build("contrastive", pos_margin=0.7, neg_margin=1.5, power=1, reduction="kinds"),
        losses.ContrastiveLoss(pos_margin=0.7, neg_margin=1.5, reducer=ALL),
    ),
    "contrastive, cosine": (
        build("contrastive", pos_margin=0.2, neg_margin=0.9, power=1, distance="cosine", reduction="active"),
        losses.ContrastiveLoss(pos_margin=0.8, neg_margin=0.1, distance=COSINE),
    ),
    "contrastive, squared distance": (
        build("contrastive", power=1, distance="squared", reduction="active"),
        losses.ContrastiveLoss(distance=SQUARED),
    ),
    "triplet": (build("triplet"), triplets(0.2, distance=SQUARED)),
    "triplet, euclidean": (build("triplet", margin=0.05, distance="euclidean"), triplets(0.05)),
    "triplet, mean over all": (build("triplet", reduction="all"), triplets(0.2, distance=SQUARED, reducer=ALL)),
    "triplet, cosine": (build("triplet", margin=0.3, distance="cosine"), triplets(0.3, distance=COSINE)),
    "triplet, semi-hard": (
        build("triplet", margin=0.2, mining="semi-hard", distance="euclidean"),
        mined(triplets(0.2), miners.TripletMarginMiner(0.2, "semihard", distance=EUCLIDEAN)),
    ),
    "triplet, batch-hard": (
        build("triplet", margin=0.2, mining="batch-hard", distance="euclidean"),
        mined(triplets(0.2), miners.BatchHardMiner(distance=EUCLIDEAN)),
    ),
    "infonce": (build("infonce"), losses.NTXentLoss()),
    "infonce, warm": (build("infonce", temperature=1.0), losses.NTXentLoss(temperature=1.0)),
    "scl": (build("scl"), losses.SupConLoss()),
    "scl, warm": (build("scl", temperature=1.0), losses.SupConLoss(temperature=1.0)),
}


def rows(n: int, classes: int, seed: int, spread: float = 1.0) -> tuple[Tensor, Tensor]:
    """Rows around class centres, every class at least once."""
    random = torch.Generator().manual_seed(seed)
    y = torch.cat((torch.arange(classes), torch.randint(classes, (n - classes,), generator=random)))
    centres = torch.randn(classes, 16, generator=torch.Generator().manual_seed(9))
    return centres[y] + spread * torch.randn(n, 16, generator=random), y


def agree(ours: Call, theirs: Call, *inputs: Tensor) -> None:
    """Equal values, and equal gradients with respect to every floating input."""
    results = []
    for call in (ours, theirs):
        given = [value.clone().requires_grad_() if value.is_floating_point() else value for value in inputs]
        value = call(*given)
        results.append((value, *torch.autograd.grad(value, [one for one in given if one.requires_grad])))
    assert results[1][0] != 0
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-5, atol=1e-6)
    for found, wanted in zip(results[0][1:], results[1][1:]):  # whose entries are small numbers
        assert (found - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("spread", [0.6, 1.0])
@pytest.mark.parametrize(("n", "classes"), SIZES)
@pytest.mark.parametrize("name", SAME)
def test_within_a_batch(name: str, n: int, classes: int, spread: float) -> None:
    ours, theirs = SAME[name]
    agree(ours, theirs, *rows(n, classes, seed=0, spread=spread))


@pytest.mark.parametrize(("n", "classes"), SIZES)
@pytest.mark.parametrize("name", SAME)
def test_against_a_gallery(name: str, n: int, classes: int) -> None:
    ours, theirs = SAME[name]
    z, y = rows(n, classes, seed=0)
    gallery, labels = rows(40, classes, seed=1)
    agree(ours, lambda a, c, b, d: theirs(a, c, ref_emb=b, ref_labels=d), z, y, gallery, labels)


@pytest.mark.parametrize(("n", "classes"), SIZES)
def test_n_pair(n: int, classes: int) -> None:
    agree(build("n-pair"), losses.NPairsLoss(), *rows(n, classes, seed=0))


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.2])
@pytest.mark.parametrize(("n", "classes"), SIZES)
def test_arcface(n: int, classes: int, margin: float) -> None:
    ours = build("arcface", classes=classes, embedding_dim=16, margin=margin, scale=16.0)
    theirs = losses.ArcFaceLoss(classes, 16, margin=math.degrees(margin), scale=16.0)
    theirs.W.data = ours.centres.data.T.clone()
    z, y = rows(n, classes, seed=0)
    agree(ours, theirs, z, y)
    for one in (ours, theirs):
        one(z, y).backward()
    torch.testing.assert_close(ours.centres.grad, theirs.W.grad.T, rtol=1e-5, atol=1e-5)


def test_one_active_triplet_of_many_is_all_that_counts() -> None:
    """Where both of us average over what is active, easy triplets do not dilute the hard one."""
    z = torch.eye(4)[torch.arange(8) % 4]
    z[0] = torch.tensor([0.8, 0.6, 0.0, 0.0])
    y = torch.arange(8) % 4
    agree(
        build("triplet", margin=0.3, distance="euclidean"),
        triplets(0.3),
        z + 1e-3 * torch.randn(8, 4, generator=torch.Generator().manual_seed(0)),
        y,
    )
