"""The geometry of one batch of embeddings: variance within its classes, and which samples are easy already."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_EASY_MARGIN = 0.1
"""A sample is easy if the nearest row of its class is nearer than that of any other class by this cosine."""


class LabelledBatch(NamedTuple):
    """(n, d) embeddings of any scale, and (n,) class numbers, negative for none, or (n, C) weights."""

    rows: Tensor
    labels: Tensor


class Similarities(NamedTuple):
    """(n, m) cosines of rows, and whether two share a class; minus infinity and false from a row to itself."""

    cosines: Tensor
    same: Tensor


@torch.no_grad()
def similarities(batch: LabelledBatch, gallery: LabelledBatch | None = None) -> Similarities:
    """Compare each row with each row of a gallery, or of its own batch. No function here waits for the device."""
    others = batch if gallery is None else gallery
    found = Similarities(_cosines(batch, others), _same_class(batch, others))
    if gallery is None:
        found.cosines.fill_diagonal_(-torch.inf)
        found.same.fill_diagonal_(False)
    return found


@torch.no_grad()
def batch_variance(among: Similarities) -> Tensor:
    r"""Intra-class variance of unit rows, unbiased for the few rows that a batch has of a class.

    On unit rows :math:`\frac{1}{n_c - 1} \sum_{i \in c} \lVert z_i - \mu_c \rVert^2` is one minus the mean cosine of
    two different rows of the class. Classes with a single row are left out.

    Returns:
        Scalar, the mean over the classes; NaN where no class has two rows.

    Example:
        >>> float(batch_variance(similarities(LabelledBatch(torch.eye(3), torch.tensor([0, 0, 1])))))
        1.0
    """
    cosines, same = among
    others = same.sum(1)
    spread = 1.0 - torch.where(same, cosines, 0.0).sum(1) / others.clamp_min(1)
    share = (others > 0) / (others + 1.0)  # each of the n_c rows of a class has the weight 1/n_c
    return (share * spread).sum() / share.sum()


@torch.no_grad()
def easy_samples(among: Similarities, margin: float = _EASY_MARGIN) -> Tensor:
    r"""Which rows have their nearest neighbour in their own class, by a clear margin.

    .. math:: \max_{j \in P(i)} \cos(z_i, z_j) \ge \max_{j \in N(i)} \cos(z_i, z_j) + m

    Returns:
        (n,) bool; false where there is no positive or no negative.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
        >>> easy_samples(similarities(LabelledBatch(rows, torch.tensor([0, 0, 1]))))
        tensor([ True,  True, False])
    """
    near = torch.where(among.same, among.cosines, -torch.inf).amax(1)
    away = torch.where(among.same, -torch.inf, among.cosines).amax(1)
    return (near >= away + margin) & near.isfinite() & away.isfinite()


def _cosines(batch: LabelledBatch, others: LabelledBatch) -> Tensor:
    with torch.autocast(batch.rows.device.type, enabled=False):
        rows = F.normalize(batch.rows.detach().float(), dim=1)
        return rows @ (rows if others is batch else F.normalize(others.rows.detach().float(), dim=1)).mT


def _same_class(batch: LabelledBatch, others: LabelledBatch) -> Tensor:
    ours, theirs = batch.labels, others.labels
    if ours.dim() == 1:
        return (ours[:, None] == theirs[None, :]) & (ours >= 0)[:, None]
    return ours.float() @ theirs.float().mT > 0
