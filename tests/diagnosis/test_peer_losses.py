"""Every loss of pytorch-metric-learning that takes embeddings and labels runs under watch; the others have reasons."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.diagnosis import watch

pytest.importorskip("pytorch_metric_learning")
from pytorch_metric_learning import losses, reducers

CLASSES, WIDTH = 4, 8
LABELS = torch.arange(24) % CLASSES

CLASS_BASED: dict[str, Any] = {"num_classes": CLASSES, "embedding_size": WIDTH}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        (
            "ArcFaceLoss",
            "CosFaceLoss",
            "LargeMarginSoftmaxLoss",
            "NormalizedSoftmaxLoss",
            "ProxyAnchorLoss",
            "ProxyNCALoss",
            "SoftTripleLoss",
            "SphereFaceLoss",
            "SubCenterArcFaceLoss",
        ),
        CLASS_BASED,
    ),
    "HistogramLoss": {"n_bins": 10},
    "P2SGradLoss": {"descriptors_dim": WIDTH, "num_classes": CLASSES},
    "RankedListLoss": {"margin": 1.0, "Tn": 1.0},
}
"""What those need that cannot do without arguments."""

WRAPPERS: dict[str, Callable[[], nn.Module]] = {
    "CrossBatchMemory": lambda: losses.CrossBatchMemory(losses.ContrastiveLoss(), WIDTH, memory_size=48),
    "MultipleLosses": lambda: losses.MultipleLosses([losses.TripletMarginLoss(), losses.NTXentLoss()]),
    "ThresholdConsistentMarginLoss": lambda: losses.ThresholdConsistentMarginLoss(),
}
"""Those that are made of others."""

NOT_FOR_LABELS = {
    "BaseLossWrapper": "abstract",
    "BaseMetricLossFunction": "abstract",
    "EmbeddingRegularizerMixin": "no loss: a part of others",
    "GenericPairLoss": "abstract",
    "ManifoldLoss": "refuses labels",
    "SelfSupervisedLoss": "takes two sets of embeddings and no labels; watched in a test of its own",
    "VICRegLoss": "takes two sets of embeddings and refuses labels; watched in a test of its own",
    "WeightRegularizerMixin": "no loss: a part of others",
}
"""The exceptions, each with its reason."""

ONE_STEP = {"DynamicSoftMarginLoss": "its running histogram keeps the graph of the step before: it fails at the second"}
"""Losses that cannot train on, watched or not."""

NAMES = sorted(name for name, kind in vars(losses).items() if inspect.isclass(kind))


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    loss: nn.Module = WRAPPERS[name]() if name in WRAPPERS else getattr(losses, name)(**ARGUMENTS.get(name, {}))
    return loss


def batch(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.one_hot(LABELS, WIDTH) + 0.5 * torch.randn(len(LABELS), WIDTH, generator=generator)


def train(loss: nn.Module, steps: int) -> list[float]:
    torch.manual_seed(0)
    head = nn.Linear(WIDTH, WIDTH)
    optimizer = torch.optim.SGD([*head.parameters(), *loss.parameters()], 0.01)
    values = []
    for seed in range(steps):
        optimizer.zero_grad()
        value = loss(F.normalize(head(batch(seed))), LABELS)
        value.backward()
        optimizer.step()
        values.append(value.item())
    return values


def test_the_tables_speak_of_losses_that_exist() -> None:
    assert {*ARGUMENTS, *WRAPPERS, *NOT_FOR_LABELS} <= set(NAMES)
    assert len(NAMES) - len(NOT_FOR_LABELS) >= 30


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_FOR_LABELS])
def test_a_loss_runs_under_watch_and_trains_as_without(name: str) -> None:
    steps = 1 if name in ONE_STEP else 4
    plain = train(made(name), steps)
    loss = made(name)
    with watch(loss, every=2) as w:
        watched = train(loss, steps)
    assert watched == plain
    series = w.steps
    assert series.loss == pytest.approx(plain)
    assert len(series.gradient_norm) == len(series.active_ratio) == steps
    assert all(math.isfinite(norm) and norm >= 0 for norm in series.gradient_norm)
    assert all(0 <= share <= 1 for share in series.active_ratio)
    assert series.measured_at == list(range(1, steps + 1, 2))
    assert all(0 < variance < 2 for variance in series.intra_variance)
    assert all(0 <= share <= 1 for share in series.easy_samples)
    assert max(series.gradient_norm) > 0
    assert w.summary()["active_by"] == "samples"


@pytest.mark.parametrize("loss", [losses.VICRegLoss(), losses.SelfSupervisedLoss(losses.NTXentLoss())])
def test_losses_of_two_views_are_watched_without_a_geometry(loss: nn.Module) -> None:
    first, second = batch(0).requires_grad_(), batch(1).requires_grad_()
    with watch(loss) as w:
        loss(first, ref_emb=second).backward()
    assert first.grad is not None
    assert second.grad is not None
    both = torch.cat([first.grad, second.grad]).norm(dim=1).mean() * len(first)
    assert w.steps.gradient_norm == pytest.approx([both.item()], rel=1e-5)
    assert w.steps.measured_at == []


def test_a_gallery_of_references_is_where_neighbours_are_looked_for() -> None:
    loss, z = losses.ContrastiveLoss(), F.one_hot(LABELS, WIDTH).float().requires_grad_()
    with watch(loss, every=1) as w:
        for shift in (0, 1):
            loss(z + 0.0, LABELS, ref_emb=z + 0.0, ref_labels=(LABELS + shift) % CLASSES).backward()
    assert w.steps.easy_samples == [1.0, 0.0]  # first they find themselves, then another class in their place


@pytest.mark.parametrize("name", ["ContrastiveLoss", "NormalizedSoftmaxLoss"])  # of several parts, and of one
def test_a_summed_reduction_is_recognised(name: str) -> None:
    norms, options = [], ARGUMENTS.get(name, {})
    for reducer, summed in ((reducers.SumReducer(), True), (reducers.MeanReducer(), False)):
        torch.manual_seed(0)
        loss = getattr(losses, name)(**options, reducer=reducer)
        with watch(loss) as w:
            loss(batch(0).requires_grad_(), LABELS).backward()
        assert w.summed is summed
        norms += w.steps.gradient_norm
    if name == "NormalizedSoftmaxLoss":  # a term per sample, so that the sum is n means
        assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_an_unreduced_loss_is_an_error_that_says_what_to_do() -> None:
    loss = losses.ContrastiveLoss(reducer=reducers.DoNothingReducer())
    with watch(loss), pytest.raises(ValueError, match="one number; got dict; reduce it"):
        loss(batch(0).requires_grad_(), LABELS)
