"""The metrics. Each is a pure function from the ranks of b queries to (b,) float64, one number per query.

Values lie in [0, 1], ranks in [1, N]. Label-level metrics are NaN where nothing is relevant.

A label-level metric takes :class:`~overtone.evaluation.ranks.Ranks`, an instance-level one
:class:`~overtone.evaluation.ranks.CounterpartRanks`; one with ``{k}`` in its name also takes the cutoff k >= 1. To add
a metric, write its function here, or in a file of your own that is imported, and put the decorator on it. The command
line and the reports show every registered metric.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from overtone.evaluation.arrays import Floats, Ints
from overtone.evaluation.ranks import CounterpartRanks, Ranks
from overtone.evaluation.registration import Metric, metric, metrics


def find_metric(key: str) -> Metric | None:
    """The metric behind a key of an evaluation.

    Args:
        key: A key such as ``"map"`` or ``"recall@5"``.

    Returns:
        The metric, its cutoff filled in; None if there is none.

    Example:
        >>> found = find_metric("recall@5")
        >>> found.title, found.explanation
        ('R@5', 'queries with a relevant item among the first 5')
    """
    if key == EVENTS_MAP.name:
        return EVENTS_MAP
    name, k = _parse_key(key)
    if name not in metrics:
        return None
    found = metrics[name]
    if name == key:
        return found
    title, explanation = (text.format(k=k) for text in (found.title, found.explanation))
    return replace(found, name=key, function=found.at(k), title=title, explanation=explanation)


def metric_order(key: str) -> tuple[int, int]:
    """The place of a key of an evaluation in a table, as a sort key: in the order of definition, then by cutoff.

    Args:
        key: As for :func:`find_metric`.

    Returns:
        Place of the metric (behind all others if it is unknown), and the cutoff (0 without one).

    Example:
        >>> sorted(["median_rank", "recall@10", "map", "recall@5"], key=metric_order)
        ['map', 'recall@5', 'recall@10', 'median_rank']
    """
    name, k = _parse_key(key)
    order = list(metrics.in_order())
    order.insert(order.index("map") + 1, EVENTS_MAP.name)
    return (order.index(name) if name in order else len(order), k)


def _parse_key(key: str) -> tuple[str, int]:
    """The registered name behind a key and its cutoff; the key itself and 0 where there is none."""
    stem, _, cutoff = key.rpartition("@")
    name = f"{stem}@{{k}}"
    return (name, int(cutoff)) if cutoff.isdigit() and name in metrics else (key, 0)


@metric("map", title="mAP", explanation="mean over the queries of the average precision over all ranks")
def average_precision(ranks: Ranks) -> Floats:
    r"""AP_q = (1/R) Σ_k precision at the k-th relevant item.

    A tie group is one threshold: all of its relevant items share the precision at the group's end, which is
    scikit-learn's AP = Σ_n (recall_n − recall_{n−1}) precision_n over distinct scores.

    Source: Manning, Raghavan & Schütze, Introduction to Information Retrieval (2008), section 8.4.
    """
    result: Floats = ranks.precision.sum(axis=1) / ranks.total
    return result


EVENTS_MAP = Metric(
    "map_events", average_precision, "mAP, all events", "relevant is what shares any event, annotated or not"
)
"""mAP against a second truth, all events of a clip: computed where that is known, so it is not registered."""


@metric("chance_map", title="mAP by chance", explanation="what a random order would get", better=None)
def chance_average_precision(ranks: Ranks) -> Floats:
    r"""Expected average precision of a random order, in closed form.

    With R relevant items among N, rank j is relevant with probability R/N, and its predecessors then hold
    (j − 1)(R − 1)/(N − 1) relevant ones on average, so E[AP] = (1/N) [H_N + (R − 1)/(N − 1) · (N − H_N)] with the
    harmonic number H_N.
    """
    size = ranks.gallery
    harmonic = (1.0 / np.arange(1, size + 1)).sum()
    others = (ranks.counts - 1) / max(size - 1, 1)
    return np.where(ranks.counts > 0, (harmonic + others * (size - harmonic)) / size, np.nan)


@metric("map_running", title="mAP, running", explanation="averaged over every cutoff, as in some papers; optimistic")
def running_average_precision(ranks: Ranks) -> Floats:
    r"""AP at every cutoff j, averaged over j: (1/N) Σ_j AP@j.

    AP@j = Σ_{i ≤ j} rel_i precision_i / (number of relevant items among the first j), and 0 while there is none. It
    only changes at a relevant item, so with c_k the mean precision of the first k relevant items and p_k their
    positions it is (1/N) Σ_k c_k (p_{k+1} − p_k), p_{R+1} = N + 1. Chance is higher than for ``map``.

    Tied items share one precision, as in ``map``, and stand where a random order of them would put them on average;
    this is not the mean over their orders, for which no closed form is known.
    """
    running = np.cumsum(ranks.precision, axis=1) / np.arange(1, ranks.above.shape[1] + 1)
    reach = np.diff(ranks.position, axis=1, append=ranks.gallery + 1.0)
    result: Floats = np.where(ranks.counts > 0, (running * reach).sum(axis=1) / ranks.gallery, np.nan)
    return result


@metric("map@r", title="mAP@R", explanation="only the first R ranks, R being the number of relevant items")
def average_precision_at_r(ranks: Ranks) -> Floats:
    r"""(1/R) Σ_{j ≤ R} rel_j precision_j: only what stands among the first R counts.

    Of ties it is the mean over their orders. In a group of g items, m of them relevant, behind a items with b relevant
    ones, rank a + t is relevant with probability m/g, and its predecessors in the group then hold c (t − 1) relevant
    ones on average, c = (m − 1)/(g − 1). The T ranks of the group that lie among the first R give
    Σ_{t ≤ T} (m/g) (b + 1 + c (t − 1)) / (a + t) = (m/g) [(b + 1 − c (a + 1)) (H_{a+T} − H_a) + c T].

    Source: Musgrave, Belongie & Lim, A Metric Learning Reality Check (ECCV 2020).
    """
    within = ranks.precision * (ranks.above < ranks.counts[:, None])
    (above, upto), before = ranks.tied_place, ranks.relevant_above
    group, reach = upto - above, np.minimum(ranks.counts[ranks.tied_query], upto)
    taken = np.maximum(reach - above, 0)
    harmonic = np.append(0.0, np.cumsum(1.0 / np.arange(1, ranks.gallery + 1)))
    growth = (ranks.relevant_upto - before - 1) / (group - 1)
    shown = (before + 1 - growth * (above + 1)) * (harmonic[above + taken] - harmonic[above]) + growth * taken
    within.put(ranks.tied, shown / group)
    result: Floats = within.sum(axis=1) / ranks.total
    return result


@metric("ndcg", title="nDCG", explanation="early ranks count more, and degrees of relevance count", graded=True)
def ndcg(ranks: Ranks) -> Floats:
    r"""DCG / ideal DCG with DCG = Σ_j gain_j / log₂(1 + j) over all ranks j.

    The gain is the overlap of the two clips' targets: 1 for one shared class, the number of shared classes for
    multi-hot labels, a sum of products for soft ones. Tied items share the mean discount of their group's positions.

    Source: Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques (TOIS 2002); for ties
    McSherry & Najork (ECIR 2008).
    """
    discounts = np.append(1.0 / np.log2(np.arange(2, ranks.gallery + 2)), 0.0)  # nothing for the imaginary item
    total = np.append(0.0, np.cumsum(discounts))
    above, upto = ranks.tied_place
    discount = discounts[ranks.above]
    discount.put(ranks.tied, (total[upto] - total[above]) / (upto - above))
    if ranks.gains is None:
        gained, best = discount.sum(axis=1), total[ranks.counts]
    else:
        gained = (ranks.gains * discount).sum(axis=1)
        best = -np.sort(-ranks.gains, axis=1) @ discounts[: ranks.gains.shape[1]]
    result: Floats = gained / np.where(ranks.counts > 0, best, np.nan)
    return result


@metric("recall@{k}", title="R@{k}", explanation="queries with a relevant item among the first {k}")
def recall_at(ranks: Ranks, k: int) -> Floats:
    r"""1 if at least one of the first k items is relevant, else 0.

    Where rank k falls into the tie group of the best relevant item (g items, m of them relevant, a before the group),
    the chance that a random order of the group shows one in time: 1 − C(g − m, t) / C(g, t) with t = k − a.
    """
    first = np.flatnonzero(ranks.tied % ranks.above.shape[1] == 0)
    members = np.ones(len(ranks.counts), np.int64)
    members[ranks.tied_query[first]] = ranks.relevant_upto[first]
    missed = _chance_of_none(ranks.above[:, 0], ranks.upto[:, 0], members, k)
    return np.where(ranks.counts > 0, 1.0 - missed, np.nan)


@metric(
    "instance_recall@{k}",
    title="counterpart R@{k}",
    explanation="queries that find their true counterpart among the first {k}",
    level="instance",
)
def instance_recall_at(ranks: CounterpartRanks, k: int) -> Floats:
    r"""1 if the true counterpart is among the first k items, else 0; within a tie group, the share of it that is.

    Of m counterparts among g tied items, the chance that one of them is: see :func:`recall_at`. NaN without any.
    """
    if ranks.members is None:
        return np.clip((k - ranks.above) / (ranks.upto - ranks.above), 0.0, 1.0)
    missed = _chance_of_none(ranks.above, ranks.upto, ranks.members, k)
    return np.where(ranks.members > 0, 1.0 - missed, np.nan)


def _chance_of_none(above: Ints, upto: Ints, members: Ints, k: int) -> Floats:
    """Chance that none of m members of a tie group is among the first k items, its g items being in random order."""
    group = upto - above
    irrelevant = group - members
    drawn = np.clip(k - above, 0, group)
    missed = np.ones(len(group))
    for draw in range(min(k, int(drawn.max(initial=0)))):
        left = np.maximum(irrelevant - draw, 0) / np.maximum(group - draw, 1)
        missed *= np.where(draw < drawn, left, 1.0)
    return missed


@metric(
    "mean_rank",
    title="counterpart mean rank",
    explanation="mean rank of the true counterpart; pulled up by the queries that miss it",
    level="instance",
    better="low",
)
@metric(
    "median_rank",
    title="counterpart median rank",
    explanation="half of the queries find their true counterpart at this rank or earlier",
    level="instance",
    better="low",
    summary=np.median,
)
def expected_rank(ranks: CounterpartRanks) -> Floats:
    r"""Rank of the true counterpart, 1 the best; among tied items the mean of their ranks, (above + 1 + upto) / 2.

    Of m counterparts among g tied items the first is expected at above + (g + 1) / (m + 1). NaN without any.
    """
    if ranks.members is None:
        result: Floats = (ranks.above + 1 + ranks.upto) / 2
        return result
    expected = ranks.above + (ranks.upto - ranks.above + 1) / (ranks.members + 1)
    return np.where(ranks.members > 0, expected, np.nan)
