"""Methods ranked on several corpora: the Friedman test, and Nemenyi's critical difference of two mean ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from overtone.core import InputError
from overtone.core.documents import Document


@dataclass(frozen=True)
class RankTest(Document):
    """Mean ranks of k methods over N corpora, 1 the best, and whether they differ.

    Attributes:
        ranks: Method to its mean rank, the best first; equal values share the mean of their ranks.
        corpora: N.
        critical_difference: Mean ranks that are at least this far apart differ significantly.
        alpha: The level of the critical difference.
        statistic: Friedman's chi-squared; None for fewer than three methods, or where all are equal everywhere.
        p_value: Of the hypothesis that all methods are equal, by Iman and Davenport's F; None as the statistic.
    """

    ranks: dict[str, float]
    corpora: int
    critical_difference: float
    alpha: float = 0.05
    statistic: float | None = None
    p_value: float | None = None

    def differ(self, first: str, second: str) -> bool:
        """Whether two methods differ significantly."""
        return abs(self.ranks[first] - self.ranks[second]) >= self.critical_difference


def rank_methods(scores: Mapping[str, Sequence[float]], *, alpha: float = 0.05) -> RankTest:
    r"""Rank k methods on each of N corpora and test whether their mean ranks :math:`R_j` differ.

    .. math::
        \chi^2_F = \frac{12 N}{k (k+1)} \Bigl[\sum_j R_j^2 - \frac{k (k+1)^2}{4}\Bigr], \qquad
        F = \frac{(N-1) \chi^2_F}{N (k-1) - \chi^2_F}, \qquad
        CD = q_\alpha \sqrt{\frac{k (k+1)}{6 N}}

    with F of :math:`k-1` and :math:`(k-1)(N-1)` degrees of freedom, and :math:`q_\alpha` the quantile of the
    studentised range by :math:`\sqrt 2`. Ties on a corpus are corrected for in the statistic. With a handful of
    corpora only large differences of ranks are significant.

    Args:
        scores: Method to its score on each corpus, in the same order; larger is better.
        alpha: The level of the critical difference.

    Returns:
        Mean ranks, test and critical difference.

    Raises:
        InputError: Fewer than two methods or corpora, other numbers of corpora, or a score that is no number.

    Source:
        Demšar, Statistical comparisons of classifiers over multiple data sets (JMLR 2006), sections 3.2.1 and 3.2.2.

    Example:
        >>> found = rank_methods({"a": [0.9, 0.8, 0.7], "b": [0.8, 0.7, 0.6], "c": [0.5, 0.4, 0.65]})
        >>> {name: round(rank, 2) for name, rank in found.ranks.items()}, round(found.critical_difference, 2)
        ({'a': 1.0, 'b': 2.33, 'c': 2.67}, 1.91)
    """
    lengths = {len(values) for values in scores.values()}
    if len(scores) < 2 or len(lengths) != 1 or min(lengths) < 2:
        got = ", ".join(f"{name}: {len(values)}" for name, values in scores.items())
        raise InputError("ranks need two methods or more, on the same two corpora or more", got=got or "no method")
    from scipy import stats  # takes seconds

    table = np.array(list(scores.values()), dtype=np.float64)
    if not np.isfinite(table).all():
        name = list(scores)[int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])]
        raise InputError(f"{name}: has no score on a corpus, so that methods cannot be ranked on it")
    methods, corpora = table.shape
    ranks = np.apply_along_axis(lambda column: stats.rankdata(-column), 0, table)
    means = dict(sorted(zip(scores, ranks.mean(axis=1).tolist()), key=lambda item: item[1]))
    spread = float(stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / math.sqrt(2)
    difference = spread * math.sqrt(methods * (methods + 1) / (6 * corpora))
    if methods < 3 or bool((ranks == ranks[0]).all()):
        return RankTest(means, corpora, difference, alpha)
    statistic = float(stats.friedmanchisquare(*table).statistic)
    left = corpora * (methods - 1) - statistic
    ratio = (corpora - 1) * statistic / left if left > 1e-9 else math.inf
    p_value = float(stats.f.sf(ratio, methods - 1, (methods - 1) * (corpora - 1)))
    return RankTest(means, corpora, difference, alpha, statistic, p_value)
