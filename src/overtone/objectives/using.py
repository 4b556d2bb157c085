"""Metric losses in use: found by name, told what follows from corpus and encoder, applied to one view or across two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from overtone.core import InputError, unknown_name
from overtone.objectives.base import MetricLoss, metric_losses

FOLLOWING = frozenset({"classes", "embedding_dim"})
"""Settings of losses that are no choice: they follow from the data and the encoder."""


def loss_kind(name: str) -> type[MetricLoss]:
    """The class of a metric loss.

    Args:
        name: As registered.

    Returns:
        The class.

    Raises:
        InputError: There is none of that name.
    """
    found = metric_losses()
    if name not in found:
        raise unknown_name("loss", name, found)
    return found[name]


def loss_choices(kind: type[MetricLoss]) -> list[str]:
    """Names of a loss's settings that a user may choose.

    Args:
        kind: The loss's class.

    Returns:
        All but those that follow from the data and the encoder.
    """
    return [name for name in kind.settings_type.model_fields if name not in FOLLOWING]


def build_loss(name: str, settings: Mapping[str, Any], *, classes: int, embedding_dim: int) -> MetricLoss:
    """A metric loss with its settings, told how many classes and dimensions there are where it has a centre for each.

    Args:
        name: As registered.
        settings: What the user chose, besides defaults.
        classes: Number of classes.
        embedding_dim: Dimensions of the embedding.

    Returns:
        The module.

    Raises:
        InputError: There is no such loss, no such choice, or a value does not fit.
    """
    kind = loss_kind(name)
    for setting in settings:
        if setting not in loss_choices(kind):
            raise unknown_name(f"setting of {name}", setting, loss_choices(kind))
    following = {"classes": classes, "embedding_dim": embedding_dim} if kind.needs_classes else {}
    return kind(**settings, **following)


def loss_of_views(
    loss: MetricLoss, views: Sequence[Tensor], labels: Tensor, negative_relief: Tensor | None = None
) -> Tensor:
    """A metric loss of a batch within one view, or across two: the mean of both directions.

    A loss with class centres judges the rows of all views by the same centres.

    Args:
        loss: The loss.
        views: One or two (n, e) embeddings, row by row the same clips.
        labels: (n,) class numbers or (n, C) targets.
        negative_relief: (n, n) in [0, 1], how far row j of the last view is spared from being a negative of row i of
            the first; losses with class centres, which pair no rows, ignore it.

    Returns:
        Scalar.

    Raises:
        InputError: The loss refuses the batch: its labels are of a kind it cannot take, or no two rows share a class.
    """
    try:
        if len(views) == 1:
            return _called(loss, views[0], labels, negative_relief=None if loss.needs_classes else negative_relief)
        first, second = views
        if loss.needs_classes:  # it judges the gallery, too
            return _called(loss, first, labels, second, labels)
        there = _called(loss, first, labels, second, labels, negative_relief=negative_relief)
        back = _called(
            loss,
            second,
            labels,
            first,
            labels,
            negative_relief=None if negative_relief is None else negative_relief.mT.contiguous(),
        )
        return 0.5 * (there + back)
    except InputError as error:
        where = f"{loss.name}, a batch of {len(labels)} rows: {error}"
        raise InputError(where, fix="if classes are missing in batches, raise batch_size") from None


def _called(loss: MetricLoss, *arguments: Tensor, negative_relief: Tensor | None = None) -> Tensor:
    """The module called as one, so that its hooks see it."""
    value: Tensor = loss(*arguments) if negative_relief is None else loss(*arguments, negative_relief=negative_relief)
    return value
