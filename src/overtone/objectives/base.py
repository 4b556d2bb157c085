"""What a metric-learning loss is: rows and labels to a scalar, and a count of the terms that still push."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from overtone.core import Settings
from overtone.objectives.pairs import pairs
from overtone.objectives.registry import objectives

Reduction = Literal["active", "all"]


class TermCounts(NamedTuple):
    """How many terms of a loss still push.

    The tensors are scalars without gradient, on the device of the embeddings: reading one makes the host wait. With
    soft labels a term counts by its weight.

    Attributes:
        active: Terms that push, by the definition of the loss.
        total: All terms.
        skipped: Anchors left out, for want of a positive or a negative.
        anchors: Rows that asked.
    """

    active: Tensor
    total: Tensor
    skipped: Tensor
    anchors: int


class LossInputs(NamedTuple):
    """What a loss is called with; see :func:`~overtone.objectives.pairs`.

    Attributes:
        embeddings: (n, d).
        labels: (n,) or (n, C).
        gallery: (m, d).
        gallery_labels: (m,) or (m, C).
        targets: (n, m).
        negative_relief: (n, m).
    """

    embeddings: Tensor
    labels: Tensor | None = None
    gallery: Tensor | None = None
    gallery_labels: Tensor | None = None
    targets: Tensor | None = None
    negative_relief: Tensor | None = None


class LossResult(NamedTuple):
    """What the function of a loss returns.

    Attributes:
        loss: Scalar with gradient; NaN if there was no term at all.
        counts: Of its terms.
    """

    loss: Tensor
    counts: TermCounts


class MetricLoss(nn.Module, ABC):
    """Base of the metric-learning losses.

    Args:
        **settings: Fields of ``settings_type``.

    Attributes:
        name: As registered.
        settings_type: The settings, typed and described.
        active_means: When a term of this loss counts as active.
        needs_classes: Whether the loss has parameters of its own, a row per class, which belong in the optimiser.
        settings: The validated settings.
        counts: Of the last forward; None before it.

    Raises:
        InputError: A setting is unknown or does not fit.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    active_means: ClassVar[str]
    needs_classes: ClassVar[bool] = False

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = self.settings_type.build(settings, where=f"loss {self.name!r}")
        self.counts: TermCounts | None = None

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor | None = None,
        gallery: Tensor | None = None,
        gallery_labels: Tensor | None = None,
        *,
        targets: Tensor | None = None,
        negative_relief: Tensor | None = None,
    ) -> Tensor:
        """Scalar loss of a batch; see :func:`~overtone.objectives.pairs` for the arguments and what is refused."""
        result = self.compute(LossInputs(embeddings, labels, gallery, gallery_labels, targets, negative_relief))
        self.counts = result.counts
        return result.loss

    @abstractmethod
    def compute(self, inputs: LossInputs) -> LossResult:
        """Loss and counts of a batch."""

    def extra_repr(self) -> str:
        """The settings, for ``print(loss)``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.settings)


class PairLoss(MetricLoss):
    """Base of the losses that need nothing but the rows: a function of their pairs that takes the settings."""

    function: ClassVar[Callable[..., LossResult]]

    def compute(self, inputs: LossInputs) -> LossResult:
        """Pair the rows and call the function."""
        found = pairs(*inputs[:4], targets=inputs.targets, negative_relief=inputs.negative_relief)
        return type(self).function(found, **dict(self.settings))


def hinge(total: Tensor, active: Tensor, possible: Tensor, reduction: Reduction) -> Tensor:
    """Mean of hinge terms from their sum.

    Args:
        total: Scalar sum of the terms.
        active: Scalar, how many are not 0.
        possible: Scalar, how many there are.
        reduction: ``active`` for the mean over those that are not 0 (0 where none is left), ``all`` over all.

    Returns:
        Scalar; NaN if there are no terms.
    """
    count = torch.where(active > 0, active, 1.0) if reduction == "active" else possible
    return total / torch.where(possible > 0, count, torch.nan)


def metric_losses() -> dict[str, type[MetricLoss]]:
    """The metric-learning losses among the objectives, by name."""
    return {name: kind for name, kind in objectives.items() if isinstance(kind, type) and issubclass(kind, MetricLoss)}
