"""The one pass over all pairs: similarities in blocks of queries, ranks in pieces of a block, metrics of the ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import Floats, Ints
from overtone.evaluation.ranks import PartnerRanks, Ranks, sort_keys

LabelColumns = Mapping[str, Callable[[Ranks], Floats]]

_PIECE = 2**18
"""Pairs that are sorted at a time: small enough to stay in a core's cache."""
_BYTES_PER_PAIR = 16
"""What a block holds per pair of query and item: similarity, overlap of the targets, relevance."""
_FARTHEST = np.float32(1.9)
"""Farther than any negative cosine."""


@dataclass(frozen=True)
class Search:
    """Who looks for what.

    Attributes:
        queries: (Q, d) unit rows, float32 or float64.
        gallery: (N, d) unit rows, of the same type.
        query_targets: (Q, C), or None to rank partners only.
        gallery_targets: (N, C), or None.
        paired: Whether query i's own partner is item i, and its rank is wanted.
        exclude_self: Whether query i is item i, and must not find itself.

    A cosine is rounded to float32 whatever the precision of the rows. With float64 rows, cosines that are equal by
    arithmetic come out equal, on every machine and in every block; float32 rows are several times faster.
    """

    queries: Tensor
    gallery: Tensor
    query_targets: Tensor | None = None
    gallery_targets: Tensor | None = None
    paired: bool = False
    exclude_self: bool = False

    @property
    def candidates(self) -> int:
        """Items a query can find."""
        return len(self.gallery) - self.exclude_self


@dataclass
class Found:
    """What a pass brings home, row by row of the queries.

    Attributes:
        values: Label-level metrics by key, (Q,) float64 each, NaN where nothing is relevant.
        partners: Ranks of the own partners, if they were wanted.
        nearest: (C, C) how often the nearest item of a query of class i is of class j, if it was wanted.
    """

    values: dict[str, Floats] = field(default_factory=dict)
    partners: PartnerRanks | None = None
    nearest: Floats | None = None


@dataclass(frozen=True)
class _Block:
    """Some queries against the whole gallery, ready to be ranked; the arrays hold a row per query unless said.

    Attributes:
        rows: Which queries.
        distance: (b, N) negative cosines, float32; ranking a piece of the block overwrites its bits with sorted keys.
        pattern: Which set of relevant items the query looks for.
        relevant: (patterns, N) whether the item is one of the set, 0 or 1.
        counts: Number of items the query can find.
        overlap: (patterns, N) how relevant, or None if no more than whether is needed.
    """

    rows: Ints
    distance: NDArray[np.float32]
    pattern: Ints
    relevant: NDArray[np.int32]
    counts: Ints
    overlap: NDArray[np.float32] | None

    @property
    def keys(self) -> NDArray[np.int32]:
        return self.distance.view(np.int32)


def run_search(
    search: Search, columns: LabelColumns, *, memory_mb: int, confusion: bool = False, graded: bool = False
) -> Found:
    """Rank the gallery for every query and compute the metrics, in memory bounded by ``memory_mb``.

    Args:
        search: Who looks for what.
        columns: Label-level metrics by key.
        memory_mb: Megabytes that a block of similarities and what belongs to it may take.
        confusion: Whether to count the classes of nearest items.
        graded: Whether a metric asks how relevant an item is.

    Raises:
        InputError: ``memory_mb`` is not positive.
    """
    if memory_mb <= 0:
        raise InputError("memory_mb must be positive", got=memory_mb, fix="256 suits most machines")
    size = len(search.queries)
    above, upto = np.zeros(size, np.int64), np.zeros(size, np.int64)
    found = Found(values={name: np.full(size, np.nan) for name in columns})
    if confusion and search.query_targets is not None:
        found.nearest = np.zeros((search.query_targets.shape[1],) * 2)
    with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as workers:
        for block in _blocks(search, memory_mb, graded):
            own = order_keys(block.distance[np.arange(len(block.rows)), block.rows]) if search.paired else None
            if found.nearest is not None:
                found.nearest += _nearest_classes(search, block)
            rank = partial(_rank_piece, search, block, columns, found)
            list(workers.map(rank, _pieces(block)))  # a piece writes to rows of its own; numpy lets the threads run
            if own is not None:
                above[block.rows] = _count_below(block.keys, own)
                upto[block.rows] = _count_below(block.keys, own + 2)
    if search.paired:
        found.partners = PartnerRanks(search.candidates, above, upto)
    return found


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


