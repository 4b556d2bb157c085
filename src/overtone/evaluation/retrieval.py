"""The one pass over all pairs: similarities in blocks of queries, ranks in pieces of a block, metrics of the ranks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import Floats
from overtone.evaluation.ranks import PartnerRanks, Ranks, sort_keys

LabelColumns = Mapping[str, Callable[[Ranks], Floats]]

_PIECE = 2**18
"""Pairs that are sorted at a time: small enough to stay in a core's cache."""
_BYTES_PER_PAIR = 16
"""What a block holds per pair of query and item: similarity, overlap of the targets, relevance."""
_EXACT_PAIRS = 2**24
"""Pairs up to which float64 costs next to nothing."""
_LAST = np.int32(2**30 - 1)
"""A key behind every similarity's."""


def product_type(queries: int, items: int, exact: bool | None) -> torch.dtype:
    """The precision of the rows: float64 if ``exact``, or if nothing is said and there are few pairs."""
    wanted = queries * items <= _EXACT_PAIRS if exact is None else exact
    return torch.float64 if wanted else torch.float32


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
    """Some queries against the whole gallery, ready to be ranked."""

    rows: NDArray[np.int64]
    keys: NDArray[np.int32]
    relevant: NDArray[np.int32]
    overlap: NDArray[np.float32] | None
    pattern: NDArray[np.int64]


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
            own = block.keys[np.arange(len(block.rows)), block.rows] if search.paired else None
            if found.nearest is not None:
                found.nearest += _nearest_classes(search, block)

            def rank(piece: slice, block: _Block = block) -> None:
                _rank_piece(search, block, piece, columns, found)

            list(workers.map(rank, _pieces(block)))
            if own is not None:
                above[block.rows] = _count_below(block.keys, own * 2)
                upto[block.rows] = _count_below(block.keys, own * 2 + 2)
    if search.paired:
        found.partners = PartnerRanks(search.candidates, above, upto)
    return found


def _blocks(search: Search, memory_mb: int, graded: bool) -> Iterator[_Block]:
    patterns, pattern = _patterns(search)
    order = np.argsort(pattern, kind="stable")  # queries that want the same items share the work of finding which
    step = max(1, int(memory_mb * 2**20 / (_BYTES_PER_PAIR * len(search.gallery))))
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        wanted, inner = np.unique(pattern[rows], return_inverse=True)
        overlap = patterns[wanted] @ search.gallery_targets.T if search.gallery_targets is not None else None
        keys = similarity_keys(search.queries[torch.from_numpy(rows)], search.gallery)
        if search.exclude_self:
            keys[np.arange(len(rows)), rows] = _LAST
        if overlap is None:
            relevant = np.zeros((len(wanted), len(search.gallery)), np.int32)
        else:
            relevant = (overlap > 0).int().numpy()
        degrees = overlap.numpy() if graded and overlap is not None and (overlap != (overlap > 0)).any() else None
        yield _Block(rows, keys, relevant, degrees, inner)


def _patterns(search: Search) -> tuple[Tensor, NDArray[np.int64]]:
    if search.query_targets is None:
        return torch.zeros(1, 0), np.zeros(len(search.queries), np.int64)
    distinct, inverse = torch.unique(search.query_targets, dim=0, return_inverse=True)
    return distinct, inverse.numpy()


def similarity_keys(queries: Tensor, gallery: Tensor) -> NDArray[np.int32]:
    """(b, N) whole numbers in the exact order of the cosines, the most similar smallest.

    The bits of a float32 of magnitude below 2 are, but for the sign, a whole number below 2^30 that grows with it.
    """
    cosines = (queries.neg() @ gallery.T).float()  # a rounded cosine may exceed 1, never 2
    bits = cosines.numpy().view(np.int32)
    sign = bits >> 31
    np.bitwise_and(bits, 0x7FFFFFFF, out=bits)
    np.bitwise_xor(bits, sign, out=bits)
    np.subtract(bits, sign, out=bits)
    return bits


def _pieces(block: _Block) -> list[slice]:
    step = max(1, _PIECE // block.keys.shape[1])
    return [slice(start, start + step) for start in range(0, len(block.rows), step)]


def _rank_piece(search: Search, block: _Block, piece: slice, columns: LabelColumns, found: Found) -> None:
    pattern, rows = block.pattern[piece], block.rows[piece]
    relevant = block.relevant[pattern]
    if search.exclude_self:
        relevant[np.arange(len(rows)), rows] = 0
    gains = None if block.overlap is None else block.overlap[pattern]
    ranks = sort_keys(block.keys[piece], relevant, gains, candidates=search.candidates)
    for name, function in columns.items():
        found.values[name][rows] = function(ranks)


def _nearest_classes(search: Search, block: _Block) -> Floats:
    assert search.query_targets is not None
    assert search.gallery_targets is not None
    query, item = np.nonzero(block.keys == block.keys.min(axis=1, keepdims=True))
    share = 1.0 / np.bincount(query, minlength=len(block.rows))[query]
    asked = search.query_targets.numpy()[block.rows[query]] * share[:, None]
    nearest: Floats = asked.T @ search.gallery_targets.numpy()[item]
    return nearest


def _count_below(rows: NDArray[np.int32], limits: NDArray[Any]) -> NDArray[np.int64]:
    """For each sorted row, how many of its numbers are below its limit: a binary search in all rows at once."""
    low = np.zeros(len(rows), np.int64)
    high = np.full(len(rows), rows.shape[1], np.int64)
    index = np.arange(len(rows))
    while (low < high).any():
        middle = (low + high) // 2
        below = rows[index, np.minimum(middle, rows.shape[1] - 1)] < limits
        open_ = low < high
        low = np.where(open_ & below, middle + 1, low)
        high = np.where(open_ & ~below, middle, high)
    return low
