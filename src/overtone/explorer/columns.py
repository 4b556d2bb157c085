"""Columns of the clips: what they can be coloured, sorted and described by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.compute as compute
from numpy.typing import NDArray

from overtone.core.documents import Document

Kind = Literal["category", "number", "text"]

MOST_LEVELS = 200
"""Values of a column that are told apart by colour; one with more is text."""
_FEW = 12
"""Different whole numbers that count as names of classes."""


@dataclass(frozen=True)
class Column(Document):
    """What clips can be coloured and sorted by.

    Attributes:
        name: Its name.
        kind: ``category`` of up to 200 values, ``number``, or ``text``.
        levels: The values of a category, in order.
        low, high: Of numbers, the smallest and the largest; None if there is none.
        run: Number of the run that it is of; None of a column of the clips.
        type: Of a column of the metadata, as the store names it: ``string``, ``int64``, ``double`` or ``bool``.
        means: What it is, in a sentence; empty for columns of the metadata.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    run: int | None = None
    type: str = ""
    means: str = ""


def number_column(name: str, values: NDArray[Any], run: int | None = None, means: str = "") -> Column:
    """A column of numbers, NaN where unknown."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
    return Column(name, "number", (), low, high, run, means=means)


def describe_column(name: str, values: pyarrow.ChunkedArray) -> Column:
    """What kind of column it is, from its values of one of the types of a store.

    Example:
        >>> describe_column("label", pyarrow.chunked_array([["10", "9", "b", None]])).levels
        ('9', '10', 'b')
    """
    kind, distinct = str(values.type), compute.drop_null(compute.unique(values))
    is_text, is_whole = pyarrow.types.is_string(values.type), pyarrow.types.is_integer(values.type)
    if pyarrow.types.is_floating(values.type) or (is_whole and len(distinct) > _FEW):
        return replace(number_column(name, values.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)), type=kind)
    if len(distinct) > min(MOST_LEVELS, max(_FEW, len(values) // 2)):  # nearly all different: names, not classes
        return Column(name, "text", type=kind)
    ordered = sorted(distinct.to_pylist(), key=_natural if is_text else None)
    levels = tuple(pyarrow.array(ordered, values.type).cast(pyarrow.string()).to_pylist())
    return Column(name, "category", levels, type=kind)


def encode_column(column: Column, values: pyarrow.ChunkedArray) -> NDArray[np.int32] | NDArray[np.float32]:
    """(N,) int32 numbers of a category's levels, -1 for none; or (N,) float32 numbers, NaN for none."""
    if column.kind == "number":
        numbers: NDArray[np.float32] = values.cast(pyarrow.float64()).to_numpy(zero_copy_only=False).astype(np.float32)
        return numbers
    levels = pyarrow.array(column.levels, pyarrow.string())
    places = compute.index_in(values.cast(pyarrow.string()), value_set=levels)
    codes: NDArray[np.int32] = compute.fill_null(places, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes


def _natural(text: str) -> tuple[bool, float, str]:
    """Numbers by size and before words."""
    try:
        return (False, float(text), text)
    except ValueError:
        return (True, 0.0, text.casefold())
