"""Checks of the features' values: NaN and Inf, missing modalities, huge rows, columns without information."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from overtone.core import InputError
from overtone.core.blocks import fill_blocks
from overtone.features.arrays import Column, Values
from overtone.features.parsed_table import Issue, ParsedTable, list_some

_HUGE = 1e6
"""A row whose largest value is so many times the usual one is named."""
_RANGE = (1e-15, 1e15)
"""Of a row's largest value, usually: squares of sums must stay within float32."""
_COARSE = 2.0**-18
"""A column whose range is a smaller share of its largest value has fewer than 64 steps of float32 to vary in."""


def check_values(table: ParsedTable, name: str) -> Iterator[Issue]:
    """No NaN or Inf, no missing modality; constant columns are named."""
    column, rows = table.modalities[name], table.features(name)
    there = table.presence.get(name)
    numbers = np.arange(len(rows)) if there is None else np.flatnonzero(there)
    rows = rows if there is None else rows[there]
    if not len(rows):  # said by the check of presence
        return
    bad = np.flatnonzero(~_test_rows(rows, lambda block: np.isfinite(block).all(axis=1)))
    if len(bad):
        first, bad = rows[bad[0]], numbers[bad].tolist()
        kind = "NaN" if np.isnan(first).any() else "Inf"
        what = f"{table.place(column)(bad[0])}: {kind} ({len(bad)} such rows: {table.list_rows(column, bad)})"
        fix = "leave these clips out or extract them again"
        if np.isnan(first).all() and len(table.modalities) == 2:
            fix = f"if whole rows of NaN mean clips without {name}, read the data with missing=nan (--missing nan)"
        yield Issue("not-finite", InputError(what, fix=fix))
        return
    yield from _check_size(table, name, rows, numbers)
    zero = numbers[_test_rows(rows, lambda block: ~block.any(axis=1))].tolist()
    if len(zero) == len(rows):
        what = f"{column.where}: every row is zero, the modality is missing"
        yield Issue("zero-rows", InputError(what, fix="extract its features again"))
        return
    if zero:
        what = f"{column.where}: {len(zero)} rows are all zero ({table.list_rows(column, zero)}): a missing {name}?"
        fix = f"if so mark them in a key 'present_{name}', or leave these clips out"
        yield Issue("zero-rows", InputError(what, fix=fix), fatal=False)
    flat = rows.reshape(-1, rows.shape[-1])
    low, high = flat.min(axis=0).astype(np.float64), flat.max(axis=0).astype(np.float64)
    constant = np.flatnonzero(low == high).tolist()
    lost = _find_varying(column, constant) if there is None else []
    coarse = np.flatnonzero((low < high) & (high - low < _COARSE * np.maximum(-low, high))).tolist()
    if coarse := sorted(coarse + lost):
        what = f"{column.where}: {len(coarse)} of {rows.shape[-1]} columns ({list_some(coarse)}) vary by too little"
        what += " beside their size: float32 rounds most of it off"
        fix = "subtract the mean of each column before you save it"
        yield Issue("coarse-columns", InputError(what, fix=fix), fatal=len(lost) == rows.shape[-1])
        constant = [number for number in constant if number not in lost]
    if len(constant) == rows.shape[-1] and len(rows) > 1 and rows.ndim == 2:
        what = f"{column.where}: constant: all {len(rows):,} rows are the same, so {name} tells no clip from another"
        yield Issue("constant-modality", InputError(what, fix="extract its features again"))
        return
    if constant and len(rows) > 1:
        what = f"{column.where}: {len(constant)} of {rows.shape[-1]} columns are constant ({list_some(constant)})"
        yield Issue("constant-columns", InputError(what, fix="they contain no information"), fatal=False, harmless=True)


def _find_varying(column: Column, numbers: list[int]) -> list[int]:
    """Which of the columns of features that are constant as float32 are not so in the source."""
    if not numbers or all(part.dtype.itemsize <= 4 for part in column.parts):
        return []
    blocks = [block[..., numbers].reshape(-1, len(numbers)) for part in column.parts for block in part.blocks()]
    varying = np.any([(block != blocks[0][0]).any(axis=0) for block in blocks], axis=0)
    return [number for number, varies in zip(numbers, varying) if varies]


def _check_size(table: ParsedTable, name: str, rows: Values, numbers: Values) -> Iterator[Issue]:
    """Values can be computed with, and no few rows are so large that nothing else counts beside them."""
    flat = rows.reshape(len(rows), -1)
    step = max(1, (1 << 22) // flat.shape[1])
    sizes = np.concatenate([np.abs(flat[at : at + step]).max(axis=1) for at in range(0, len(flat), step)])
    usual = float(np.median(sizes))
    if usual > 0 and not _RANGE[0] < usual < _RANGE[1]:
        what = f"{table.modalities[name].where}: float32 can hardly compute with values of this size"
        got, valid = f"about {usual:.3g}", f"{_RANGE[0]:g} to {_RANGE[1]:g}"
        yield Issue("range", InputError(what, got=got, valid=valid, fix="multiply the features by a constant"))
        return
    huge = np.flatnonzero(sizes > _HUGE * usual) if usual > 0 else np.empty(0, np.int64)
    if len(huge) and len(huge) <= max(1, len(rows) // 100):
        column, found = table.modalities[name], numbers[huge].tolist()
        place = table.place(column)(found[0])
        what = f"{place}: values up to {sizes[huge[0]]:.3g}, where a row's largest is usually about {usual:.3g}"
        got = f"{len(huge)} such rows ({table.list_rows(column, found)})"
        yield Issue(
            "huge-rows", InputError(what, got=got, fix="leave these clips out or extract them again"), fatal=False
        )


def _test_rows(rows: Values, test: Callable[[Values], object]) -> Values:
    """(N,) answers of a test of rows, in blocks."""
    flat = rows.reshape(len(rows), -1)
    step = max(1, (1 << 22) // flat.shape[1])
    return fill_blocks(np.empty(len(flat), bool), lambda part: np.asarray(test(part)), flat, step)
