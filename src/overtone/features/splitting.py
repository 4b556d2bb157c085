"""Splits: seeded ones that use no label, the same on every machine and numpy version; and the split by class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Values
from overtone.features.base import F

_FEWEST = 2  # classes on each side of a split by class: one class alone cannot be confused with another


def check_seed(seed: int) -> int:
    """The seed itself; InputError for a negative one."""
    if seed < 0:
        raise InputError("a seed cannot be negative", got=seed, valid="0, 1, 2, ...")
    return seed


def shuffle_rows(rows: int, seed: int) -> Values:
    """A seeded permutation of ``range(rows)``, int64.

    Sorting the generator's raw words keeps the order fixed for good: numpy guarantees the stream of a bit generator,
    not what its samplers make of it.
    """
    words = np.random.PCG64(check_seed(seed)).random_raw(rows)
    return np.argsort(words, kind="stable").astype(np.int64)


def draw_split(rows: int, fraction: float, seed: int, groups: Sequence[str] = ()) -> tuple[Values, Values]:
    """Sorted row numbers of the rest and of a random ``fraction`` (rounded up).

    Labels play no part (no stratification), so that a split contains no information about them. With a name of a group
    for each row, whole groups are drawn until the fraction is reached, so that none is on both sides.

    Example:
        >>> draw_split(6, 0.5, 0, ["a", "b", "a", "b", "c", "c"])
        (array([0, 2]), array([1, 3, 4, 5]))
    """
    count = math.ceil(rows * fraction)
    if not len(groups):
        order = shuffle_rows(rows, seed)
        return np.sort(order[count:]), np.sort(order[:count])
    numbers = group_numbers(groups)
    order = shuffle_rows(int(numbers.max()) + 1, seed)
    reached = np.cumsum(np.bincount(numbers)[order])[:-1]  # the last group is always one of the rest
    taken = np.isin(numbers, order[: int(np.searchsorted(reached, count)) + 1][: len(reached)])
    return np.flatnonzero(~taken), np.flatnonzero(taken)


def group_numbers(groups: Sequence[str]) -> Values:
    """(N,) int64 numbers of named groups, in the order of their names; a row without a name is a group of its own.

    Example:
        >>> group_numbers(["b", "a", "", "b", ""])
        array([1, 0, 2, 1, 3])
    """
    names = np.array(groups, dtype=str)
    _, numbers = np.unique(names, return_inverse=True)
    numbers = numbers.ravel().astype(np.int64)
    alone = names == ""
    numbers[alone] = len(names) + np.arange(alone.sum())
    return np.unique(numbers, return_inverse=True)[1].ravel().astype(np.int64)


def hold_out(data: F, fraction: float, seed: int) -> F:
    """Split the train rows into ``"train"`` and ``"val"``; unchanged where there is a ``"val"`` already.

    Args:
        data: Features with a split ``"train"``.
        fraction: Share of the train rows that becomes ``"val"``, in (0, 1); more where only whole groups can be taken.
        seed: The same seed holds out the same rows.

    Returns:
        The same features with other splits.

    Raises:
        InputError: The fraction is out of range or one side would be empty.

    Example:
        >>> from overtone.features import load
        >>> {name: len(rows) for name, rows in hold_out(load("split-digits"), 0.1, seed=0).splits.items()}
        {'train': 1131, 'val': 126, 'test': 540}
    """
    if "val" in data.splits:
        return data
    if not 0 < fraction < 1:
        raise InputError("the fraction to hold out is out of range", got=fraction, valid="more than 0, less than 1")
    if "train" not in data.splits:
        raise InputError("there is no split 'train' to hold rows out of", got=", ".join(data.splits) or "no splits")
    train = data.splits["train"]
    groups = [data.groups[row] for row in train.tolist()] if data.groups else ()
    rest, held = draw_split(len(train), fraction, seed, groups)
    if not len(rest) or not len(held):
        got = f"{len(train)} train rows{' of one group' if len(rest) else ''}"
        raise InputError("holding out would leave no row to train on", got=got, fix="bring more rows")
    others = {name: rows for name, rows in data.splits.items() if name != "train"}
    return replace(data, splits={"train": train[rest], "val": train[held], **others})


def split_by_class(data: F) -> F:
    """Let the first half of the classes train and the other half test, in the order of ``class_names``.

    This is the split of zero-shot retrieval: no test class occurs in training. Of C classes the first ⌊C/2⌋ train.
    All rows of a class go with it, so the splits of the source are replaced; rows without a label, and rows that were
    in no split, stay in none. No row is dropped, so no feature is copied.

    Args:
        data: Features with at most one class a row.

    Returns:
        The same features with the splits ``train`` and ``test``; ``provenance.notes`` says what was done.

    Raises:
        InputError: There are no labels, rows have several classes (one could be on both sides), or fewer than two
            classes have rows on one side.

    Source: Oh Song, Xiang, Jegelka & Savarese, "Deep Metric Learning via Lifted Structured Feature Embedding",
    CVPR 2016: the first 100 of 200 classes of CUB-200-2011 train, the first 98 of 196 of Cars196.

    Example:
        >>> from overtone.features import load_views
        >>> data = split_by_class(load_views("digits"))
        >>> sorted({data.class_names[row.argmax()] for row in data.split("test").targets})
        ['5', '6', '7', '8', '9']
    """
    import torch

    source = data.provenance.source
    if data.labels is None or data.label_kind != "single":
        why = "a row with classes of both halves would be on both sides"
        got = "no labels" if data.labels is None else f"{data.label_kind} labels ({why})"
        raise InputError(f"{source}: cannot be split by class", got=got, valid="at most one class a row")
    used = torch.ones(len(data), dtype=torch.bool)
    if data.splits:
        used.zero_()[torch.cat(list(data.splits.values()))] = True
    used &= data.labels >= 0
    numbers, half = data.labels, data.classes // 2
    sides = {"train": used & (numbers < half), "test": used & (numbers >= half)}
    for name, members in sides.items():
        count = int((torch.bincount(numbers[members]) > 0).sum())
        if count < _FEWEST:
            what = f"{source}: too few classes with rows for the {name} side of a class-disjoint split"
            raise InputError(what, got=count, valid=f"{_FEWEST} or more on each side", fix="bring more classes")
    names = data.class_names
    notes = [
        f"class-disjoint: {half} classes train ({names[0]} to {names[half - 1]}), "
        f"{len(names) - half} test ({names[half]} to {names[-1]}); the source's own splits are not used"
    ]
    unused = int((~used).sum())
    if unused:
        notes.append(f"class-disjoint: {unused} rows without a label or in no split stay in none")
    provenance = replace(data.provenance, notes=(*data.provenance.notes, *notes), made_split=False)
    return replace(data, splits={k: torch.nonzero(v).flatten() for k, v in sides.items()}, provenance=provenance)
