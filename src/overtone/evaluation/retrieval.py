"""The one pass over all pairs: similarities in blocks of queries, ranks in pieces of a block, metrics of ranks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import Floats, Ints, relevance
from overtone.evaluation.ranks import CounterpartRanks, Ranks, sort_keys

LabelColumns = Mapping[str, Callable[[Ranks], Floats]]

_ROWS = 128
"""Queries that are multiplied at a time, at least: enough for a matrix product to run at full speed."""
_PIECE = 2**18
"""Pairs that are sorted at a time: small enough to stay in a core's cache."""
_BYTES_PER_PAIR = 16
"""What a block holds per pair of query and item: similarity, overlap of the targets, relevance."""
_RERANKING = 64
"""What re-ranking holds per pair besides: a few vectors in double precision."""
_FARTHEST = np.float32(1.9)
"""Farther than any negative cosine."""


@dataclass(frozen=True)
class Search:
    """Who looks for what.

    Attributes:
        queries: (Q, d) unit rows, float32 or float64.
        gallery: (N, d) unit rows, of the same type.
        query_targets: (Q,) int64 class codes, -1 for none, or (Q, C) targets; None to rank counterparts only.
        gallery_targets: (N,) or (N, C), as ``query_targets``, or None.
        counterparts: (Q, m) numbers of the items that are each query's true counterparts, where their rank is wanted;
            -1 fills up rows with fewer.
        exclude_self: Whether query i is item i, and must not find itself.
        rerank: Makes (b, N) scores in [-1, 1] of (b, N) cosines; None ranks by the cosines.
        classes: C, where classes of nearest items are counted by class codes.

    A cosine is rounded to float32 whatever the precision of the rows. With float64 rows, cosines that are equal by
    arithmetic come out equal, on every machine and in every block; float32 rows are several times faster.
    """

    queries: Tensor
    gallery: Tensor
    query_targets: Tensor | None = None
    gallery_targets: Tensor | None = None
    counterparts: Ints | None = None
    exclude_self: bool = False
    rerank: Callable[[Tensor], Tensor] | None = None
    classes: int = 0

    @property
    def candidates(self) -> int:
        """Items a query can find."""
        return len(self.gallery) - self.exclude_self


@dataclass
class Found:
    """What a pass brings home, row by row of the queries.

    Attributes:
        values: Label-level metrics by key, (Q,) float64 each, NaN where nothing is relevant.
        counterparts: Ranks of the true counterparts, if they were wanted.
        nearest: (C, C) how often the nearest item of a query of class i is of class j, if it was wanted.
    """

    values: dict[str, Floats] = field(default_factory=dict)
    counterparts: CounterpartRanks | None = None
    nearest: Floats | None = None


