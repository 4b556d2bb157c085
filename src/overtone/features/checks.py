"""Everything that enters is checked here, once; nothing behind this room checks again.

Each check is a function from a draft to findings: named problems, each with the sentence a user can act on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features.arrays import Column, objects
from overtone.features.base import PER_ROW_TRUTH
from overtone.features.draft import SPLITS, Draft
from overtone.features.findings import SHOWN, Finding, some
from overtone.features.labels import labels
from overtone.features.truth import truth


def check(draft: Draft) -> Iterator[Finding]:
    """All findings, those first that others depend on; what cannot be looked at because of one is passed over."""
    fatal = False

    def looked(examine: Callable[..., Iterator[Finding]], *arguments: Any) -> Iterator[Finding]:
        nonlocal fatal
        try:
            for finding in examine(*arguments):
                fatal = fatal or finding.fatal
                yield finding
        except InputError as error:  # an array that cannot be read is one finding more
            fatal = True
            yield Finding("unreadable", error)

    for column in draft.modalities.values():
        yield from looked(form, column)
    for examine in (row_counts, vectors, ids, labels, split_names, truth):
        yield from looked(examine, draft)
    for name, column in draft.modalities.items():
        if not any(form(column)):
            yield from looked(values, draft, name)
    if not fatal:
        yield from looked(splits, draft)
        yield from looked(leaked, draft)


def form(column: Column) -> Iterator[Finding]:
    """Features are numbers in (N, d) rows or (N, T, d) sequences, at least one of each, all parts alike."""
    for part in column.parts:
        if part.dtype.kind == "O":
            yield Finding("dtype", objects(part))
        elif not part.numeric:
            yield Finding("dtype", InputError(f"{part.where}: features must be numbers", got=str(part.dtype)))
        if len(part.shape) not in (2, 3):
            valid = "(N, d) rows or (N, T, d) sequences"
            yield Finding("rank", InputError(f"{part.where}: wrong rank", got=f"shape {part.shape}", valid=valid))
        elif 0 in part.shape:
            valid = "at least one row and one column"
            yield Finding("empty", InputError(f"{part.where}: no values", got=f"shape {part.shape}", valid=valid))
    if len({part.shape[1:] for part in column.parts}) > 1:
        shapes = " and ".join(str(part.shape) for part in column.parts)
        yield Finding("shape", InputError(f"{column.where}: the parts differ in more than their rows", got=shapes))


def row_counts(draft: Draft) -> Iterator[Finding]:
    """Every column has one row per clip, part by part."""
    first = draft.first
    others: list[Column | None] = [draft.labels, draft.ids, draft.split, draft.is_test, *draft.media.values()]
    others += [column for key, column in draft.truth.items() if key.startswith(PER_ROW_TRUTH)]
    if not draft.own_ids:
        others += list(draft.modalities.values())
    pairs = [(first, other) for other in others if other is not None and other is not first]
    pairs += [(draft.modalities[name], column) for name, column in draft.own_ids.items()]
    for column, other in pairs:
        alike = column.splits == other.splits
        counts = zip(column.counts, other.counts) if alike else [(column.rows, other.rows)]
        for part, (want, have) in enumerate(counts):
            if have != want:
                mine, yours = (side.parts[part].where if alike else side.where for side in (column, other))
                unequal = f"{yours}: {have} rows but {mine} has {want}"
                fix = "bring one row per clip, in the same order"
                yield Finding("row-counts", InputError(unequal, fix=fix))


def vectors(draft: Draft) -> Iterator[Finding]:
    """Ids, splits and paths are one string or flag per row; what is known beyond the labels is a number."""
    columns = [draft.ids, draft.split, draft.is_test, *draft.own_ids.values(), *draft.media.values()]
    for part in [part for column in columns if column is not None for part in column.parts]:
        if len(part.shape) != 1 and part.shape[1:] != (1,):
            yield Finding("rank", InputError(f"{part.where}: wrong rank", got=f"shape {part.shape}", valid="(N,)"))
    for part in draft.is_test.parts if draft.is_test is not None else ():
        flags = np.unique(part.read())
        if not part.numeric or not np.isin(flags, (0, 1)).all():
            got = ", ".join(map(str, flags[:SHOWN]))
            yield Finding("splits", InputError(f"{part.where}: not flags", got=got, valid="true or false, 1 or 0"))
    for part in [part for column in draft.truth.values() for part in column.parts]:
        if not part.numeric:
            yield Finding("dtype", InputError(f"{part.where}: must be numbers", got=str(part)))


def ids(draft: Draft) -> Iterator[Finding]:
    """Ids are unique; ids of each modality name the same clips."""
    named = [(column, column.text()) for column in (draft.ids,) if column is not None]
    named += [(draft.own_ids[name], names) for name, names in draft.own_names.items()]
    for column, names in named:
        _, starts, counts = np.unique(np.array(names), return_index=True, return_counts=True)
        if (counts > 1).any():
            name = names[int(starts[counts > 1].min())]
            rows = [row for row, other in enumerate(names) if other == name]
            what = f"{column.place(rows[1])}: id {name!r} stands there again (first: row {rows[0]})"
            extra = int((counts - 1).sum())
            fix = f"ids must be unique: drop or rename the {extra} duplicate{'s' if extra > 1 else ''}"
            yield Finding("duplicate-ids", InputError(what, fix=fix))
    if not draft.own_ids:
        return
    if set(draft.own_ids) != set(draft.modalities):
        (missing,) = set(draft.modalities) - set(draft.own_ids)
        what = f"{draft.table.source}: ids of one modality only"
        yield Finding("unmatched-ids", InputError(what, fix=f"add 'ids_{missing}', or one key 'ids' for both"))
        return
    one, two = (set(names) for names in draft.own_names.values())
    for name, alone in zip(draft.modalities, (one - two, two - one)):
        if alone:
            what = f"{draft.own_ids[name].where}: {len(alone)} ids are not in the other modality"
            fix = "leave these clips out or bring their other half"
            yield Finding("unmatched-ids", InputError(what, got=some(sorted(alone)), fix=fix))


def split_names(draft: Draft) -> Iterator[Finding]:
    """Splits have known names."""
    if draft.split is None:
        return
    unknown = [row for row, name in enumerate(draft.split_names) if name and name not in SPLITS]
    if unknown:
        what = f"{draft.split.place(unknown[0])}: unknown split ({len(unknown)} such rows)"
        name = repr(draft.split_names[unknown[0]])
        yield Finding("splits", InputError(what, got=name, valid=f"{', '.join(SPLITS)}, or empty for a row in none"))


def splits(draft: Draft) -> Iterator[Finding]:
    """There are rows to train on and rows to test on."""
    for name, rows in draft.splits.items():
        if not len(rows):
            column = draft.split or draft.is_test
            where = column.where if column is not None else draft.table.source
            fix = "mark rows of both kinds, or leave the split out and a seeded 70/30 one is made"
            yield Finding("empty-split", InputError(f"{where}: no row in split {name!r}", fix=fix))


def values(draft: Draft, name: str) -> Iterator[Finding]:
    """No NaN or Inf, no missing modality; constant columns are named."""
    column, tensor = draft.modalities[name], draft.features(name)
    finite = _by_row(tensor, lambda block: block.isfinite().all(dim=1))
    if not bool(finite.all()):
        bad = torch.nonzero(~finite).flatten().tolist()
        kind = "NaN" if bool(tensor[bad[0]].isnan().any()) else "Inf"
        what = f"{column.place(bad[0])}: {kind} ({len(bad)} such rows: {some(bad)})"
        yield Finding("not-finite", InputError(what, fix="leave these clips out or extract them again"))
        return
    missing = torch.nonzero(_by_row(tensor, lambda block: (block == 0).all(dim=1))).flatten().tolist()
    if len(missing) == len(tensor):
        what = f"{column.where}: every row is zero, the modality is missing"
        yield Finding("zero-rows", InputError(what, fix="extract its features again"))
        return
    if missing:
        what = f"{column.where}: {len(missing)} rows are all zero ({some(missing)}): a missing {name}?"
        yield Finding("zero-rows", InputError(what, fix="leave these clips out if so"), fatal=False)
    flat = tensor.reshape(-1, tensor.shape[-1])
    constant = torch.nonzero(flat.amin(dim=0) == flat.amax(dim=0)).flatten().tolist()
    if constant and len(tensor) > 1:
        what = f"{column.where}: {len(constant)} of {tensor.shape[-1]} columns are constant ({some(constant)})"
        yield Finding("constant-columns", InputError(what, fix="they carry nothing"), fatal=False)


def leaked(draft: Draft) -> Iterator[Finding]:
    """Test clips that stand in train too, equal in all modalities."""
    prints = [fingerprints(draft.features(name)) for name in draft.modalities]
    if draft.own_ids:  # rows are not yet aligned: the first modality alone decides
        prints = prints[:1]
    both = np.stack(prints, axis=1).view([("", np.uint64)] * len(prints)).ravel()
    train, test = (draft.splits[name].numpy() for name in ("train", "test"))
    twice = test[np.isin(both[test], both[train])]
    if len(twice):
        rows = some(twice.tolist())
        what = f"{draft.table.source}: {len(twice)} of {len(test)} test rows stand in train too (rows {rows})"
        fix = "results on them are too good: drop them from one side"
        yield Finding("leaked-rows", InputError(what, fix=fix), fatal=False)


def fingerprints(tensor: Tensor) -> np.ndarray[Any, Any]:
    """(N,) 64-bit hashes of the rows: equal rows have equal ones, others differ but for a chance of about 2^-32.

    The words of a row are multiplied by fixed random numbers and summed modulo 2^64.
    """
    words = tensor.reshape(len(tensor), -1).numpy().view(np.uint32)
    factors = np.random.PCG64(0).random_raw(words.shape[1]) | np.uint64(1)
    step = max(1, (1 << 22) // max(1, words.shape[1]))
    blocks = [words[start : start + step] @ factors for start in range(0, len(words), step)]
    return np.concatenate(blocks)


def _by_row(tensor: Tensor, test: Callable[[Tensor], Tensor]) -> Tensor:
    """(N,) of a test of rows, in blocks."""
    flat = tensor.reshape(len(tensor), -1)
    return torch.cat([test(block) for block in torch.split(flat, max(1, (1 << 22) // flat.shape[1]))])
