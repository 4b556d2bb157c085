"""How certain a number is: bootstrap intervals over clips and seeds, and paired tests of two methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypedDict

import numpy as np
from scipy import special  # scipy.stats takes seconds to import
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import ArrayLike, Floats, whole_number

PerQuery: TypeAlias = "ArrayLike | Mapping[str, ArrayLike]"
_CHUNK = 2**22
"""Clips drawn at a time: bounds the memory of a bootstrap whatever the number of clips."""


class PairedBootstrap(TypedDict):
    """Mean over the queries of first - second, its interval, the two-sided p-value, and how many clips are compared."""

    difference: float
    ci95: list[float]
    p_value: float
    queries: int


class PairedSeedTest(TypedDict):
    """Mean over the seeds of first - second, Student's interval, the two-sided p-value, seeds where first is better."""

    difference: float
    ci95: list[float]
    p_value: float
    wins: int
    seeds: int


def by_clip(values: PerQuery) -> Floats:
    """(n,) float64 per clip from (n,) values, or their mean over directions that are mapped to such; NaN without any.

    A clip is the unit that is drawn, so its two directions, which depend on each other, are drawn together.
    """
    if not isinstance(values, Mapping):
        return np.asarray(values.detach().cpu().double() if isinstance(values, Tensor) else values, dtype=np.float64)
    if not values:
        raise InputError("there are no values", got="no direction", valid="directions with one number per query")
    stacked = np.stack([by_clip(direction) for direction in values.values()])
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    mean: Floats = np.where(known, stacked, 0.0).sum(axis=0) / np.where(count > 0, count, np.nan)
    return mean


def mean_interval(
    values: PerQuery, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over queries.

    Args:
        values: (n,) one per query, NaN for none, or a mapping of directions to such, as
            ``Evaluation.average_precision``: the directions of a clip are drawn together.
        resamples: Number of draws.
        confidence: Share of the draws inside the interval.
        seed: Seed of the draws: the same input gives the same answer.

    Returns:
        (low, high); NaN if no query has a value.

    Raises:
        InputError: ``resamples`` is not positive.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

    Example:
        >>> low, high = mean_interval([0.0, 1.0] * 50)
        >>> 0.38 < low < 0.43, 0.57 < high < 0.62
        (True, True)
    """
    return _interval(_resampled_means(_table([values]), resamples, seed), confidence)


def seeds_interval(
    runs: Sequence[PerQuery], *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over seeds and queries, for another training and other clips.

    Seeds and clips are both drawn with replacement. All seeds of a resample share one draw of clips, because the seeds
    were evaluated on the same clips.

    Args:
        runs: Per-query values of each seed, of the same clips in the same order.
        resamples, confidence, seed: As for :func:`mean_interval`.

    Returns:
        (low, high); NaN if no query has a value.

    Raises:
        InputError: No seed, different numbers of queries, or ``resamples`` not positive.

    Source: Owen, The pigeonhole bootstrap (Annals of Applied Statistics 2007).

    Example:
        >>> low, high = seeds_interval([[0.5, 0.7], [0.6, 0.8]])
        >>> low < 0.65 < high
        True
    """
    return _interval(_resampled_means(_table(runs), resamples, seed), confidence)


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    r"""Holm's adjustment of p-values of m tests: the chance of even one false finding is at most the level.

    With :math:`p_{(1)} \le \dots \le p_{(m)}` the adjusted values are
    :math:`\tilde p_{(i)} = \min(1, \max_{j \le i} (m - j + 1)\, p_{(j)})`.

    Args:
        p_values: Of m tests, in any order; NaN, of a test that could not be made, stays NaN and is none of the m.

    Returns:
        Their adjusted values, in the same order.

    Source: Holm, A simple sequentially rejective multiple test procedure (Scandinavian Journal of Statistics 1979).

    Example:
        >>> adjust_p_values([0.02, 0.01, 0.5])
        [0.04, 0.03, 0.5]
    """
    order = sorted((at for at, p in enumerate(p_values) if not math.isnan(p)), key=p_values.__getitem__)
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for done, at in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - done) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def paired_bootstrap(
    first: PerQuery, second: PerQuery, *, resamples: int = 10_000, confidence: float = 0.95, seed: int = 0
) -> PairedBootstrap:
    """Test whether ``first`` is better than ``second`` on the same queries: difference, interval and p-value.

    Clips are drawn with replacement, both methods on the same draw. The two-sided p-value is twice the share of draws
    on the rarer side of zero, p = min(1, 2 (1 + min(#{d* <= 0}, #{d* >= 0})) / (resamples + 1)), never exactly 0.

    Args:
        first, second: Per-query values of two methods for the same queries, as :func:`mean_interval` takes them; those
            that are NaN in either are left out.
        resamples, confidence, seed: As for :func:`mean_interval`.

    Returns:
        A dictionary with the keys of :class:`PairedBootstrap`.

    Raises:
        InputError: Different numbers of queries or directions, an infinite value, or ``resamples`` not positive.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16; Smucker, Allan & Carterette
    (CIKM 2007) for its use on retrieval.

    Example:
        >>> result = paired_bootstrap([0.9, 0.8, 0.7, 0.9], [0.5, 0.4, 0.5, 0.6])
        >>> round(result["difference"], 3), result["p_value"] < 0.01
        (0.325, True)
    """
    pair = _table([first, second])
    difference = pair[0] - pair[1]
    means = _resampled_means(difference[None], resamples, seed)
    rarer = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return {
        "difference": float(difference.mean()) if len(difference) else float("nan"),
        "ci95": list(_interval(means, confidence)),
        "p_value": min(1.0, 2 * (1 + rarer) / (resamples + 1)) if len(difference) else float("nan"),
        "queries": len(difference),
    }