def run_search(
    search: Search,
    columns: LabelColumns,
    *,
    memory_mb: int,
    confusion: bool = False,
    graded: bool = False,
    count: Callable[[int], None] | None = None,
) -> Found:
    """Rank the gallery for every query and compute the label-level metrics in ``columns``.

    All threads together take at most ``memory_mb`` megabytes. ``confusion``: also count the classes of nearest items;
    ``graded``: a metric asks how relevant an item is; ``count`` is called with the number of queries of each block.

    Raises:
        InputError: ``memory_mb`` is not positive.
    """
    if memory_mb <= 0:
        raise InputError("memory_mb must be positive", got=memory_mb, fix="256 suits most machines")
    threads, items = torch.get_num_threads(), len(search.gallery)
    per_pair = _BYTES_PER_PAIR + (search.queries.dtype == torch.float64) * 8 + (search.rerank is not None) * _RERANKING
    affordable = int(memory_mb * 2**20 / (threads * per_pair * items))
    step = max(1, min(affordable, max(_ROWS, _PIECE // items)))
    work = _Pass(search, columns, step, confusion, graded)
    blocks = [work.order[start : start + step] for start in range(0, len(work.order), step)]
    # A block is one core's business from product to metric: what it needs is in that core's cache, and no core waits.
    with ThreadPoolExecutor(threads, initializer=partial(torch.set_num_threads, 1)) as workers:
        nearest: Floats | None = None
        for rows, counts in zip(blocks, workers.map(work.block, blocks)):
            if count is not None:
                count(len(rows))
            if counts is not None:
                nearest = counts if nearest is None else nearest + counts
    counterparts = None
    if search.counterparts is not None:
        counterparts = CounterpartRanks(search.candidates, work.above, work.upto, work.members)
    return Found(work.values, counterparts, nearest)


class _Pass:
    """A pass under way: what all blocks share, and the rows of the results that each of them fills in."""

    def __init__(self, search: Search, columns: LabelColumns, step: int, confusion: bool, graded: bool) -> None:
        size = len(search.queries)
        self.search, self.columns, self.step, self.confusion, self.graded = search, columns, step, confusion, graded
        self.values = {name: np.full(size, np.nan) for name in columns}
        self.above, self.upto = np.zeros(size, np.int64), np.zeros(size, np.int64)
        single = search.counterparts is None or (search.counterparts.shape[1] == 1 and (search.counterparts >= 0).all())
        self.members = None if single else np.zeros(size, np.int64)
        self.patterns, self.pattern = torch.zeros(1, 0), np.zeros(size, np.int64)
        if search.query_targets is not None:
            self.patterns, self.pattern = _patterns(search.query_targets)
        self.order = np.argsort(self.pattern, kind="stable")  # who wants the same items shares the work of finding them
        self.memory = threading.local()

    def block(self, rows: Ints) -> Floats | None:
        """Rank the gallery for some queries and fill in their results; classes of nearest items, if wanted."""
        search = self.search
        wanted, pattern = np.unique(self.pattern[rows], return_inverse=True)
        overlap = self._overlap(wanted)
        relevant = overlap > 0
        degrees = overlap.numpy() if self.graded and bool((overlap != relevant).any()) else None
        counts = relevant.sum(dim=1).numpy()[pattern]
        if search.exclude_self:
            counts -= relevant.numpy()[pattern, rows]
        by_count = np.argsort(counts, kind="stable")  # rows with as many relevant items make a table without gaps
        rows, pattern, counts = rows[by_count], pattern[by_count], counts[by_count]

        distance = self._distances(rows)
        own = self._nearest_counterparts(rows, distance)
        nearest = self._nearest_classes(rows, distance) if self.confusion else None
        flags = relevant.int().numpy()
        keys = distance.view(np.int32)
        piece = max(1, _PIECE // keys.shape[1])
        for part in (slice(start, start + piece) for start in range(0, len(rows), piece)):
            order_keys(distance[part])
            alike = pattern[part][0] == pattern[part][-1]  # equal ones lie together
            np.bitwise_or(keys[part], flags[pattern[part][:1] if alike else pattern[part]], out=keys[part])
            if search.exclude_self:
                keys[part][np.arange(len(rows[part])), rows[part]] &= ~1
            gains = None if degrees is None else degrees[pattern[part]]
            ranks = sort_keys(keys[part], counts[part], gains, gallery=search.candidates)
            for name, function in self.columns.items():
                self.values[name][rows[part]] = function(ranks)
        if own is not None:
            self.above[rows], self.upto[rows] = _count_below(keys, np.stack([own, own + 2]))
        return nearest

    def _nearest_counterparts(self, rows: Ints, distance: NDArray[np.float32]) -> NDArray[np.int32] | None:
        """(b,) keys of the nearest true counterparts, if wanted."""
        if self.search.counterparts is None:
            return None
        items = self.search.counterparts[rows]
        found = distance[np.arange(len(rows))[:, None], items]
        if self.members is not None:
            found[items < 0] = _FARTHEST
            self.members[rows] = ((found == found.min(axis=1, keepdims=True)) & (items >= 0)).sum(axis=1)
        return order_keys(found.min(axis=1))

    def _overlap(self, wanted: Ints) -> Tensor:
        """(patterns, N) how relevant each item is to those who look for a pattern of classes."""
        if self.search.gallery_targets is None:
            return torch.zeros(1, len(self.search.gallery))
        return relevance(self.patterns[wanted], self.search.gallery_targets)

    def _distances(self, rows: Ints) -> NDArray[np.float32]:
        """(b, N) negative cosines, in memory that the thread's next block will use again: fresh pages are dear."""
        search = self.search
        if not hasattr(self.memory, "cosines"):
            self.memory.cosines = torch.empty(self.step, len(search.gallery), dtype=search.queries.dtype)
        cosines = self.memory.cosines[: len(rows)]
        torch.mm(search.queries[torch.from_numpy(rows)].neg_(), search.gallery.T, out=cosines)
        negative = cosines.float()
        if search.rerank is not None:
            negative = search.rerank(negative.neg()).neg_()
        distance: NDArray[np.float32] = negative.numpy()
        if search.exclude_self:
            distance[np.arange(len(rows)), rows] = _FARTHEST
        return distance

    def _nearest_classes(self, rows: Ints, distance: NDArray[np.float32]) -> Floats | None:
        """Classes of the nearest items by class of the query; items tied for the nearest share the query."""
        search = self.search
        asked, held = search.query_targets, search.gallery_targets
        if asked is None or held is None:
            return None
        query, item = np.nonzero(distance == distance.min(axis=1, keepdims=True))
        share = 1.0 / np.bincount(query, minlength=len(rows))[query]
        wanted, found = asked.numpy()[rows[query]], held.numpy()[item]
        if wanted.ndim == 2:
            nearest: Floats = (wanted * share[:, None]).T @ found
            return nearest
        labelled = (wanted >= 0) & (found >= 0)
        counts = np.zeros((search.classes, search.classes))
        np.add.at(counts, (wanted[labelled], found[labelled]), share[labelled])
        return counts


def _patterns(labels: Tensor) -> tuple[Tensor, Ints]:
    """The different labels that queries have, and (Q,) which of them each has; both in the order of one-hot rows."""
    if labels.dim() == 2:
        patterns, inverse = torch.unique(labels, dim=0, return_inverse=True)
        return patterns, inverse.numpy()
    codes, inverse = torch.unique(labels, return_inverse=True)
    order = torch.argsort(torch.where(codes < 0, torch.iinfo(torch.int64).max, codes), descending=True)
    return codes[order], torch.argsort(order)[inverse].numpy()


def own_items(count: int) -> Ints:
    """(N, 1) counterparts of N queries of which query i's is item i."""
    return np.arange(count)[:, None]


def match_groups(queries: Ints, items: Ints) -> Ints:
    """(Q, m) numbers of the items whose group each query shares, in their order, filled up with -1.

    Args:
        queries: (Q,) group of each query, whole numbers from 0.
        items: (N,) group of each item.

    Example:
        >>> match_groups(np.array([0, 2, 1]), np.array([1, 0, 0]))
        array([[ 1,  2],
               [-1, -1],
               [ 0, -1]])
    """
    order = np.argsort(items, kind="stable")
    counts = np.bincount(items, minlength=int(max(queries.max(initial=0), items.max(initial=0))) + 1)
    starts = np.cumsum(counts) - counts
    place = np.arange(max(1, int(counts[queries].max(initial=0))))
    found = order[np.minimum(starts[queries][:, None] + place, len(order) - 1)]
    return np.where(place < counts[queries][:, None], found, -1)


def order_keys(distances: NDArray[np.float32]) -> NDArray[np.int32]:
    """Even whole numbers in the exact order of the numbers, which must be of magnitude below 2; in place.

    The bits of such a float32 are, but for the sign, a whole number below 2^30 that grows with it.
    """
    keys = distances.view(np.int32)
    sign = keys >> 31
    np.add(keys, keys, out=keys)  # pushes the sign bit out
    np.bitwise_xor(keys, sign, out=keys)
    np.subtract(keys, sign, out=keys)
    return keys


def _count_below(rows: NDArray[np.int32], limits: NDArray[np.int32]) -> Ints:
    """(L, b) how many numbers of each sorted row are below each of its L limits: one binary search for all at once."""
    index, size = np.arange(len(rows)), rows.shape[1]
    low, high = np.zeros(limits.shape, np.int64), np.full(limits.shape, size, np.int64)
    for _ in range(size.bit_length()):
        middle = (low + high) // 2
        below = (low < high) & (rows[index, np.minimum(middle, size - 1)] < limits)
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low
