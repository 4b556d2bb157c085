"""Scores by which an epoch is chosen; those for label-free methods look at held-out pairs only, never at a label."""

from __future__ import annotations

from statistics import fmean

import torch
from torch import Tensor

from overtone.evaluation import mean_average_precision


def pair_correlation(first: Tensor, second: Tensor) -> float:
    """Mean cosine of the pairs after each modality has been centred: 1 if partners agree, 0 if they know nothing.

    Args:
        first: (N, e) embeddings of one modality.
        second: (N, e) embeddings of the other, row-aligned.
    """
    return float(torch.nn.functional.cosine_similarity(first - first.mean(0), second - second.mean(0), dim=1).mean())


def reciprocal_rank(first: Tensor, second: Tensor, memory_mb: int = 512) -> float:
    """Mean reciprocal rank of the own partner among all held-out rows, over both directions; ties count half.

    Args:
        first: (N, e) embeddings of one modality.
        second: (N, e) embeddings of the other, row-aligned.
        memory_mb: Bound of a block of similarities, in MiB.
    """
    total = 0.0
    block = max(1, memory_mb * 2**20 // (16 * max(1, len(second))))
    for queries, gallery in ((first, second), (second, first)):
        queries, gallery = (torch.nn.functional.normalize(rows, dim=1) for rows in (queries, gallery))
        for start in range(0, len(queries), block):
            rows = queries[start : start + block]
            scores = rows @ gallery.T
            own = scores.diagonal(start)[:, None]
            better, tied = (scores > own).sum(1), (scores == own).sum(1) - 1
            total += float((1.0 / (1.0 + better + 0.5 * tied)).sum())
    return total / (len(first) + len(second))


def scores(embeddings: tuple[Tensor, Tensor], targets: Tensor | None, memory_mb: int = 512) -> dict[str, float]:
    """All scores an epoch can be chosen by; higher is better.

    Args:
        embeddings: (N, e) of either modality, row-aligned.
        targets: (N, C) class targets for supervised methods; None for all others.
        memory_mb: Bound of a block of similarities, in MiB.

    Returns:
        ``correlation`` and ``reciprocal_rank``, and with targets ``map``.
    """
    found = {
        "correlation": pair_correlation(*embeddings),
        "reciprocal_rank": reciprocal_rank(*embeddings, memory_mb=memory_mb),
    }
    if targets is not None:
        found["map"] = fmean(
            mean_average_precision(queries, gallery, targets, targets, memory_mb=memory_mb)
            for queries, gallery in (embeddings, embeddings[::-1])
        )
    return found
