"""What enters the room: embeddings become unit rows, labels become class targets; every check is made here, once."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overtone.core import InputError

ArrayLike: TypeAlias = "Tensor | NDArray[Any] | list[Any]"
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_FREE_PAIRS = 2**24
"""Pairs up to which products in float64 cost next to nothing."""


def unit_rows(values: ArrayLike, name: str, dtype: torch.dtype = torch.float32) -> Tensor:
    """(N, d) rows of any kind scaled to unit length, x / ‖x‖₂, on the CPU; ``name`` is for messages.

    Raises:
        InputError: Not a non-empty (N, d) array of numbers, or a row is NaN, infinite or all zero.

    Example:
        >>> unit_rows([[3.0, 4.0]], "audio")
        tensor([[0.6000, 0.8000]])
    """
    rows = _rows(values, name)
    rows = rows.to(torch.promote_types(rows.dtype, dtype))
    largest = torch.linalg.vector_norm(rows, float("inf"), dim=1, keepdim=True)  # hands NaN on: one look finds all
    _refuse_rows(~torch.isfinite(largest), name, "holds NaN or infinity", "remove or repair the row")
    _refuse_rows(largest == 0, name, "is all zeros and has no direction", "drop the clip or its missing modality")
    scaled: Tensor = (rows / largest).to(dtype)  # before squaring, so that neither tiny nor huge rows leave the range
    return scaled.div_(torch.linalg.vector_norm(scaled, dim=1, keepdim=True))


def unit_pair(
    first: ArrayLike, second: ArrayLike, names: tuple[str, str], exact: bool | None, *, paired: bool = False
) -> tuple[Tensor, Tensor]:
    """Two sets of unit rows in one space, (Q, d) and (N, d); ``paired`` if row i of both must be the same clip.

    They are float64 if ``exact``, float32 if not; if it is None, float64 where so few pairs cost nothing.

    Raises:
        InputError: As for :func:`unit_rows`, or the shapes do not fit each other.
    """
    x, y = _rows(first, names[0]), _rows(second, names[1])
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"{names[0]} and {names[1]}: embeddings of one width are needed to compare them",
            got=f"{x.shape[1]} and {y.shape[1]}",
            fix="embed both with the same run",
        )
    if paired and len(x) != len(y):
        raise InputError(
            f"{names[0]} and {names[1]}: row i of both must be the same clip",
            got=f"{len(x)} and {len(y)} rows",
            fix="keep the clips that have both modalities",
        )
    precise = len(x) * len(y) <= _FREE_PAIRS if exact is None else exact
    dtype = torch.float64 if precise else torch.float32
    return unit_rows(x, names[0], dtype), unit_rows(y, names[1], dtype)


def class_targets(values: ArrayLike, rows: int, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """Labels as (N, C) float32 targets on the CPU, and C names: the labels themselves, or the numbers of the columns.

    Args:
        values: (N,) whole numbers, one class a clip; or (N, C) targets in [0, 1]: one-hot, multi-hot or soft.
        rows: N that the embeddings have.
        name: What the labels are called in messages.

    Raises:
        InputError: Wrong number of rows or dimensions, labels that are not whole, targets outside [0, 1] or NaN.

    Example:
        >>> class_targets([7, 3, 7], 3, "targets")
        (tensor([[0., 1.],
                [1., 0.],
                [0., 1.]]), ('3', '7'))
    """
    tensor = as_tensor(values, name)
    if tensor.dim() not in (1, 2) or 0 in tensor.shape:
        got = f"shape {tuple(tensor.shape)}"
        raise InputError(f"{name}: cannot be read as labels", got=got, valid="(N,) or (N, C)")
    if len(tensor) != rows:
        raise InputError(f"{name}: one row of labels per clip is needed", got=f"{len(tensor)} rows", valid=f"{rows}")
    if tensor.dim() == 1:
        _refuse_rows(tensor != tensor.long(), name, "is not a whole number", "give class numbers or (N, C) targets")
        labels, codes = torch.unique(tensor.long(), return_inverse=True)
        one_hot = torch.zeros(rows, len(labels)).scatter_(1, codes[:, None], 1.0)
        return one_hot, tuple(str(label) for label in labels.tolist())
    targets = tensor.float()
    outside = ~((targets >= 0) & (targets <= 1)).all(dim=1)
    _refuse_rows(outside, name, "has a target outside [0, 1]", "give one-hot, multi-hot or soft targets")
    return targets, tuple(str(column) for column in range(targets.shape[1]))


def event_targets(events: tuple[ArrayLike, ArrayLike], rows: int, names: tuple[str, str]) -> Tensor:
    """(N, C) float32 on the CPU: the larger of what happens in each clip in the first and in the second modality.

    Raises:
        InputError: As for :func:`class_targets`, not (N, C), or not of one number of classes.
    """
    first, second = (as_tensor(values, f"events of {name}") for values, name in zip(events, names))
    if first.dim() != 2 or first.shape != second.shape:
        got = f"shapes {tuple(first.shape)} and {tuple(second.shape)}"
        raise InputError("events: the same classes are needed in both modalities", got=got, valid="both (N, C)")
    first, second = (
        class_targets(values, rows, f"events of {name}")[0] for values, name in zip((first, second), names)
    )
    return torch.maximum(first, second)


def _rows(values: ArrayLike, name: str) -> Tensor:
    tensor = as_tensor(values, name)
    if tensor.dim() != 2 or 0 in tensor.shape:
        raise InputError(f"{name}: embeddings must be rows", got=f"shape {tuple(tensor.shape)}", valid="(clips, d)")
    return tensor


def as_tensor(values: ArrayLike, name: str) -> Tensor:
    """Numbers of any kind as a tensor on the CPU, without gradient."""
    try:
        tensor = torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name}: not an array of numbers", got=type(values).__name__) from None
    if tensor.is_complex():
        raise InputError(f"{name}: not an array of real numbers", got=str(tensor.dtype))
    return tensor


def _refuse_rows(wrong: Tensor, name: str, what: str, fix: str) -> None:
    rows = wrong.flatten().nonzero()
    if len(rows):
        others = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        raise InputError(f"{name}, row {int(rows[0])}{others}: {what}", fix=fix)
