"""Checks of what recurs or is filled up: lengths of sequences, padding, rows of one modality that occur again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from overtone.core import InputError
from overtone.features.hashing import hash_rows
from overtone.features.messages import LONGEST
from overtone.features.parsed_table import Issue, ParsedTable

_REPEATED = 0.1
"""Share of rows of one modality that may recur without a word."""


def check_lengths(table: ParsedTable) -> Iterator[Issue]:
    """Lengths of sequences are whole numbers from 1 to T; without them, trailing steps of zeros look like padding."""
    for name, column in table.modalities.items():
        if any(len(part.shape) != 3 or not part.numeric for part in column.parts):
            continue
        steps = column.parts[0].shape[1]
        if name in table.lengths:
            lengths = table.lengths[name]
            values = lengths.read().ravel()
            numeric = values.dtype.kind in "iuf"
            bad = (
                np.flatnonzero(~((values >= 1) & (values <= steps) & (values == np.round(values)))) if numeric else [0]
            )
            if len(bad):
                what = f"{table.place(lengths)(int(bad[0]))}: not a number of steps ({len(bad)} such rows)"
                got = str(values[bad[0]])[:LONGEST]
                yield Issue("lengths", InputError(what, got=got, valid=f"whole numbers from 1 to {steps}"))
            continue
        padded = sum(
            int((~block[:, -1].any(axis=1) & block.any(axis=(1, 2))).sum())
            for part in column.parts
            for block in part.blocks()
        )
        if padded:
            what = f"{column.where}: {padded:,} of {column.rows:,} sequences end in zeros, which look like padding"
            fix = f"bring the number of steps of each in a key '{name}_length', or the zeros are averaged in"
            yield Issue("padding", InputError(what, fix=fix), fatal=False)


def check_repeats(table: ParsedTable) -> Iterator[Issue]:
    """Rows of one modality that recur, as an image with several captions does, are not cut by a made split."""
    if not table.made_split or table.groups is not None or table.own_ids or len(table.modalities) == 1:
        return
    for name in table.modalities:
        hashes = hash_rows(table.features(name))
        train, test = (table.splits[split] for split in ("train", "test"))
        both = int(np.isin(hashes[test], hashes[train]).sum())
        distinct = len(np.unique(hashes))
        if 1 < distinct <= len(hashes) * (1 - _REPEATED) and both:
            what = (
                f"{table.source}: of {len(hashes):,} rows of {name} {distinct:,} are different, and {both:,} of "
                f"{len(test):,} test rows of the made split also train"
            )
            error = InputError(what, fix=f"--group {name} keeps equal rows together")
            yield Issue("repeated-rows", error, fatal=False, of_splits=True)
