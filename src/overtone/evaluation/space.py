"""What retrieval figures do not show of a space: the gap between modalities, hubs, what a modality finds alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.core.documents import Document
from overtone.evaluation.arrays import ArrayLike, unit_pair
from overtone.evaluation.geometry import ModalityGap, effective_rank, modality_gap
from overtone.evaluation.metrics import average_precision
from overtone.evaluation.retrieval import Search, run_search

_MOST_ROWS = 4096
"""Rows that are looked at, evenly spaced among all."""
_NEAREST = 10
_BLOCK = 1 << 24
"""Cosines in memory at once."""


@dataclass(frozen=True)
class Hubness(Document):
    """How evenly the items of a gallery are found.

    Attributes:
        skew: Third standardised moment of the number of queries that find an item among their k nearest. 0 where all
            are found as often; from about 3 on a few *hubs* stand before what is right.
        largest: Share of the queries that find the most frequent item.
        never: Share of the items that no query finds.
        k: Nearest items of a query that count.
    """

    skew: float
    largest: float
    never: float
    k: int


@dataclass(frozen=True)
class SpaceShape(Document):
    """The shape of a space that two modalities share.

    Attributes:
        gap: Between the modalities.
        ranks: Modality to effective rank, the number of dimensions that its rows fill.
        hubness: Direction to how evenly items are found.
        alone: Modality to mAP within it: what it finds without the other. Empty without labels.
        rows: Clips that were looked at.
    """

    gap: ModalityGap
    ranks: dict[str, float]
    hubness: dict[str, Hubness]
    alone: dict[str, float] = field(default_factory=dict)
    rows: int = 0


def hubness(queries: ArrayLike, gallery: ArrayLike, k: int = _NEAREST) -> Hubness:
    r"""Measure how evenly the items of a gallery are found among the k nearest.

    With :math:`N_k(j)` the number of queries that have item j among their k nearest by cosine, and mean
    :math:`\mu` and standard deviation :math:`\sigma` of it over the items, the skew is
    :math:`\frac1N \sum_j ((N_k(j) - \mu) / \sigma)^3`.

    Args:
        queries: (Q, d) embeddings.
        gallery: (N, d) embeddings.
        k: Nearest items of a query that count; at most N.

    Returns:
        The figures; a skew of 0 where all items are found as often.

    Raises:
        InputError: Shapes do not fit, a row is zero or NaN, or k is not positive.

    Source:
        Radovanović, Nanopoulos & Ivanović, Hubs in space, JMLR 2010.

    Example:
        >>> hub = hubness([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2]], [[1.0, 0.1], [0.0, 1.0], [-1.0, 0.0]], k=1)
        >>> hub.largest, round(hub.never, 3)
        (1.0, 0.667)
    """
    if k < 1:
        raise InputError("hubness: k starts at 1", got=k)
    x, y = unit_pair(queries, gallery, ("queries", "gallery"), None)
    k, step = min(k, len(y)), max(1, _BLOCK // len(y))
    found = torch.zeros(len(y), dtype=torch.int64)
    for start in range(0, len(x), step):
        nearest = (x[start : start + step].float() @ y.float().mT).topk(k, dim=1).indices
        found += torch.bincount(nearest.flatten(), minlength=len(y))
    counts = found.double()
    spread = counts.std(correction=0)
    skew = float((((counts - counts.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0
    return Hubness(skew, float(counts.max() / len(x)), float((counts == 0).double().mean()), k)


def describe_space(first: Tensor, second: Tensor, labels: Tensor | None, names: tuple[str, str]) -> SpaceShape | None:
    """The shape of a space by (N, d) embeddings of whole pairs; None of fewer than two.

    ``labels`` are (N,) class numbers, -1 for none, or (N, C) targets. Of many rows, evenly spaced ones are looked at.
    """
    if len(first) < 2:
        return None
    rows = torch.arange(len(first)) if len(first) <= _MOST_ROWS else _spaced(len(first))
    views = {name: F.normalize(part[rows].float(), dim=1) for name, part in zip(names, (first, second))}
    a, b = views.values()
    alone = {}
    if labels is not None:
        for name, view in views.items():
            search = Search(view, view, labels[rows], labels[rows], exclude_self=True)
            precision = run_search(search, {"map": average_precision}, memory_mb=256).values["map"]
            if not np.isnan(precision).all():
                alone[name] = float(np.nanmean(precision))
    return SpaceShape(
        modality_gap(a, b),
        {name: effective_rank(view) for name, view in views.items()},
        {"a2v": hubness(a, b), "v2a": hubness(b, a)},
        alone,
        len(rows),
    )


def _spaced(count: int) -> Tensor:
    """Row numbers at even distances."""
    return torch.linspace(0, count - 1, _MOST_ROWS, dtype=torch.float64).round().long()
