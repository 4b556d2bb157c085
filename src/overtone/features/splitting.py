"""Splits that look at no label: seeded, and the same on every machine and numpy version."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features.base import F


def valid_seed(seed: int) -> int:
    """The seed itself.

    Raises:
        InputError: It is negative.
    """
    if seed < 0:
        raise InputError("a seed cannot be negative", got=seed, valid="0, 1, 2, ...")
    return seed


def shuffled(rows: int, seed: int) -> Tensor:
    """A seeded permutation of ``range(rows)``.

    Sorting the generator's raw words keeps the order fixed for good: numpy guarantees the stream of a bit generator,
    not what its samplers make of it.

    Raises:
        InputError: The seed is negative.

    Example:
        >>> shuffled(5, seed=0).tolist() == shuffled(5, seed=0).tolist()
        True
    """
    words = np.random.PCG64(valid_seed(seed)).random_raw(rows)
    return torch.from_numpy(np.argsort(words, kind="stable").astype(np.int64))


def random_split(rows: int, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Sorted row numbers of the rest and of a random ``fraction`` (rounded up).

    Labels play no part (no stratification), so that a split says nothing about them.
    """
    order = shuffled(rows, seed)
    count = math.ceil(rows * fraction)
    return order[count:].sort().values, order[:count].sort().values


def hold_out(data: F, fraction: float, seed: int) -> F:
    """Split the train rows into ``"train"`` and ``"val"``; unchanged where there is a ``"val"`` already.

    Args:
        data: Features with a split ``"train"``.
        fraction: Share of the train rows that becomes ``"val"``, in (0, 1).
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
    rest, held = random_split(len(train), fraction, seed)
    if not len(rest):
        raise InputError(
            "holding out would leave no row to train on", got=f"{len(train)} train rows", fix="bring more rows"
        )
    others = {name: rows for name, rows in data.splits.items() if name != "train"}
    return replace(data, splits={"train": train[rest], "val": train[held], **others})
