"""Clips that lack a modality, and groups of clips that belong together: the checks of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from overtone.core import InputError
from overtone.features.base import Features, PairedFeatures
from overtone.features.parsed_table import Issue, ParsedTable
from overtone.features.splitting import group_numbers

if TYPE_CHECKING:
    from torch import Tensor


def only_pairs(data: PairedFeatures, why: str) -> PairedFeatures:
    """The clips that have both modalities.

    Args:
        data: Any pairs.
        why: Why the others are left out, for the notes.

    Returns:
        The data themselves where every clip has both; else the paired clips, and a note on the others.
    """
    if not data.present:
        return data
    import torch

    found = data.subset(torch.nonzero(data.paired).flatten())
    note = f"{len(data) - len(found)} of {len(data)} clips have one modality only: {why}"
    return replace(found, provenance=replace(found.provenance, notes=(*found.provenance.notes, note)))


def membership(data: Features) -> list[Tensor]:
    """What a checksum takes in of presence and groups.

    Args:
        data: Any features.

    Returns:
        (N,) tensors: presence by modality, numbers of groups; none where every clip is whole and stands alone.
    """
    import torch

    numbers = [torch.from_numpy(group_numbers(data.groups))] if data.groups else []
    return [*data.present.values(), *numbers]


def check_presence(table: ParsedTable) -> Iterator[Issue]:
    """Every clip has at least one modality, and every modality some clips."""
    for name, there in table.presence.items():
        if not there.any():
            what = f"{table.modalities[name].where}: no row has this modality"
            yield Issue("missing-modality", InputError(what, fix="bring its features, or name another modality"))
            return
    lacking = _rows_without_any(table)
    if lacking:
        rows, name = [row for row, _ in lacking], lacking[0][1]
        which = "either modality" if len(table.modalities) == 2 else f"{name!r}, the one view here"
        what = f"{table.place(table.first)(rows[0])}: without {which}"
        got = f"{len(lacking)} such rows ({table.list_rows(table.first, rows)})"
        yield Issue("missing-modality", InputError(what, got=got, fix="leave these clips out"))


def check_groups(table: ParsedTable) -> Iterator[Issue]:
    """No group has rows in two splits of the source."""
    if not table.group_names or table.made_split:
        return
    names = np.array(table.group_names)
    seen: dict[str, str] = {}
    for split, rows in table.splits.items():
        for group in np.unique(names[rows]).tolist():
            if group and group in seen and table.groups is not None:
                what = f"{table.groups.where}: group {group!r} has rows in {seen[group]!r} and in {split!r}"
                fix = "clips of one group are alike, which inflates the results: keep each group in one split"
                yield Issue("cut-groups", InputError(what, fix=fix), fatal=False, of_splits=True)
                return
            seen[group] = split


def _rows_without_any(table: ParsedTable) -> list[tuple[int, str]]:
    """Numbers of the clips that have none of the modalities, in the order of the first one, and its name."""
    first, *others = table.modalities
    if first not in table.presence or any(name not in table.presence for name in others):
        return []
    absent = ~table.presence[first]
    for name in others:
        there = table.presence[name]
        if table.own_ids:
            place = {clip: row for row, clip in enumerate(table.own_names[name])}
            there = there[[place[clip] for clip in table.own_names[first]]]
        absent = absent & ~there
    return [(row, first) for row in np.flatnonzero(absent).tolist()]
