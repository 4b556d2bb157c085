"""The split of zero-shot retrieval: some classes train, the others, never seen, test."""

from __future__ import annotations

from dataclasses import replace

import torch

from overtone.core import InputError
from overtone.features.base import F

FEWEST = 2
"""Classes that each side needs: with one there is nothing to tell apart."""


def class_disjoint(data: F) -> F:
    """Let the first half of the classes train and the others test, in the order of ``class_names``.

    Of C classes the first ⌊C/2⌋ train; where C is odd, the one in the middle tests. All rows of a class go with it, so
    splits that the data had are given up; rows without a label, and rows that were in no split, stay in none. No row
    is dropped, so no feature is copied.

    Args:
        data: Features with at most one class a row.

    Returns:
        The same features with the splits ``train`` and ``test``; what was done stands in ``provenance.notes``.

    Raises:
        InputError: There are no labels, rows have several classes (one could stand on both sides), or fewer than two
            classes have rows on one side.

    Source: Oh Song, Xiang, Jegelka & Savarese, "Deep Metric Learning via Lifted Structured Feature Embedding",
    CVPR 2016: the first 100 of 200 classes of CUB-200-2011 train, the first 98 of 196 of Cars196.

    Example:
        >>> from overtone.features import load_views
        >>> data = class_disjoint(load_views("digits"))
        >>> sorted({data.class_names[row.argmax()] for row in data.split("test").targets})
        ['5', '6', '7', '8', '9']
    """
    source = data.provenance.source
    if data.targets is None or data.label_kind != "single":
        why = "a row with classes of both halves would stand on both sides"
        got = "no labels" if data.targets is None else f"{data.label_kind} labels ({why})"
        raise InputError(f"{source}: classes cannot be parted", got=got, valid="at most one class a row")
    takes_part = torch.ones(len(data), dtype=torch.bool)
    if data.splits:
        takes_part.zero_()[torch.cat(list(data.splits.values()))] = True
    takes_part &= data.targets.any(dim=1)
    numbers, half = data.targets.argmax(dim=1), data.classes // 2
    sides = {"train": takes_part & (numbers < half), "test": takes_part & (numbers >= half)}
    for name, members in sides.items():
        count = int((torch.bincount(numbers[members]) > 0).sum())
        if count < FEWEST:
            what = f"{source}: too few classes with rows for the {name} side of a class-disjoint split"
            raise InputError(what, got=count, valid=f"{FEWEST} or more on each side", fix="bring more classes")
    names = data.class_names
    notes = [
        f"class-disjoint: {half} classes train ({names[0]} to {names[half - 1]}), "
        f"{len(names) - half} test ({names[half]} to {names[-1]}); splits of the source are given up"
    ]
    left = int((~takes_part).sum())
    if left:
        notes.append(f"class-disjoint: {left} rows without a label or in no split stay in none")
    provenance = replace(data.provenance, notes=(*data.provenance.notes, *notes))
    splits = {name: torch.nonzero(members).flatten() for name, members in sides.items()}
    return replace(data, splits=splits, provenance=provenance)
