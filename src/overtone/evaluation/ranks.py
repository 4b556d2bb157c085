"""Where the relevant items of a query stand: all that a metric may know, with ties kept apart from order.

Items with one score are tied, and no order among them means anything. So a rank is an interval here: an item has
``above`` items strictly better than itself and ``upto`` items at least as good, and its tie group holds
``upto - above``. Metrics built on the two numbers cannot depend on the order in which the gallery was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.evaluation.arrays import Floats, Ints


@dataclass(frozen=True)
class PartnerRanks:
    """Rank intervals of one item per query, its own partner.

    Attributes:
        gallery: Number of items that were ranked.
        above: (b,) number of items strictly better than the partner.
        upto: (b,) number of items at least as good as the partner, itself included.
    """

    gallery: int
    above: Ints
    upto: Ints


@dataclass(frozen=True)
class Ranks:
    """Rank intervals of every relevant item of some queries, best first.

    Row i has ``counts[i]`` relevant items; the columns beyond hold an imaginary item behind the whole gallery
    (``above = gallery``, ``upto = gallery + 1``), which most formulas pass over by themselves.

    Attributes:
        gallery: N, number of items that were ranked for each query.
        counts: (b,) number of relevant items R of each query.
        above: (b, R_max) number of items strictly better than the k-th relevant one.
        upto: (b, R_max) number of items at least as good as it, itself included.
        relevant_above: (b, R_max) number of relevant items among ``above``.
        relevant_upto: (b, R_max) number of relevant items among ``upto``.
        gains: (b, R_max) how relevant each one is, 0 in padding; None where every relevant item counts 1.
    """

    gallery: int
    counts: Ints
    above: Ints
    upto: Ints
    relevant_above: Ints
    relevant_upto: Ints
    gains: Floats | None = None

    @property
    def total(self) -> Floats:
        """(b,) R as a divisor: NaN where nothing is relevant."""
        return np.where(self.counts > 0, self.counts, np.nan)

    @cached_property
    def precision(self) -> Floats:
        """(b, R_max) share of relevant items among those at least as good as the k-th relevant one; 0 in padding."""
        precision: Floats = self.relevant_upto / self.upto
        width = precision.shape[1]
        if self.counts.min() < width:
            precision[np.arange(width) >= self.counts[:, None]] = 0.0
        return precision


def rank_scores(scores: NDArray[Any], relevance: NDArray[Any]) -> Ranks:
    """Ranks from a matrix of scores, whatever its scale: for scores that do not come from embeddings.

    Args:
        scores: (b, N) numbers, larger is better; negative and tied ones are ordinary.
        relevance: (b, N) booleans, or how relevant each item is (0: not).

    Returns:
        The ranks, which every label-level metric function takes.

    Raises:
        InputError: Shapes differ, or a score is NaN.

    Example:
        >>> from overtone.evaluation.metrics.average_precision import average_precision
        >>> average_precision(rank_scores(np.array([[-0.1, -0.2, -0.3]]), np.array([[True, False, True]])))
        array([0.83333333])
    """
    scores, relevance = np.atleast_2d(scores), np.atleast_2d(relevance)
    if scores.shape != relevance.shape:
        raise InputError("scores and relevance must have one shape", got=f"{scores.shape} and {relevance.shape}")
    if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise InputError(f"scores, row {row}, column {column}: NaN", fix="remove or repair the score")
    distinct, order = np.unique(scores, return_inverse=True)
    keys = (len(distinct) - 1 - order.reshape(scores.shape)).astype(np.int32)
    gains = None if relevance.dtype == np.bool_ else relevance.astype(np.float64)
    return sort_keys(keys, relevance > 0, gains)


def sort_keys(
    keys: NDArray[np.int32], relevant: NDArray[Any], gains: NDArray[Any] | None = None, *, candidates: int | None = None
) -> Ranks:
    """Sort each row of ``keys`` in place, smallest first, and read the relevant items' ranks off it.

    A key and the bit "is relevant" are sorted as one number, so a sort of 4-byte integers is all there is to do. Within
    a tie group the irrelevant items (bit 0) come first; the last relevant one then stands at the group's end.

    Args:
        keys: (b, N) smaller is better, |key| < 2^30; afterwards ``2 * key + relevant``, sorted.
        relevant: (b, N) 0 or 1.
        gains: (b, N) how relevant each item is, or None; having to carry it along doubles the cost.
        candidates: Number of items in a row that count, if some of the largest keys do not.
    """
    columns = None
    np.left_shift(keys, 1, out=keys)
    np.bitwise_or(keys, relevant, out=keys, casting="unsafe")
    if gains is None:
        keys.sort(axis=1)
    else:
        wide = (keys.astype(np.int64) << 31) | np.arange(keys.shape[1])
        wide.sort(axis=1)
        keys[...] = wide >> 31
        columns = wide & (2**31 - 1)
    return _read_ranks(keys, gains, columns, candidates or keys.shape[1])


def _read_ranks(packed: NDArray[np.int32], gains: NDArray[Any] | None, columns: Ints | None, gallery: int) -> Ranks:
    queries, size = packed.shape
    flags = (packed & 1).astype(np.bool_)
    places = np.flatnonzero(flags)
    counts = np.count_nonzero(flags, axis=1)
    first = np.cumsum(counts) - counts
    row = np.repeat(np.arange(queries), counts)
    above = places - row * size
    relevant_above = np.arange(len(places)) - first[row]
    upto, relevant_upto = above + 1, relevant_above + 1

    start, stop, low, high = _tie_groups(packed, places)
    members = high - low
    tied = np.repeat(low - (np.cumsum(members) - members), members) + np.arange(members.sum())
    group_row = row[low]
    above[tied] = np.repeat(start - group_row * size, members)
    upto[tied] = np.repeat(stop - group_row * size, members)
    relevant_above[tied] = np.repeat(low - first[group_row], members)
    relevant_upto[tied] = np.repeat(high - first[group_row], members)

    k = np.arange(max(1, int(counts.max(initial=0))))
    slots = k < counts[:, None]

    def table(values: NDArray[Any], padding: Any) -> Any:
        padded = np.empty(slots.shape, dtype=values.dtype)
        padded[...] = padding
        padded[slots] = values
        return padded

    return Ranks(
        gallery=gallery,
        counts=counts,
        above=table(above, gallery),
        upto=table(upto, gallery + 1),
        relevant_above=table(relevant_above, k),
        relevant_upto=table(relevant_upto, k + 1),
        gains=None if gains is None or columns is None else table(gains[row, columns.reshape(-1)[places]], 0),
    )


def _tie_groups(packed: NDArray[np.int32], places: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Tie groups with a relevant item: flat start and stop, and the slice of ``places`` that lies within."""
    flat = packed.reshape(-1)
    tied = np.flatnonzero((flat[1:] ^ flat[:-1]).view(np.uint32) < 2) + 1
    tied = tied[tied % packed.shape[1] != 0]  # the first of a row is not tied with the last of the row before
    ends = np.flatnonzero(np.diff(tied) != 1)
    start = tied[np.append(0, ends + 1)[: len(tied)]] - 1
    stop = tied[np.append(ends, len(tied) - 1)[: len(tied)]] + 1
    low, high = np.searchsorted(places, start), np.searchsorted(places, stop)
    relevant = high > low
    return start[relevant], stop[relevant], low[relevant], high[relevant]
