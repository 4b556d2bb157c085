"""The exact scan: inner products block by block, and the best k of each query so far."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np

from overtone.core import InputError
from overtone.search.flat.segment import Mask, Rows, Segment, split_positions
from overtone.search.records import Vectors

Engine = Literal["auto", "faiss", "numpy"]

FEW = 4
"""Up to so many queries are multiplied one by one: a matrix-vector product reads the rows once."""
_SCORES = 1 << 22
"""Scores of a block: larger ones would take memory anew from the system for every block, which costs more than them."""
_HEAD = 1024
"""Columns of a first block whose best are sought by themselves."""
_SPARSE = 0.25
"""Below this share of rows that pass the filter only they are multiplied."""


class Best:
    """The best k of each of Q queries among what was offered.

    Args:
        queries: Q.
        k: How many are kept.
    """

    def __init__(self, queries: int, k: int) -> None:
        self.scores = np.full((queries, k), -np.inf, np.float32)
        self.positions = np.full((queries, k), -1, np.int64)

    def offer(self, scores: Vectors, positions: Rows) -> None:
        """Take in (Q, n) scores of items at (n,) or (Q, n) positions; of equal scores the earlier position wins."""
        k = self.scores.shape[1]
        if scores.shape[1] > k:
            head = max(_HEAD, 4 * k)
            if scores.shape[1] > 2 * head and np.isneginf(self.scores[:, -1]).any():
                # the best of a few columns leave little of the others to be looked at
                self.offer(scores[:, :head], positions[..., :head])
                self.offer(scores[:, head:], positions[..., head:])
                return
            kth = self.scores[:, -1]
            if np.isneginf(kth).any():
                chosen = np.argpartition(-scores, k - 1, axis=1)[:, :k]
                # All that tie with the k-th must come along, as any of them may be the earliest.
                least = np.take_along_axis(scores, chosen, axis=1).min(axis=1)
                kth = np.maximum(kth, np.nextafter(least, np.float32(-np.inf)))
            rows, columns = _where(scores > kth[:, None])
        else:
            rows, columns = _where(scores > -np.inf)
        if not len(rows):
            return
        counts = np.bincount(rows, minlength=len(scores))
        touched = np.flatnonzero(counts)
        width = int(counts.max())
        inside = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        new_scores = np.full((len(scores), width), -np.inf, np.float32)
        new_positions = np.full((len(scores), width), -1, np.int64)
        new_scores[rows, inside] = scores[rows, columns]
        new_positions[rows, inside] = positions[columns] if positions.ndim == 1 else positions[rows, columns]
        joined = np.concatenate([self.scores[touched], new_scores[touched]], axis=1)
        where = np.concatenate([self.positions[touched], new_positions[touched]], axis=1)
        order = np.lexsort((where, -joined), axis=1)[:, :k]
        self.scores[touched] = np.take_along_axis(joined, order, axis=1)
        self.positions[touched] = np.take_along_axis(where, order, axis=1)


def _where(mask: Mask) -> tuple[Rows, Rows]:
    """Rows and columns of what is true in a matrix; NumPy's own search is many times slower in two dimensions."""
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