def student_interval(values: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a mean over seeds by Student's t: mean ± t_{S-1} · std / √S.

    For a handful of seeds; a bootstrap of five numbers is too narrow.

    Args:
        values: (S,) one number per seed.
        confidence: Chance that such an interval covers the mean over all seeds, if seeds scatter normally.

    Returns:
        (low, high); NaN for fewer than two values.

    Source: Student (1908), The probable error of a mean.

    Example:
        >>> low, high = student_interval([0.71, 0.73, 0.72])
        >>> round(low, 3), round(high, 3)
        (0.695, 0.745)
    """
    column = by_clip(values)
    if len(column) < 2:
        return float("nan"), float("nan")
    reach = (
        float(special.stdtrit(len(column) - 1, 0.5 + confidence / 2)) * float(column.std(ddof=1)) / np.sqrt(len(column))
    )
    return float(column.mean() - reach), float(column.mean() + reach)


def paired_seed_test(first: ArrayLike, second: ArrayLike) -> PairedSeedTest:
    """Test whether ``first`` is better than ``second`` over seeds: the paired t-test on one number per seed.

    It tests whether training again would repeat the order; :func:`paired_bootstrap` whether other queries would.
    t = mean(d) / (std(d) / √S) with d the S differences and S − 1 degrees of freedom.

    Args:
        first, second: (S,) one number per seed, such as the mAP of each run of a method, of the same seeds in order.

    Returns:
        A dictionary with the keys of :class:`PairedSeedTest`.

    Raises:
        InputError: Different numbers of seeds, fewer than two, or NaN.

    Source: Student (1908), The probable error of a mean.

    Example:
        >>> result = paired_seed_test([0.71, 0.73, 0.72], [0.60, 0.61, 0.62])
        >>> round(result["difference"], 3), result["wins"], result["p_value"] < 0.01
        (0.11, 3, True)
    """
    pair = _table([first, second])
    seeds = len(by_clip(first))
    if seeds < 2 or pair.shape[1] != seeds:
        raise InputError("a test over seeds needs at least two of them, and no NaN", got=f"{pair.shape[1]} whole pairs")
    difference = pair[0] - pair[1]
    mean, error = float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(seeds))
    certain = 1.0 if mean == 0 else 0.0  # all differences are one number
    return {
        "difference": mean,
        "ci95": list(student_interval(difference)),
        "p_value": float(2 * special.stdtr(seeds - 1, -abs(mean) / error)) if error > 0 else certain,
        "wins": int((difference > 0).sum()),
        "seeds": seeds,
    }


def _table(values: Sequence[PerQuery]) -> Floats:
    """(rows, n) of the clips for which all rows have a number, of the same directions."""
    if not values:
        raise InputError("there are no values to compare", got=0, valid="one row of numbers per seed or method")
    directions = [sorted(map(str, row)) for row in values if isinstance(row, Mapping)]
    if any(ways != directions[0] for ways in directions):
        got = " and ".join(", ".join(ways) for ways in directions)
        raise InputError("paired values must be of the same directions", got=got)
    rows = [by_clip(row) for row in values]
    if len({row.shape for row in rows}) > 1 or rows[0].ndim != 1:
        raise InputError(
            "paired values must come from the same queries",
            got=" and ".join(str(row.shape) for row in rows),
            valid="one number per query in each",
        )
    table = np.stack(rows)
    if np.isinf(table).any():
        row, query = np.argwhere(np.isinf(table))[0]
        raise InputError(f"values {row}, query {query}: infinite", valid="numbers, NaN for none")
    return table[:, ~np.isnan(table).any(axis=0)]


def _interval(means: Floats, confidence: float) -> tuple[float, float]:
    if not len(means):
        return float("nan"), float("nan")
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _resampled_means(table: Floats, resamples: int, seed: int) -> Floats:
    """Means of draws of columns (clips) and, if there are several, of rows (seeds); none if there are no clips."""
    if whole_number(resamples, "the number of draws") < 1:
        raise InputError("the number of draws must be positive", got=resamples, valid="1000 or more for an interval")
    rows, columns = table.shape
    if not columns:
        return np.empty(0)
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // columns)
    parts = []
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        clips = generator.integers(columns, size=(draws, columns), dtype=np.int32)
        means = np.stack([row[clips].mean(axis=1) for row in table])
        if rows > 1:
            means = np.take_along_axis(means, generator.integers(rows, size=(rows, draws)), axis=0)
        parts.append(means.mean(axis=0))
    return np.concatenate(parts)
