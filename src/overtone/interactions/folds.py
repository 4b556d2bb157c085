"""Folds of labelled rows, for what is to be judged on rows that it has not seen."""

from __future__ import annotations

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features import PairedFeatures
from overtone.features.splitting import group_numbers, shuffle_rows
from overtone.objectives.targets import as_targets, has_label


def fold_training_rows(data: PairedFeatures, folds: int, seed: int) -> Tensor:
    """Folds of the training rows of a corpus, as :func:`assign_folds` gives them; groups of clips stay together.

    Raises:
        InputError: There are not two labelled rows to a fold, or the rows outside of a fold are all of one class.
    """
    assert data.labels is not None
    rows = data.splits["train"]
    labels, groups = data.labels[rows], torch.from_numpy(group_numbers(data.groups))[rows] if data.groups else None
    found = assign_folds(labels, folds, seed, groups)
    _check_classes(labels, found, folds)
    return found


def assign_folds(labels: Tensor, folds: int, seed: int, groups: Tensor | None = None) -> Tensor:
    """Assign labelled rows to k folds, class by class, so that every fold has its share of each.

    A row with several labels counts for its rarest. With (N,) numbers of groups, each goes to a fold as a whole, by the
    class of its first labelled row.

    Args:
        labels: (N,) class codes, -1 for none, or (N, C) targets.
        folds: k, number of folds.
        seed: Decides which row of a class goes where.
        groups: (N,) numbers of groups; None: there are none.

    Returns:
        (N,) int64 from 0 to k − 1; −1 for rows without a label.

    Raises:
        InputError: There are not two labelled rows to a fold.

    Example:
        >>> assign_folds(torch.tensor([0, 0, 1, 1, 0, 1]), 2, 0).bincount().tolist()
        [3, 3]
    """
    known = has_label(labels).nonzero()[:, 0]
    if folds < 2 or len(known) < 2 * folds:
        got, valid = f"{len(known)} rows in {folds} folds", "at least two folds of two rows"
        what, fix = "too few labelled training rows for cross-fitting", "annotate more clips, or lower folds"
        raise InputError(what, got=got, valid=valid, fix=fix)
    rarest = labels[known] if labels.dim() == 1 else _rarest(labels[known] > 0)
    mixed = torch.from_numpy(shuffle_rows(len(known), seed))
    order = known[mixed[torch.argsort(rarest[mixed], stable=True)]]
    fold_ids = torch.full((len(labels),), -1, dtype=torch.int64)
    fold_ids[order] = torch.arange(len(order)) % folds
    if groups is not None:
        _, group = torch.unique(groups[known], return_inverse=True)
        first = torch.full((int(group.max()) + 1,), len(labels)).scatter_reduce(0, group, known, "amin")
        order = order[torch.isin(order, first)]
        fold_of = torch.empty_like(first)
        fold_of[group[torch.searchsorted(known, order)]] = torch.arange(len(order)) % folds
        fold_ids[known] = fold_of[group]
    return fold_ids


def _check_classes(labels: Tensor, fold_ids: Tensor, folds: int) -> None:
    """Refuse folds if the rows of the others are all of one class, so that nothing could be learnt from them."""
    annotated = as_targets(labels, max(1, int(labels.max()) + 1)) > 0
    total = annotated.sum(0)
    if any(int((total > annotated[fold_ids == fold].sum(0)).sum()) < 2 for fold in range(folds)):
        raise InputError(
            f"too few labelled training rows of a second class: a teacher of {folds - 1} of {folds} folds has none",
            fix="annotate more clips of other classes",
        )


def _rarest(present: Tensor) -> Tensor:
    """(n,) the rarest class of each row that (n, C) bool says is there."""
    shares = present.float()
    return (shares / shares.sum(0).clamp_min(1)).argmax(1)