@dataclass(frozen=True)
class Scan:
    """What is searched, and how.

    Attributes:
        segments: Positions count through all of them.
        allowed: Of each segment, the rows that may be found; None for all.
        to: Modalities; of several the mean.
        memory_mb: Memory, in MiB, that one block may take.
        engine: What multiplies.
    """

    segments: Sequence[Segment]
    allowed: Sequence[Mask | None]
    to: Sequence[str]
    memory_mb: int
    engine: Engine

    def nearest(self, queries: Vectors, k: int) -> Best:
        """The k rows with the largest inner products.

        Args:
            queries: (Q, d) unit rows.
            k: Rows per query.

        Returns:
            Scores and positions, the best first; position -1 where fewer than k rows may be found.
        """
        rounding = max(
            (sum(s.rounding.get(name, 0.0) for name in self.to) / len(self.to) for s in self.segments), default=0.0
        )
        if rounding == 0:
            return self.scan(queries, k)
        return self._rerank(queries, k, rounding)

    def _rerank(self, queries: Vectors, k: int, rounding: float) -> Best:
        """Scan quantised rows for more than k, rank those by their exact rows, and go on until no other can be better.

        With x' the quantised row of x and a unit query q, q·x <= q·x' + ‖x - x'‖. So a row that was not among the
        scanned m scores at most the m-th scanned score plus the largest ‖x - x'‖: once the exact k-th score is above
        that, no other row can be among the k.
        """
        total = sum(segment.rows for segment in self.segments)
        result, open_queries, wanted = Best(len(queries), k), np.arange(len(queries)), max(4 * k, k + 64)
        while len(open_queries):
            wanted = min(wanted, max(total, 1))
            found = self.scan(queries[open_queries], wanted)
            unsure = []
            for at, query in enumerate(open_queries):
                positions = np.sort(found.positions[at][found.positions[at] >= 0])
                parts = split_positions(self.segments, positions)
                scores = [segment.target(self.to, rows) @ queries[query] for segment, rows in parts]
                exact = np.concatenate([np.zeros(0, np.float32), *scores])
                one = Best(1, k)
                one.offer(exact[None].astype(np.float32), positions)
                result.scores[query], result.positions[query] = one.scores[0], one.positions[0]
                if len(positions) == wanted < total and one.scores[0, -1] < found.scores[at, -1] + rounding:
                    unsure.append(query)
            open_queries, wanted = np.array(unsure, dtype=np.int64), 4 * wanted
        return result

    def scan(self, queries: Vectors, k: int) -> Best:
        """The k largest inner products with the rows as they are scanned; arguments as for :meth:`nearest`."""
        best, start = Best(len(queries), k), 0
        faiss = _faiss(self.engine) if len(queries) > FEW else None
        row_bytes = 4 * (queries.shape[1] + (k if faiss else len(queries)))
        size = max(1024, (self.memory_mb << 20) // (2 * row_bytes))
        if not faiss:
            size = min(size, max(1024, _SCORES // len(queries)))
        for segment, mask in zip(self.segments, self.allowed):
            chosen = None if mask is None else np.flatnonzero(mask)
            if chosen is not None and (len(chosen) < _SPARSE * segment.rows or faiss):
                for at in range(0, len(chosen), size):
                    part = chosen[at : at + size]
                    _offer(best, segment.target(self.to, part, exact=False), queries, part + start, faiss)
            else:
                for at in range(0, segment.rows, size):
                    rows = slice(at, min(at + size, segment.rows))
                    block, where = segment.target(self.to, rows, exact=False), np.arange(rows.start, rows.stop) + start
                    _offer(best, block, queries, where, faiss, None if mask is None else mask[rows])
            start += segment.rows
        return best


def _offer(
    best: Best,
    block: Vectors,
    queries: Vectors,
    positions: Rows,
    faiss: ModuleType | None = None,
    mask: Mask | None = None,
) -> None:
    """Multiply one block with the queries and keep the best."""
    if not len(block):
        return
    if faiss is not None:
        k = min(best.scores.shape[1], len(block))
        scores, columns = faiss.knn(queries, np.ascontiguousarray(block), k, metric=faiss.METRIC_INNER_PRODUCT)
        best.offer(scores, positions[columns])
        return
    scores = np.stack([block @ query for query in queries]) if len(queries) <= FEW else queries @ block.T
    if mask is not None:
        scores[:, ~mask] = -np.inf
    best.offer(scores, positions)


def _faiss(engine: Engine) -> ModuleType | None:
    """The module of faiss if it is to be used, else None."""
    if engine == "numpy":
        return None
    if importlib.util.find_spec("faiss") is None:
        if engine == "faiss":
            raise InputError("faiss is not installed", fix="pip install 'overtone[faiss]', or --set engine=auto")
        return None
    import faiss

    module: ModuleType = faiss
    return module
