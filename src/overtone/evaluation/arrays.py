"""What enters the room: embeddings become unit rows, labels class codes or targets; all is checked here, once."""

from __future__ import annotations

import logging
import operator
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overtone.core import InputError
from overtone.core.errors import refuse_repeated
from overtone.features.label_reading import read_labels
from overtone.features.labels import find_doubts

log = logging.getLogger("overtone")

ArrayLike: TypeAlias = "Tensor | NDArray[Any] | list[Any]"
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)
"""Types that torch can hold, but hardly compute with."""
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
    rows = matrix_rows(values, name)
    rows = rows.to(torch.promote_types(rows.dtype, dtype))
    largest = torch.linalg.vector_norm(rows, float("inf"), dim=1, keepdim=True)  # hands NaN on: one look finds all
    refuse_rows(~torch.isfinite(largest), name, "holds NaN or infinity", "remove or repair the row")
    refuse_rows(largest == 0, name, "is all zeros and has no direction", "drop the clip or its missing modality")
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
    x, y = as_pair(first, second, names, paired=paired)
    precise = len(x) * len(y) <= _FREE_PAIRS if exact is None else exact
    dtype = torch.float64 if precise else torch.float32
    return unit_rows(x, names[0], dtype), unit_rows(y, names[1], dtype)


def as_pair(
    first: ArrayLike, second: ArrayLike, names: tuple[str, str], *, paired: bool = False
) -> tuple[Tensor, Tensor]:
    """Two sets of rows of any length in one space, (Q, d) and (N, d), on the CPU; the errors of :func:`unit_pair`."""
    x, y = matrix_rows(first, names[0]), matrix_rows(second, names[1])
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
    return x, y


def class_labels(
    values: ArrayLike, rows: int, name: str, class_names: Sequence[str] = ()
) -> tuple[Tensor, tuple[str, ...]]:
    """Labels on the CPU, and the names of C classes: those given, the labels themselves, or the numbers of the columns.

    Args:
        values: (N,) class numbers or names, -1 or empty for none; or (N, C) targets in [0, 1]: one-hot, multi-hot or
            soft, a row of zeros for none.
        rows: N that the embeddings have.
        name: What the labels are called in messages.
        class_names: C names, if known.

    Returns:
        labels: (N,) int64 class codes, -1 for none, where a row has one class at most; else (N, C) float32 targets.
        names: C names.

    Raises:
        InputError: Wrong number of rows or dimensions, labels that are not whole, targets outside [0, 1] or NaN.

    Example:
        >>> class_labels([7, 3, 7, -1], 4, "targets")
        (tensor([ 1,  0,  1, -1]), ('3', '7'))
    """
    refuse_repeated("classes", class_names)
    labels = read_labels(values, name)
    if len(labels.values) != rows:
        got = f"{len(labels.values)} rows"
        raise InputError(f"{name}: one row of labels per clip is needed", got=got, valid=f"{rows}")
    codes, names = labels.encode(() if labels.values.ndim == 1 and not labels.named else class_names)
    if class_names and names != tuple(class_names):  # class numbers: places in the list of names, or as many as it has
        if len(names) == len(class_names):
            names = tuple(class_names)
        else:
            codes, names = labels.encode(class_names)
    return torch.from_numpy(codes), names


def log_doubts(targets: ArrayLike) -> None:
    """Log what looks wrong with (N,) labels or (N, C) targets that can be read."""
    for _, doubt in find_doubts(read_labels(targets, "targets")):
        log.warning(doubt)


def relevance(labels: Tensor, others: Tensor) -> Tensor:
    """(n, m) float32: 1 where rows share a class, or for targets how much they share; rows without a label share none.

    Example:
        >>> relevance(torch.tensor([0, -1]), torch.tensor([0, 1, -1]))
        tensor([[1., 0., 0.],
                [0., 0., 0.]])
    """
    if labels.dim() == 2:
        return labels @ others.T
    return ((labels[:, None] == others[None, :]) & (labels >= 0)[:, None]).float()


def event_targets(events: tuple[ArrayLike, ArrayLike], rows: int, names: tuple[str, str]) -> Tensor:
    """(N, C) float32 on the CPU: the larger of what happens in each clip in the first and in the second modality.

    Raises:
        InputError: Not (N, C) in [0, 1], or not of one number of classes.
    """
    first, second = (as_tensor(values, f"events of {name}") for values, name in zip(events, names))
    if first.dim() != 2 or first.shape != second.shape:
        got = f"shapes {tuple(first.shape)} and {tuple(second.shape)}"
        raise InputError("events: the same classes are needed in both modalities", got=got, valid="both (N, C)")
    for part, name in zip((first, second), names):
        if len(part) != rows:
            raise InputError(f"events of {name}: one row per clip is needed", got=f"{len(part)} rows", valid=rows)
        refuse_rows(~((part >= 0) & (part <= 1)).all(dim=1), f"events of {name}", "is outside [0, 1]", "give shares")
    return torch.maximum(first.float(), second.float())


def matrix_rows(values: ArrayLike, name: str) -> Tensor:
    """(N, d) numbers of any kind, N and d >= 1, as :func:`as_tensor`."""
    tensor = as_tensor(values, name)
    if tensor.dim() != 2 or 0 in tensor.shape:
        raise InputError(f"{name}: embeddings must be rows", got=f"shape {tuple(tensor.shape)}", valid="(clips, d)")
    return tensor


def as_tensor(values: ArrayLike, name: str) -> Tensor:
    """Numbers of any kind, width, byte order and layout as a tensor on the CPU, without gradient."""
    try:
        if isinstance(values, Tensor):
            tensor = values.detach().cpu()
        else:
            array = np.asarray(values)
            owned = array.flags.writeable  # of others torch would warn
            array = array.astype(array.dtype.newbyteorder("="), copy=not owned)
            tensor = torch.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name}: not an array of numbers", got=type(values).__name__) from None
    if tensor.is_complex():
        raise InputError(f"{name}: not an array of real numbers", got=str(tensor.dtype))
    return tensor.to(torch.int64) if tensor.dtype in _UNSIGNED else tensor


def whole_number(value: object, name: str) -> int:
    """A whole number of whatever type.

    Raises:
        InputError: It is none.
    """
    if isinstance(value, SupportsIndex):
        with suppress(TypeError):  # arrays and tensors are whole numbers only if they hold one
            return operator.index(value)
    raise InputError(f"{name}: not a whole number", got=repr(value))


def refuse_rows(wrong: Tensor, name: str, what: str, fix: str) -> None:
    """Refuse (N,) rows that are wrong, with the first of them."""
    rows = wrong.flatten().nonzero()
    if len(rows):
        others = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        raise InputError(f"{name}, row {int(rows[0])}{others}: {what}", fix=fix)
