"""What single queries find: ranks of the own partner, first hits and whole lists, one block of queries at a time."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

MOST_QUERIES = 5000
"""Queries looked at one by one; of a larger set, so many evenly spaced ones."""
BLOCK = 2**24
"""Similarities held at a time."""


class Hit(NamedTuple):
    """One item of a ranking."""

    row: int
    similarity: float


class Direction:
    """Queries of one modality in a gallery of the other, row-aligned, by cosine.

    Args:
        queries: (N, e) embeddings.
        gallery: (N, e) embeddings of the other modality.
    """

    def __init__(self, queries: Floats, gallery: Floats) -> None:
        self.queries, self.gallery = unit(queries), unit(gallery)

    @cached_property
    def rows(self) -> Ints:
        """The queries that are looked at: all, or evenly spaced ones."""
        total = len(self.queries)
        return np.unique(np.linspace(0, total - 1, min(total, MOST_QUERIES)).astype(int))

    @cached_property
    def _look(self) -> tuple[Floats, Ints]:
        ranks, firsts = [], []
        step = max(1, BLOCK // max(1, len(self.gallery)))
        for start in range(0, len(self.rows), step):
            rows = self.rows[start : start + step]
            scores = self.queries[rows] @ self.gallery.T
            own = scores[np.arange(len(rows)), rows][:, None]
            ranks.append(1 + (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2)
            firsts.append(scores.argmax(1))
        return np.concatenate(ranks), np.concatenate(firsts)

    @property
    def partner_ranks(self) -> Floats:
        """Rank of the own partner for each of :attr:`rows`, from 1; tied items share their places."""
        return self._look[0]

    @property
    def first_hits(self) -> Ints:
        """Gallery row that each of :attr:`rows` finds first."""
        return self._look[1]

    def ranking(self, row: int, length: int = 10) -> list[Hit]:
        """The first items that a query finds; equal similarities in the order of the rows."""
        scores = self.gallery @ self.queries[row]
        return [Hit(int(at), float(scores[at])) for at in np.argsort(-scores, kind="stable")[:length]]

    def partner_rank(self, row: int) -> float:
        """Rank of one query's own partner, from 1."""
        scores = self.gallery @ self.queries[row]
        return float(1 + (scores > scores[row]).sum() + ((scores == scores[row]).sum() - 1) / 2)


def unit(rows: Floats) -> Floats:
    """Rows of length one; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float64)


def telling(scores: Floats, rows: Ints) -> dict[str, int]:
    """The best, the median and the worst query: by score, then by row, so that the choice is always the same.

    Args:
        scores: (n,) the higher the better; NaN means: not judged.
        rows: (n,) the row each score belongs to.

    Returns:
        ``{"best": row, "median": row, "worst": row}``, fewer if there are fewer queries.

    Example:
        >>> telling(np.array([0.5, float("nan"), 1.0, 0.1]), np.array([0, 1, 2, 3]))
        {'best': 2, 'median': 0, 'worst': 3}
    """
    judged = np.flatnonzero(~np.isnan(scores))
    order = rows[judged[np.lexsort((rows[judged], -scores[judged]))]]
    if not len(order):
        return {}
    chosen = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    once: dict[str, int] = {}
    for name, row in chosen.items():
        if row not in once.values():
            once[name] = int(row)
    return once


def confusion(queries: NDArray[np.bool_], found: NDArray[np.bool_]) -> Floats:
    """Of what class the first hit is, by the class of the query.

    A row with several classes counts for each in equal parts.

    Args:
        queries: (n, C) classes of the queries.
        found: (n, C) classes of what each found first.

    Returns:
        (C, C) shares; a row sums to 1, or is NaN where no query has the class.
    """
    parts = [rows / np.maximum(rows.sum(1, keepdims=True), 1) for rows in (queries, found)]
    joint = parts[0].T @ parts[1]
    total = joint.sum(1, keepdims=True)
    return np.asarray(np.divide(joint, total, out=np.full_like(joint, np.nan), where=total > 0))


def rank_bins(longest: int) -> list[tuple[int, int]]:
    """Bins of ranks that grow with the rank: 1, 2 to 3, 4 to 10, 11 to 30, ...

    Example:
        >>> rank_bins(50)
        [(1, 1), (2, 3), (4, 10), (11, 30), (31, 50)]
    """
    edges, upper = [(1, 1)], [3, 10]
    while edges[-1][1] < longest:
        edges.append((edges[-1][1] + 1, min(upper[0], longest)))
        upper = [upper[1], upper[0] * 10]
    return edges


def rank_shares(ranks: Floats, bins: list[tuple[int, int]]) -> Floats:
    """Share of the ranks in each bin; a shared place counts for the later whole one."""
    edges = [low - 0.5 for low, _ in bins] + [bins[-1][1] + 0.5]
    return np.histogram(np.ceil(ranks), edges)[0] / max(1, len(ranks))
