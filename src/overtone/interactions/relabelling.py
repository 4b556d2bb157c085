"""Targets of events that need neither a graph nor a model of events: the usual ways to complete sparse labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_NEIGHBOURS = 10
_SMOOTHING = 0.1
_BLOCK = 2048
"""Rows whose neighbours are searched at once."""


def take_soft_labels(labels: Tensor, soft: Tensor, features: Sequence[Tensor]) -> Tensor:
    """Soft labels as they are: max(y, s).

    Args:
        labels: (N, C) indicators of what is annotated.
        soft: (N, C) soft labels, the larger of the two modalities, by teachers that have not seen the row.
        features: Both modalities' (N, …) rows.

    Returns:
        (N, C) targets, as of every function here.
    """
    return torch.maximum(labels, soft)


def relabel_confident(labels: Tensor, soft: Tensor, features: Sequence[Tensor]) -> Tensor:
    """Confident learning: a class is there where its soft label reaches the mean of the clips annotated with it.

    Source:
        Northcutt, Jiang & Chuang 2021, JAIR, for the threshold.
    """
    counts = labels.sum(0)
    threshold = torch.where(counts > 0, (labels * soft).sum(0) / counts.clamp_min(1), torch.inf)
    return torch.maximum(labels, (soft >= threshold).to(labels.dtype))


def relabel_by_neighbours(labels: Tensor, soft: Tensor, features: Sequence[Tensor]) -> Tensor:
    """Labels of the ten nearest labelled clips: the share that has the class, averaged over the modalities."""
    known = (labels.sum(1) > 0).nonzero()[:, 0]
    shares = torch.zeros_like(labels)
    for rows in features:
        flat = rows.flatten(1).float()
        unit = F.normalize((flat - flat.mean(0)) / flat.std(0).clamp_min(1e-6), dim=1)
        count = min(_NEIGHBOURS, len(known) - 1)
        for start in range(0, len(unit), _BLOCK):
            block = torch.arange(start, min(start + _BLOCK, len(unit)))
            near = unit[block] @ unit[known].mT
            near[block[:, None] == known] = -torch.inf  # a clip is not its own neighbour
            shares[block] += labels[known[near.topk(count, dim=1).indices]].mean(1) / len(features)
    return torch.maximum(labels, shares)


def smooth_labels(labels: Tensor, soft: Tensor, features: Sequence[Tensor]) -> Tensor:
    """Label smoothing: (1 − ε) y + ε / C with ε = 0.1.

    Source:
        Szegedy et al. 2016, CVPR.
    """
    return (1 - _SMOOTHING) * labels + _SMOOTHING / labels.shape[1]


RELABELLINGS: dict[str, Callable[[Tensor, Tensor, Sequence[Tensor]], Tensor]] = {
    "raw": take_soft_labels,
    "confident": relabel_confident,
    "neighbours": relabel_by_neighbours,
    "smoothing": smooth_labels,
}
"""By the value of the setting ``graph`` that asks for them."""
