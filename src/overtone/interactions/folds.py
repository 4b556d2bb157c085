"""Who teaches whom: the rows that teachers may see at all, and how they are dealt into folds."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features import PairedFeatures, hold_out
from overtone.features.splitting import shuffled
from overtone.interactions.soft_labels import labelled

HELD_OUT = 0.1
"""Share of a teacher's rows that its temperatures are calibrated on, where the corpus has no validation rows."""


def seen_by_teachers(data: PairedFeatures) -> PairedFeatures:
    """Training rows and behind them validation rows, without any other row, truth or media.

    Raises:
        InputError: There are no labels, or no training rows.
    """
    if data.targets is None or "train" not in data.splits:
        raise InputError(
            f"{data.provenance.source}: soft labels are learnt from training rows with labels",
            got=f"splits {', '.join(data.splits) or 'none'}, labels: {data.label_kind}",
            fix="bring labels, as y or labels",
        )
    used = {name: data.splits[name] for name in ("train", "val") if name in data.splits}
    bounds = torch.tensor([len(rows) for rows in used.values()]).cumsum(0).tolist()
    numbers = torch.arange(bounds[-1]).tensor_split(bounds[:-1])
    part = replace(data, truth={}, media={}, splits={}).subset(torch.cat(list(used.values())))
    return replace(part, splits=dict(zip(used, numbers)))


def deal(labels: Tensor, folds: int, seed: int) -> Tensor:
    """Deal labelled rows into folds, class by class, so that every fold has its share of each.

    A row with several labels counts for its rarest.

    Args:
        labels: (N, C).
        folds: k.
        seed: The same seed deals the same.

    Returns:
        (N,) int64 from 0 to k − 1; −1 for rows without a label.

    Raises:
        InputError: There are not two labelled rows to a fold.

    Example:
        >>> deal(torch.eye(2)[torch.tensor([0, 0, 1, 1, 0, 1])], 2, 0).bincount().tolist()
        [3, 3]
    """
    known = labelled(labels).nonzero()[:, 0]
    if folds < 2 or len(known) < 2 * folds:
        raise InputError(
            "too few labelled training rows for cross-fitting",
            got=f"{len(known)} rows in {folds} folds",
            valid="at least two folds of two rows",
            fix="annotate more clips, or lower folds",
        )
    present = (labels[known] > 0).float()
    rarest = (present / present.sum(0).clamp_min(1)).argmax(1)
    mixed = shuffled(len(known), seed)
    order = known[mixed[torch.argsort(rarest[mixed], stable=True)]]
    places = torch.full((len(labels),), -1, dtype=torch.int64)
    places[order] = torch.arange(len(order)) % folds
    return places


def of_others(part: PairedFeatures, places: Tensor, number: int, seed: int) -> PairedFeatures:
    """The data of one fold's teacher.

    Args:
        part: What teachers may see.
        places: (N,) fold of each training row.
        number: Of the fold that it is not to see.
        seed: The same seed holds out the same rows.

    Returns:
        To train on, the labelled rows of the other folds; to calibrate on, ``val`` or a share of them held out.
    """
    rows = part.splits["train"][(places >= 0) & (places != number)]
    return hold_out(replace(part, splits={**part.splits, "train": rows}), HELD_OUT, seed)
