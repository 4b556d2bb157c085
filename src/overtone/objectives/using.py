"""Metric losses in use: found by name, built for a corpus and an encoder, applied within a view or across two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from overtone.core import InputError, unknown_name
from overtone.core.plugins import IMPORT_IT
from overtone.objectives.base import MetricLoss, metric_losses
from overtone.objectives.registration import loss_class

_FOLLOWING = {
    "classes": "classes",
    "embedding_dim": "embedding_dim",
    "num_classes": "classes",
    "embedding_size": "embedding_dim",
}
"""Settings of losses that are no choice: they follow from the data and the encoder. By our names, and by others'."""


def loss_kind(loss: str | nn.Module) -> type[MetricLoss]:
    """The class of a metric loss.

    Args:
        loss: Its name as registered, or a loss module of any library.

    Returns:
        The class; that of an object makes copies of it.

    Raises:
        InputError: There is none of that name, or the object is no loss.
    """
    if not isinstance(loss, str):
        return loss_class(type(loss).__name__, loss, copied=True)
    found = metric_losses()
    if loss not in found:
        raise unknown_name("loss", loss, found, fix=IMPORT_IT)
    return found[loss]


def loss_choices(kind: type[MetricLoss]) -> list[str]:
    """Names of a loss's settings that a user may choose.

    Args:
        kind: The loss's class.

    Returns:
        All but those that follow from the data and the encoder.
    """
    return [name for name in kind.settings_type.model_fields if name not in _FOLLOWING]


def build_loss(
    loss: str | nn.Module,
    settings: Mapping[str, Any] | None = None,
    *,
    classes: int | None = None,
    embedding_dim: int | None = None,
) -> MetricLoss:
    """A metric loss with its settings.

    Args:
        loss: Its name as registered, or a loss module of any library, which is copied and takes no settings.
        settings: What the user chose, besides defaults.
        classes: Number of classes, for losses that learn a centre for each.
        embedding_dim: Dimensions of the embedding, for the same.

    Returns:
        The module.

    Raises:
        InputError: There is no such loss, no such choice, or a value does not fit.
    """
    kind, settings = loss_kind(loss), settings or {}
    for setting in settings:
        if setting not in loss_choices(kind):
            raise unknown_name(f"setting of {kind.name}", setting, loss_choices(kind))
    known = {"classes": classes, "embedding_dim": embedding_dim}
    fields = kind.settings_type.model_fields
    following = {field: known[source] for field, source in _FOLLOWING.items() if field in fields}
    return kind(**settings, **{field: value for field, value in following.items() if value is not None})


def loss_of_views(
    loss: MetricLoss, views: Sequence[Tensor], labels: Tensor, negative_relief: Tensor | None = None
) -> Tensor:
    """A metric loss of a batch within one view, or across two: the mean of both directions.

    A loss that judges the rows of both views at once, such as one with class centres, is called once.

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
    there = negative_relief if negative_relief is not None and not loss.needs_classes else None
    try:
        if len(views) == 1:
            return _called(loss, views[0], labels, relief=there)
        first, second = views
        value = _called(loss, first, labels, second, labels, relief=there)
        if loss.judges_both:
            return value
        back = None if there is None else there.mT.contiguous()
        return 0.5 * (value + _called(loss, second, labels, first, labels, relief=back))
    except InputError as error:
        where = f"{loss.name}, a batch of {len(labels)} rows: {error}"
        raise InputError(where, fix="if classes are missing in batches, raise batch_size") from None


def _called(loss: MetricLoss, *arguments: Tensor, relief: Tensor | None) -> Tensor:
    """The module called as one, so that its hooks see it."""
    value: Tensor = loss(*arguments) if relief is None else loss(*arguments, negative_relief=relief)
    return value
