"""The checks of everything that enters: each a function from a parsed table to issues, with sentences to act on."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator

import numpy as np

from overtone.core import InputError
from overtone.core.blocks import fill_blocks
from overtone.features.arrays import Column, SparseRows, Values, pickle_error
from overtone.features.base import EVENTS
from overtone.features.hashing import hash_rows
from overtone.features.labels import check_labels
from overtone.features.messages import LONGEST
from overtone.features.parsed_table import FALSE, SPLITS, TRUE, Issue, ParsedTable, list_some
from overtone.features.presence import check_groups, check_presence
from overtone.features.sequence_checks import check_lengths, check_repeats
from overtone.features.truth import check_truth

_HUGE = 1e6
"""A row whose largest value is so many times the usual one is named."""


def find_issues(table: ParsedTable) -> Iterator[Issue]:
    """All issues, those first that others depend on; a check that an earlier issue makes impossible is left out."""
    fatal = False

    def run(check: Callable[..., Iterator[Issue]], *arguments: Column | ParsedTable | str) -> Iterator[Issue]:
        nonlocal fatal
        try:
            for issue in check(*arguments):
                fatal = fatal or issue.fatal
                yield issue
        except InputError as error:  # an array that cannot be read is one issue more
            fatal = True
            yield Issue("unreadable", error)

    yield from table.doubts
    for column in table.modalities.values():
        yield from run(_check_shape, column)
    for check in (_check_row_counts, _check_vectors, _check_ids, check_labels, _check_split_names, check_truth):
        yield from run(check, table)
    if not fatal:
        yield from run(check_lengths, table)
    if not fatal:
        yield from run(check_presence, table)
    for name, column in table.modalities.items():
        if not any(_check_shape(column)):
            yield from run(_check_values, table, name)
    if not fatal:
        yield from run(_check_splits, table)
        yield from run(check_groups, table)
        yield from run(check_repeats, table)
        yield from run(_check_leaks, table)


def _check_shape(column: Column) -> Iterator[Issue]:
    """Features are numbers in (N, d) rows or (N, T, d) sequences, at least one of each, all parts alike."""
    for part in column.parts:
        if part.dtype.kind == "O":
            yield Issue("dtype", pickle_error(part))
        elif not part.numeric:
            yield Issue("dtype", InputError(f"{part.where}: features must be numbers", got=str(part.dtype)))
        if len(part.shape) not in (2, 3, 5):
            valid = "(N, d) rows or (N, T, d) sequences"
            yield Issue("rank", InputError(f"{part.where}: wrong rank", got=f"shape {part.shape}", valid=valid))
        elif 0 in part.shape:
            valid = "at least one row and one column"
            yield Issue("empty", InputError(f"{part.where}: no values", got=f"shape {part.shape}", valid=valid))
        elif isinstance(part.rows, SparseRows) and (size := 4 * math.prod(part.shape)) > (limit := memory_bytes() // 2):
            what = f"{part.where}: a sparse matrix too large to be read, which makes it dense float32"
            valid = f"up to {limit / 2**30:,.1f} GiB, half of this machine's memory"
            fix = "reduce its columns first, for example by a truncated SVD"
            yield Issue("memory", InputError(what, got=f"{size / 2**30:,.1f} GiB", valid=valid, fix=fix))
    if len({part.shape[1:] for part in column.parts}) > 1:
        shapes = " and ".join(str(part.shape) for part in column.parts)
        yield Issue("shape", InputError(f"{column.where}: the parts differ in more than their rows", got=shapes))


def _check_row_counts(table: ParsedTable) -> Iterator[Issue]:
    """Every column has one row per clip, part by part."""
    first = table.first
    others: list[Column | None] = [table.labels, table.ids, table.split, table.is_test, *table.media.values()]
    others += [table.groups, *table.lengths.values()]
    others += [column for key, column in table.truth.items() if key.startswith(EVENTS)]
    if not table.own_ids:
        others += list(table.modalities.values())
    pairs = [(first, other) for other in others if other is not None and other is not first]
    pairs += [
        (table.modalities[name], column) for own in (table.own_ids, table.present) for name, column in own.items()
    ]
    for column, other in pairs:
        alike = column.splits == other.splits
        counts = zip(column.counts, other.counts) if alike else [(column.rows, other.rows)]
        for part, (want, have) in enumerate(counts):
            if have != want:
                mine, yours = (side.parts[part].where if alike else side.where for side in (column, other))
                unequal = f"{yours}: {have} rows but {mine} has {want}"
                fix = "bring one row per clip, in the same order"
                yield Issue("row-counts", InputError(unequal, fix=fix))


def _check_vectors(table: ParsedTable) -> Iterator[Issue]:
    """Ids, splits and paths are one string or flag per row; what is known beyond the labels is a number."""
    flagged = [column for column in (table.is_test, *table.present.values()) if column is not None]
    columns = [
        table.ids,
        table.split,
        *flagged,
        *table.lengths.values(),
        *table.own_ids.values(),
        *table.media.values(),
    ]
    for part in [part for column in columns if column is not None for part in column.parts]:
        if len(part.shape) != 1 and part.shape[1:] != (1,):
            yield Issue("rank", InputError(f"{part.where}: wrong rank", got=f"shape {part.shape}", valid="(N,)"))
    for column in flagged:
        if wrong := _unknown_flags(table, column):
            valid = "true or false, 1 or 0, yes or no"
            yield Issue("flags", InputError(f"{column.where}: not flags", got=wrong, valid=valid))
    for part in [part for column in table.truth.values() for part in column.parts]:
        if not part.numeric:
            yield Issue("dtype", InputError(f"{part.where}: must be numbers", got=str(part)))


def _unknown_flags(table: ParsedTable, column: Column) -> str:
    """What a column holds, for messages, if it is not flags alone; else an empty string."""
    odd = [part for part in column.parts if not (part.numeric or part.textual)]
    if odd:
        return str(odd[0])
    values = column.read().ravel()
    if values.dtype.kind == "U":
        values = np.char.lower(np.char.strip(values))
    unknown = np.flatnonzero(~np.isin(values, (*TRUE, *FALSE) if values.dtype.kind == "U" else (0, 1))).tolist()
    if not unknown:
        return ""
    first = values[unknown[0]]
    shown = repr(str(first)[:LONGEST]) if values.dtype.kind == "U" else str(first)
    return f"{shown} ({len(unknown)} such rows: {table.list_rows(column, unknown)})"


def _check_ids(table: ParsedTable) -> Iterator[Issue]:
    """Every clip has an id, and ids are unique; ids of each modality name the same clips."""
    named = [(column, column.text()) for column in (table.ids,) if column is not None]
    named += [(table.own_ids[name], names) for name, names in table.own_names.items()]
    for column, names in named:
        if nameless := [row for row, name in enumerate(names) if not name.strip()]:
            what = f"{column.place(nameless[0])}: without an id ({len(nameless)} such rows)"
            fix = "give each clip one, or leave the ids out: clips then go by their row numbers"
            yield Issue("missing-ids", InputError(what, fix=fix))
            continue
        _, starts, counts = np.unique(np.array(names), return_index=True, return_counts=True)
        if (counts > 1).any():
            name = names[int(starts[counts > 1].min())]
            rows = [row for row, other in enumerate(names) if other == name]
            what = f"{column.place(rows[1])}: id {name!r} occurs twice (first in row {rows[0]})"
            extra = int((counts - 1).sum())
            fix = f"ids must be unique: drop or rename the {extra} duplicate{'s' if extra > 1 else ''}"
            yield Issue("duplicate-ids", InputError(what, fix=fix))
    if not table.own_ids:
        return
    if set(table.own_ids) != set(table.modalities):
        (missing,) = set(table.modalities) - set(table.own_ids)
        what = f"{table.source}: ids of one modality only"
        yield Issue("unmatched-ids", InputError(what, fix=f"add 'ids_{missing}', or one key 'ids' for both"))
        return
    one, two = (set(names) for names in table.own_names.values())
    for name, alone in zip(table.modalities, (one - two, two - one)):
        if alone:
            what = f"{table.own_ids[name].where}: {len(alone)} ids are not in the other modality"
            fix = "leave these clips out or bring their other half"
            yield Issue("unmatched-ids", InputError(what, got=list_some(sorted(alone)), fix=fix))


def _check_split_names(table: ParsedTable) -> Iterator[Issue]:
    """Splits have known names."""
    if table.split is None:
        return
    unknown = [row for row, name in enumerate(table.split_names) if name and name not in SPLITS]
    if unknown:
        what = f"{table.place(table.split)(unknown[0])}: unknown split ({len(unknown)} such rows)"
        name = repr(table.split.text()[unknown[0]][:LONGEST])
        yield Issue("splits", InputError(what, got=name, valid=f"{', '.join(SPLITS)}, or empty for a row in none"))


def _check_splits(table: ParsedTable) -> Iterator[Issue]:
    """There are rows to train on and rows to test on."""
    for name, rows in table.splits.items():
        if not len(rows):
            column = table.split or table.is_test
            where = column.where if column is not None else table.source
            fix = "mark rows of both kinds, or leave the split out and a seeded 70/30 one is made"
            yield Issue("empty-split", InputError(f"{where}: no row in split {name!r}", fix=fix))


def _check_values(table: ParsedTable, name: str) -> Iterator[Issue]:
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
    constant = np.flatnonzero(flat.min(axis=0) == flat.max(axis=0)).tolist()
    if len(constant) == rows.shape[-1] and len(rows) > 1 and rows.ndim == 2:
        what = f"{column.where}: constant: all {len(rows):,} rows are the same, so {name} tells no clip from another"
        yield Issue("constant-modality", InputError(what, fix="extract its features again"))
        return
    if constant and len(rows) > 1:
        what = f"{column.where}: {len(constant)} of {rows.shape[-1]} columns are constant ({list_some(constant)})"
        yield Issue("constant-columns", InputError(what, fix="they contain no information"), fatal=False, harmless=True)


def _check_size(table: ParsedTable, name: str, rows: Values, numbers: Values) -> Iterator[Issue]:
    """No few rows are so large that nothing else counts beside them."""
    flat = rows.reshape(len(rows), -1)
    step = max(1, (1 << 22) // flat.shape[1])
    sizes = np.concatenate([np.abs(flat[at : at + step]).max(axis=1) for at in range(0, len(flat), step)])
    usual = float(np.median(sizes))
    huge = np.flatnonzero(sizes > _HUGE * usual) if usual > 0 else np.empty(0, np.int64)
    if len(huge) and len(huge) <= max(1, len(rows) // 100):
        column, found = table.modalities[name], numbers[huge].tolist()
        place = table.place(column)(found[0])
        what = f"{place}: values up to {sizes[huge[0]]:.3g}, where a row's largest is usually about {usual:.3g}"
        got = f"{len(huge)} such rows ({table.list_rows(column, found)})"
        yield Issue(
            "huge-rows", InputError(what, got=got, fix="leave these clips out or extract them again"), fatal=False
        )


def _check_leaks(table: ParsedTable) -> Iterator[Issue]:
    """Test rows that also occur in training, equal in all modalities."""
    hashes = [hash_rows(table.features(name)) for name in table.modalities]
    if table.own_ids:  # rows are not yet aligned: the first modality alone decides
        hashes = hashes[:1]
    both = np.stack(hashes, axis=1).view([("", np.uint64)] * len(hashes)).ravel()
    train, test = (table.splits[name] for name in ("train", "test"))
    leaked = test[np.isin(both[test], both[train])]
    if len(leaked):
        rows = table.list_rows(table.first, leaked.tolist())
        what = f"{table.source}: {len(leaked)} of {len(test)} test rows also occur in training (rows {rows})"
        fix = "they inflate the results: drop them from one side"
        yield Issue("leaked-rows", InputError(what, fix=fix), fatal=False, of_splits=True)


def memory_bytes() -> int:
    """The memory of this machine; 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def _test_rows(rows: Values, test: Callable[[Values], object]) -> Values:
    """(N,) answers of a test of rows, in blocks."""
    flat = rows.reshape(len(rows), -1)
    step = max(1, (1 << 22) // flat.shape[1])
    return fill_blocks(np.empty(len(flat), bool), lambda part: np.asarray(test(part)), flat, step)
