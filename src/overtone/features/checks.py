"""The checks of everything that enters: each a function from a parsed table to issues, with sentences to act on."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Column, SparseRows, Values, pickle_error
from overtone.features.base import EVENTS
from overtone.features.hashing import hash_rows
from overtone.features.labels import check_labels
from overtone.features.messages import LONGEST
from overtone.features.parsed_table import FALSE, SPLITS, TRUE, Issue, ParsedTable, list_some
from overtone.features.presence import check_groups, check_presence
from overtone.features.sequence_checks import check_lengths, check_repeats
from overtone.features.splitting import group_numbers
from overtone.features.truth import check_truth
from overtone.features.value_checks import check_values

_BLOCK = 4096
"""Rows that are looked at at once."""


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
            yield from run(check_values, table, name)
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
        None if table.how.group_key else table.groups,  # rows of features are groups only where the user says so
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
        if not len(rows) and table.made_split:
            groups = f" of {len(np.unique(group_numbers(table.group_names)))} group" if table.group_names else ""
            what = f"{table.source}: no split in the source, and none can be made"
            valid = f"2 or more{' groups' if groups else ''}"
            yield Issue("empty-split", InputError(what, got=f"{table.first.rows} rows{groups}", valid=valid))
            return
        if not len(rows):
            column = table.split or table.is_test
            where = column.where if column is not None else table.source
            fix = "mark rows of both kinds, or leave the split out and a seeded 70/30 one is made"
            yield Issue("empty-split", InputError(f"{where}: no row in split {name!r}", fix=fix))
    for name, column in () if table.own_ids else table.modalities.items():
        rows, train = table.features(name), table.splits["train"]
        train = train[table.presence[name][train]] if name in table.presence else train
        if rows.ndim == 2 and len(train) > 1 and _are_equal(rows, train):
            what = f"{column.where}: constant: all {len(train):,} training rows are the same, so {name} tells no clip"
            yield Issue("constant-modality", InputError(f"{what} from another", fix="extract its features again"))


def _are_equal(rows: Values, numbers: Values) -> bool:
    """Whether some rows are all the same; the first block that has another ends the search."""
    blocks = (rows[numbers[at : at + _BLOCK]] for at in range(0, len(numbers), _BLOCK))
    return not any((block != rows[numbers[0]]).any() for block in blocks)


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
