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
class CounterpartRanks:
    """Rank intervals of the item per query that belongs to it, its true counterpart; of several, of the best one.

    Attributes:
        gallery, above, upto: As of :class:`Ranks`, (b,) each, with the counterpart as the one relevant item.
        members: (b,) number of counterparts that are tied for the best; None: one each. 0 marks a query without any.
    """

    gallery: int
    above: Ints
    upto: Ints
    members: Ints | None = None


@dataclass(frozen=True)
class Ranks:
    """Rank intervals of every relevant item of some queries, best first.

    Row i has ``counts[i]`` relevant items; the columns beyond hold an imaginary item behind the whole gallery
    (``above = gallery``, ``upto = gallery + 1``), which most formulas pass over by themselves. Nearly all items stand
    alone, ``upto = above + 1``; formulas treat them so and then correct the few at ``tied``.

    Attributes:
        gallery: N, number of items that were ranked for each query.
        counts: (b,) number of relevant items R of each query.
        above: (b, R_max) number of items strictly better than the k-th relevant one.
        upto: (b, R_max) number of items at least as good as it, itself included.
        tied: (t,) where in the flattened tables the items stand that share their score with another item.
        relevant_above: (t,) for these, the number of relevant items among ``above``.
        relevant_upto: (t,) for these, the number of relevant items among ``upto``.
        gains: (b, R_max) how relevant each one is, 0 in padding; None where every relevant item counts 1.
    """

    gallery: int
    counts: Ints
    above: Ints
    upto: Ints
    tied: Ints
    relevant_above: Ints
    relevant_upto: Ints
    gains: Floats | None = None

    @property
    def total(self) -> Floats:
        """(b,) R as a divisor: NaN where nothing is relevant."""
        return np.where(self.counts > 0, self.counts, np.nan)

    @property
    def tied_query(self) -> Ints:
        """(t,) row of each tied item."""
        query: Ints = self.tied // self.above.shape[1]
        return query

    @property
    def tied_place(self) -> tuple[Ints, Ints]:
        """(t,) ``above`` and ``upto`` of each tied item."""
        return self.above.take(self.tied), self.upto.take(self.tied)

    @cached_property
    def precision(self) -> Floats:
        """(b, R_max) share of relevant items among those at least as good as the k-th relevant one; 0 in padding."""
        width = self.above.shape[1]
        precision: Floats = np.arange(1, width + 1) / self.upto
        precision.put(self.tied, self.relevant_upto / self.tied_place[1])
        if self.counts.min() < width:
            precision[np.arange(width) >= self.counts[:, None]] = 0.0
        return precision

    @cached_property
    def position(self) -> Floats:
        """(b, R_max) expected rank of the k-th relevant item, 1 the best, if each tie group is in random order.

        The j-th of m relevant items in a group of g behind ``above`` others: above + j (g + 1) / (m + 1).
        """
        position = self.upto.astype(np.float64)
        above, upto = self.tied_place
        order = self.tied % self.above.shape[1] + 1 - self.relevant_above
        members = self.relevant_upto - self.relevant_above
        position.put(self.tied, above + order * (upto - above + 1) / (members + 1))
        return position


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
        >>> from overtone.evaluation.metrics import average_precision
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
    relevant = (relevance > 0).astype(np.int32)
    gains = None if relevance.dtype == np.bool_ else relevance.astype(np.float64)
    return sort_keys(keys * 2 + relevant, relevant.sum(axis=1, dtype=np.int64), gains)


def sort_keys(
    keys: NDArray[np.int32], counts: Ints, gains: NDArray[Any] | None = None, *, gallery: int | None = None
) -> Ranks:
    """Sort each row of ``keys`` in place, smallest first, and read the relevant items' ranks off it.

    A key and the bit "is relevant" are sorted as one number, so a sort of 4-byte integers is all there is to do. Within
    a tie group the irrelevant items (bit 0) come first; the last relevant one then stands at the group's end.

    Args:
        keys: (b, N) an even number for each item, smaller is better, plus 1 if the item is relevant.
        counts: (b,) number of relevant items of each row.
        gains: (b, N) how relevant each item is, or None; having to carry it along doubles the cost.
        gallery: Number of items in a row that count, if the largest keys do not; by default all.
    """
    columns = None if gains is None else _sort_with_columns(keys)
    if columns is None:
        keys.sort(axis=1)
    size = keys.shape[1]
    places = _odd_places(keys, int(counts.sum()))
    real = np.arange(max(1, int(counts.max(initial=0)))) < counts[:, None]
    row_start = np.arange(len(keys))[:, None] * size
    above = _fill(real, places, row_start + (gallery or size)) - row_start
    upto = above + 1

    start, stop, low, high = _tie_groups(keys, places)
    members, row = high - low, start // size
    first = (np.cumsum(counts) - counts)[row]
    tied = np.repeat(low - np.cumsum(members) + members, members) + np.arange(members.sum())
    tied = tied if real.size == places.size else np.flatnonzero(real)[tied]
    above.put(tied, np.repeat(start - row * size, members))
    upto.put(tied, np.repeat(stop - row * size, members))

    return Ranks(
        gallery=gallery or size,
        counts=counts,
        above=above,
        upto=upto,
        tied=tied,
        relevant_above=np.repeat(low - first, members),
        relevant_upto=np.repeat(high - first, members),
        gains=None
        if gains is None or columns is None
        else _fill(real, gains[places // size, columns.take(places)].astype(np.float64), 0.0),
    )


def _odd_places(keys: NDArray[np.int32], total: int) -> Ints:
    """Flat places of the odd keys, of which there are ``total``."""
    odd = keys.astype(np.uint8).reshape(-1) & 1
    if 0.03 < total / odd.size <= 0.1:
        # numpy hops from one true value to the next up to a tenth of them, and with as many as this each hop is
        # mispredicted; a dense tail makes it walk straight on, in half the time.
        odd = np.append(odd, np.ones(odd.size // 12, dtype=np.uint8))
    return np.flatnonzero(odd.view(np.bool_))[:total]


def _sort_with_columns(keys: NDArray[np.int32]) -> Ints:
    """Sort in place and tell where each key stood."""
    wide = (keys.astype(np.int64) << 31) | np.arange(keys.shape[1])
    wide.sort(axis=1)
    keys[...] = wide >> 31
    return wide & (2**31 - 1)


def _fill(real: NDArray[np.bool_], values: NDArray[Any], padding: float) -> NDArray[Any]:
    """A table with ``values`` in the ``real`` places, row by row, and ``padding`` in the others."""
    if real.size == values.size:
        return values.reshape(real.shape)
    table = np.empty(real.shape, dtype=values.dtype)
    table[...] = padding
    table[real] = values
    return table


def _tie_groups(packed: NDArray[np.int32], places: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Tie groups with a relevant item: flat start and stop, and the slice of ``places`` that lies within."""
    flat = packed.reshape(-1)
    tied = np.flatnonzero((flat[1:] ^ flat[:-1]).view(np.uint32) < 2) + 1  # all bits but the relevance bit agree
    tied = tied[tied % packed.shape[1] != 0]  # the first of a row is not tied with the last of the row before
    ends = np.flatnonzero(np.diff(tied) != 1)
    start = tied[np.append(0, ends + 1)[: len(tied)]] - 1
    stop = tied[np.append(ends, len(tied) - 1)[: len(tied)]] + 1
    low, high = np.searchsorted(places, start), np.searchsorted(places, stop)
    relevant = high > low
    return start[relevant], stop[relevant], low[relevant], high[relevant]
