"""Builders of target matrices: any supervision becomes an (n, n) matrix of row distributions, which any loss takes."""

from __future__ import annotations

import torch
from torch import Tensor


def own_and_others(others: Tensor, own_weight: float, excluded: Tensor | None = None) -> Tensor:
    """Targets from the one certain positive, a clip's true counterpart, and less certain ones.

    Args:
        others: (n, m >= n) non-negative weights of other clips; the own one (i, i) is ignored.
        own_weight: Share of each row's mass for the true counterpart; all of it if the row has no other.
        excluded: (n, m) bool, what is no positive whatever its weight: a row whose own is excluded has others only.

    Returns:
        (n, m) rows that sum to one; to zero where nothing is left.

    Example:
        >>> own_and_others(torch.tensor([[9.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), 0.5)
        tensor([[0.5000, 0.2500, 0.2500],
                [0.0000, 1.0000, 0.0000],
                [0.5000, 0.0000, 0.5000]])
    """
    n = len(others)
    own = torch.eye(n, others.shape[1], dtype=others.dtype, device=others.device)
    others = others * (1.0 - own)
    share: float | Tensor = own_weight
    if excluded is not None:
        others, own = others.masked_fill(excluded, 0.0), own.masked_fill(excluded, 0.0)
        share = own_weight * own.sum(1, keepdim=True)
    total = others.sum(1, keepdim=True)
    shared = others * ((1.0 - share) / total.clamp_min(torch.finfo(others.dtype).tiny))
    return shared + own * torch.where(total > 0, share, 1.0)


def from_labels(targets: Tensor, own_weight: float = 0.0) -> Tensor:
    """Targets from (n, C) several or soft labels in [0, 1]: clips weigh in by the labels they share.

    The (n, n) rows sum to one; a row without a label has its true counterpart only. ``own_weight`` is the counterpart's
    share of the mass; 0 treats it as one positive among the others.
    """
    shared = targets @ targets.mT
    if own_weight > 0:
        return own_and_others(shared, own_weight)
    total = shared.sum(1, keepdim=True)
    own = torch.eye(len(targets), dtype=targets.dtype, device=targets.device)
    return torch.where(total > 0, shared / total.clamp_min(torch.finfo(shared.dtype).tiny), own)


def as_targets(labels: Tensor, classes: int) -> Tensor:
    """(n, C) float32 targets in [0, 1] of (n,) class codes, zeros for -1; targets stay as they are.

    Example:
        >>> as_targets(torch.tensor([1, -1]), 2)
        tensor([[0., 1.],
                [0., 0.]])
    """
    if labels.dim() == 2:
        return labels
    targets = torch.zeros(len(labels), classes, device=labels.device)
    return targets.scatter_(1, labels[:, None].clamp_min(0), (labels >= 0).float()[:, None])


def has_label(labels: Tensor) -> Tensor:
    """(n,) bool: which rows have a label, of (n,) class codes, -1 for none, or of (n, C) targets."""
    return torch.as_tensor(labels >= 0 if labels.dim() == 1 else labels.sum(1) > 0)


def as_labels(labels: Tensor) -> Tensor:
    """Labels of a batch in the form that losses compute with, on their device: class numbers as (n,) int64.

    Args:
        labels: (n,) or (n, 1) whole numbers of any width, -1 for none; or (n, C) targets, which stay as they are.

    Example:
        >>> as_labels(torch.tensor([[3], [1]], dtype=torch.uint8))
        tensor([3, 1])
    """
    if labels.is_floating_point() or labels.is_complex():
        return labels
    if labels.dim() == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return labels.long() if labels.dim() == 1 else labels


def relation(labels: Tensor, gallery_labels: Tensor | None = None) -> Tensor:
    r"""How much rows are positives of each other, from their labels: (n, m) in [0, 1], float32 or better.

    .. math:: r_{ij} = [y_i = y_j] \quad\text{or}\quad r_{ij} = \min\Big(1, \sum_c y_{ic} y_{jc}\Big)

    A row without a label (-1, or zeros) is a positive of none. Rows that share a label of several are positives in
    full; for distributions over classes r is the probability that both rows are of one class.

    Args:
        labels: (n,) integer classes, -1 for none, or (n, C) targets in [0, 1].
        gallery_labels: (m,) or (m, C), of the same kind; None for the same rows.

    Example:
        >>> relation(torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]]))
        tensor([[1.0000, 1.0000, 0.5000],
                [1.0000, 1.0000, 0.5000],
                [0.5000, 0.5000, 0.5000]])
    """
    others = labels if gallery_labels is None else gallery_labels
    if labels.dim() == 1:
        return ((labels[:, None] == others[None, :]) & (labels >= 0)[:, None]).float()
    first, second = (rows if rows.dtype == torch.float64 else rows.float() for rows in (labels, others))
    with torch.autocast(first.device.type, enabled=False):
        return (first @ second.mT).clamp_max(1.0)


def soft_top_k(similarity: Tensor, k: int, temperature: float) -> Tensor:
    r"""Teacher-mined soft neighbours: the k most similar others, weighted by a softmax.

    .. math:: W_{ij} = \operatorname{softmax}_{j \in \text{top}_k(i),\, j \ne i,\, S_{ij} > 0}(S_{ij} / \tau_t)

    Of (n, m >= n) similarities column i < n is row i itself, which is left out, as are negative ones. The (n, m) rows
    sum to one, or to zero where no other is similar.

    Source:
        HSC-MAE, arXiv 2604.04229.
    """
    own = torch.arange(len(similarity), device=similarity.device)[:, None]
    others = similarity.scatter(1, own, -torch.inf)
    values, columns = others.topk(min(k, similarity.shape[1] - 1), dim=1)
    kept = values > 0
    weights = (values / temperature).masked_fill(~kept, -torch.inf).softmax(1).nan_to_num(0.0)
    return torch.zeros_like(similarity).scatter(1, columns, weights)