def _blocks(search: Search, memory_mb: int, graded: bool) -> Iterator[_Block]:
    patterns, pattern = _patterns(search)
    order = np.argsort(pattern, kind="stable")  # queries that want the same items share the work of finding which
    per_pair = _BYTES_PER_PAIR + (search.queries.dtype == torch.float64) * 8
    step = min(max(1, int(memory_mb * 2**20 / (per_pair * len(search.gallery)))), len(order))
    cosines = torch.empty(step, len(search.gallery), dtype=search.queries.dtype)  # once: fresh pages are dear
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        wanted, inner = np.unique(pattern[rows], return_inverse=True)
        if search.gallery_targets is None:
            overlap = torch.zeros(1, len(search.gallery))
        else:
            overlap = patterns[wanted] @ search.gallery_targets.T
        relevant = overlap > 0
        counts = relevant.sum(dim=1).numpy()[inner]
        if search.exclude_self:
            counts -= relevant.numpy()[inner, rows]
        by_count = np.argsort(counts, kind="stable")  # rows with as many relevant items make a table without gaps
        rows, inner = rows[by_count], inner[by_count]
        asking = search.queries[torch.from_numpy(rows)].neg_()
        distance = torch.mm(asking, search.gallery.T, out=cosines[: len(rows)]).float().numpy()
        if search.exclude_self:
            distance[np.arange(len(rows)), rows] = _FARTHEST
        degrees = overlap.numpy() if graded and bool((overlap != relevant).any()) else None
        yield _Block(rows, distance, inner, relevant.int().numpy(), counts[by_count], degrees)


def _patterns(search: Search) -> tuple[Tensor, Ints]:
    if search.query_targets is None:
        return torch.zeros(1, 0), np.zeros(len(search.queries), np.int64)
    distinct, inverse = torch.unique(search.query_targets, dim=0, return_inverse=True)
    return distinct, inverse.numpy()


def _pieces(block: _Block) -> list[slice]:
    step = max(1, _PIECE // block.distance.shape[1])
    return [slice(start, start + step) for start in range(0, len(block.rows), step)]


def _rank_piece(search: Search, block: _Block, columns: LabelColumns, found: Found, piece: slice) -> None:
    pattern, rows = block.pattern[piece], block.rows[piece]
    sets = pattern[:1] if pattern[0] == pattern[-1] else pattern  # equal ones lie together
    keys = order_keys(block.distance[piece])
    np.bitwise_or(keys, block.relevant[sets], out=keys)
    if search.exclude_self:
        keys[np.arange(len(rows)), rows] &= ~1
    gains = None if block.overlap is None else block.overlap[pattern]
    ranks = sort_keys(keys, block.counts[piece], gains, gallery=search.candidates)
    for name, function in columns.items():
        found.values[name][rows] = function(ranks)


def _nearest_classes(search: Search, block: _Block) -> Floats:
    """Classes of the nearest items by class of the query; items tied for the nearest share the query."""
    assert search.query_targets is not None
    assert search.gallery_targets is not None
    query, item = np.nonzero(block.distance == block.distance.min(axis=1, keepdims=True))
    share = 1.0 / np.bincount(query, minlength=len(block.rows))[query]
    asked = search.query_targets.numpy()[block.rows[query]] * share[:, None]
    nearest: Floats = asked.T @ search.gallery_targets.numpy()[item]
    return nearest


def _count_below(rows: NDArray[np.int32], limits: NDArray[np.int32]) -> Ints:
    """For each sorted row, how many of its numbers are below its limit: a binary search in all rows at once."""
    index, size = np.arange(len(rows)), rows.shape[1]
    low, high = np.zeros(len(rows), np.int64), np.full(len(rows), size, np.int64)
    for _ in range(size.bit_length()):
        middle = (low + high) // 2
        below = (low < high) & (rows[index, np.minimum(middle, size - 1)] < limits)
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low
