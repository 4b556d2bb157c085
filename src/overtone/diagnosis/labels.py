"""Labels as they come, (N,) class numbers or (N, C) weights, checked once and brought to one of two forms."""

from __future__ import annotations

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import ArrayLike

_MOST_CLASSES = 2**20
"""More than anyone has: a number beyond is a hash or an id, and a table of that many rows would not fit in memory."""


def read_labels(values: ArrayLike, rows: int, classes: int | None) -> Tensor:
    """Labels as (N,) int64 class numbers or (N, C) float64 weights, on the CPU.

    Args:
        values: (N,) whole numbers, negative where a row has no label; or (N, C) weights in [0, 1], all zero where it
            has none.
        rows: N that the embeddings have.
        classes: C, if it is known.

    Returns:
        The tensor, in one of the two forms.

    Raises:
        InputError: Wrong shape, labels that are not whole or too large, weights outside [0, 1] or NaN.
    """
    labels = _tensor(values)
    if labels.dim() not in (1, 2):
        raise InputError("labels: cannot be read", got=f"shape {tuple(labels.shape)}", valid="(N,) or (N, C)")
    if len(labels) != rows:
        raise InputError("labels: one per row of the embeddings is needed", got=f"{len(labels)}", valid=f"{rows}")
    return _numbers(labels, classes) if labels.dim() == 1 else _weights(labels, classes)


def has_label(labels: Tensor) -> Tensor:
    """(N,) whether a row has any label, of labels in either form."""
    return labels >= 0 if labels.dim() == 1 else (labels > 0).any(dim=1)


def class_count(labels: Tensor) -> int:
    """How many classes labels in either form need."""
    if labels.dim() == 2:
        return labels.shape[1]
    return int(labels.max()) + 1 if len(labels) else 0


def _tensor(values: ArrayLike) -> Tensor:
    try:
        return torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise InputError("labels: not numbers", got=type(values).__name__, fix="number the classes from 0") from None


def _numbers(labels: Tensor, classes: int | None) -> Tensor:
    numbers = labels.long()
    if bool((numbers != labels).any()):
        raise InputError("labels: not whole numbers", fix="number the classes from 0, or give (N, C) weights")
    largest = int(numbers.max()) if len(numbers) else -1
    if classes is not None and largest >= classes:
        raise InputError("labels: a class number is too large", got=largest, valid=f"0 to {classes - 1}")
    if largest >= _MOST_CLASSES:
        raise InputError("labels: a class number is too large", got=largest, fix="number the classes from 0")
    return numbers


def _weights(labels: Tensor, classes: int | None) -> Tensor:
    if classes is not None and labels.shape[1] != classes:
        raise InputError("labels: one column per class is needed", got=f"{labels.shape[1]}", valid=f"{classes}")
    weights = labels.double()
    if not bool(((weights >= 0) & (weights <= 1)).all()):
        raise InputError("labels: a weight lies outside [0, 1]", fix="give one-hot, multi-hot or soft labels")
    return weights
