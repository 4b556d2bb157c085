"""Every metric against its definition, worked out the slow way over all orders of tied items."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from overtone.core import InputError
from overtone.evaluation import CounterpartRanks, Metric, metrics, rank_scores
from overtone.evaluation.metrics import (
    average_precision,
    average_precision_at_r,
    chance_average_precision,
    ndcg,
    recall_at,
    running_average_precision,
)

CUTOFFS = (1, 2, 4)


def orders(scores: list[int]) -> Iterator[tuple[int, ...]]:
    """Every order of the items, best first, that the scores allow."""
    groups = [[i for i, s in enumerate(scores) if s == value] for value in sorted(set(scores), reverse=True)]
    for parts in itertools.product(*(itertools.permutations(group) for group in groups)):
        yield tuple(itertools.chain(*parts))


def shared_precision(scores: list[int], relevant: list[int]) -> list[float]:
    at_least = [[j for j, other in enumerate(scores) if other >= score] for score in scores]
    return [sum(relevant[j] > 0 for j in items) / len(items) for items in at_least]


def over_orders(
    scores: list[int], relevant: list[int], value: Callable[[tuple[int, ...], list[float]], float]
) -> float:
    precision = shared_precision(scores, relevant)
    return float(np.mean([value(order, precision) for order in orders(scores)]))


def reference_map(scores: list[int], relevant: list[int]) -> float:
    hits = [p for p, r in zip(shared_precision(scores, relevant), relevant) if r]
    return sum(hits) / len(hits)


def reference_running(scores: list[int], relevant: list[int]) -> float:
    def value(order: tuple[int, ...], precision: list[float]) -> float:
        total = 0.0
        for j in range(1, len(order) + 1):
            hits = [precision[i] for i in order[:j] if relevant[i]]
            total += sum(hits) / len(hits) if hits else 0.0
        return total / len(order)

    return over_orders(scores, relevant, value)


def reference_at_r(scores: list[int], relevant: list[int]) -> float:
    size = sum(r > 0 for r in relevant)

    def value(order: tuple[int, ...], _: list[float]) -> float:
        flags = [relevant[i] > 0 for i in order]
        return sum(sum(flags[: j + 1]) / (j + 1) for j in range(size) if flags[j]) / size

    return over_orders(scores, relevant, value)


def reference_ndcg(scores: list[int], relevant: list[int]) -> float:
    def dcg(gains: list[int]) -> float:
        return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))

    ideal = dcg(sorted(relevant, reverse=True))
    return over_orders(scores, relevant, lambda order, _: dcg([relevant[i] for i in order]) / ideal)


def reference_recall(scores: list[int], relevant: list[int], k: int) -> float:
    return over_orders(scores, relevant, lambda order, _: float(any(relevant[i] for i in order[:k])))


def reference_chance(scores: list[int], relevant: list[int]) -> float:
    untied = list(range(len(scores)))
    shuffled = itertools.permutations(untied)
    return float(np.mean([reference_map(list(order), relevant) for order in shuffled]))


REFERENCES: dict[str, Callable[..., float]] = {
    "map": reference_map,
    "map_running": reference_running,
    "map@r": reference_at_r,
    "ndcg": reference_ndcg,
    "recall@{k}": reference_recall,
    "chance_map": reference_chance,
}
PARTNER_REFERENCES: dict[str, Callable[..., float]] = {
    "instance_recall@{k}": lambda position, k: float(position <= k),
    "median_rank": lambda position: position,
    "mean_rank": lambda position: position,
}

rankings = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-2, 1), min_size=n, max_size=n),
        st.lists(st.integers(0, 2), min_size=n, max_size=n).filter(any),
    )
)


def test_a_metric_that_is_no_number_per_query_is_named() -> None:
    ranks = rank_scores(np.eye(3), np.eye(3, dtype=bool))
    wrong = Metric("mine", lambda ranks: np.ones(1)).columns(())["mine"]
    with pytest.raises(InputError, match=r"metric 'mine': not one number per query; got \(1,\); valid: \(3,\)"):
        wrong(ranks)


def test_every_metric_has_a_reference_here() -> None:
    assert set(metrics) == {*REFERENCES, *PARTNER_REFERENCES}


@pytest.mark.parametrize("name", sorted(REFERENCES))
@given(ranking=rankings)
def test_label_metric_equals_its_definition(name: str, ranking: tuple[list[int], list[int]]) -> None:
    scores, relevant = ranking
    if not metrics[name].graded:
        relevant = [int(r > 0) for r in relevant]
    ranks = rank_scores(np.array(scores) / 4, np.array(relevant))
    for key, function in metrics[name].columns(CUTOFFS).items():
        cutoff = (int(key.partition("@")[2]),) if metrics[name].at_cutoffs else ()
        assert function(ranks)[0] == pytest.approx(REFERENCES[name](scores, relevant, *cutoff), abs=1e-12), key


@pytest.mark.parametrize("name", sorted(PARTNER_REFERENCES))
@given(scores=st.lists(st.integers(-1, 1), min_size=1, max_size=6))
def test_instance_metric_equals_its_definition(name: str, scores: list[int]) -> None:
    above, upto = sum(s > scores[0] for s in scores), sum(s >= scores[0] for s in scores)
    ranks = CounterpartRanks(len(scores), np.array([above]), np.array([upto]))
    for key, function in metrics[name].columns(CUTOFFS).items():
        cutoff = (int(key.partition("@")[2]),) if metrics[name].at_cutoffs else ()
        positions = [order.index(0) + 1 for order in orders(scores)]
        expected = np.mean([PARTNER_REFERENCES[name](position, *cutoff) for position in positions])
        assert function(ranks)[0] == pytest.approx(expected, abs=1e-12), key


@pytest.mark.parametrize("levels", [5, 50, None], ids=["heavily tied", "tied", "untied"])
@pytest.mark.parametrize("share", [0.005, 0.06, 0.3, 0.95])
@pytest.mark.parametrize("shift", [0.0, -5.0], ids=["of both signs", "all negative"])
def test_average_precision_equals_scikit_learn(levels: int | None, share: float, shift: float) -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(20, 500)) + shift
    if levels:
        scores = np.round(scores * levels) / levels
    relevant = random.random((20, 500)) < share
    relevant[:, 0] = True
    expected = [average_precision_score(r, s) for r, s in zip(relevant, scores)]
    np.testing.assert_allclose(average_precision(rank_scores(scores, relevant)), expected, atol=1e-12)


def test_graded_ndcg_with_ties_equals_scikit_learn() -> None:
    random = np.random.default_rng(1)
    scores = np.round(random.normal(size=(15, 80)), 1)
    gains = random.integers(0, 4, size=(15, 80)) * (random.random((15, 80)) < 0.3)
    expected = [ndcg_score(gain[None], score[None]) for gain, score in zip(gains, scores)]
    np.testing.assert_allclose(ndcg(rank_scores(scores, gains)), expected, atol=1e-12)


def test_scores_below_zero_are_ordinary_scores() -> None:
    relevant = np.array([[True, False, True, False, True]])
    scores = np.array([[0.5, 0.3, -0.1, -0.2, -0.9]])
    negative, positive = (average_precision(rank_scores(s, relevant)) for s in (scores, scores + 1))
    assert negative == positive == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_minus_zero_is_zero() -> None:
    ranks = rank_scores(np.array([[0.0, -0.0]]), np.array([[True, False]]))
    assert average_precision(ranks) == 0.5


def test_denominators_are_those_of_the_names() -> None:
    """Of five relevant items the first ranking place shows one and the last four the others."""
    relevant = np.zeros((1, 20), dtype=bool)
    relevant[0, [0, 16, 17, 18, 19]] = True
    ranks = rank_scores(-np.arange(20.0)[None], relevant)
    assert average_precision_at_r(ranks) == pytest.approx(1 / 5)
    assert average_precision(ranks) == pytest.approx((1 + 2 / 17 + 3 / 18 + 4 / 19 + 5 / 20) / 5)


def test_precision_at_r_of_ties_is_the_mean_over_their_orders() -> None:
    assert average_precision_at_r(rank_scores(np.ones((1, 2)), np.array([[False, True]]))) == pytest.approx(0.5)
    constant = rank_scores(np.zeros((6, 6)), np.arange(6)[:, None] // 2 == np.arange(6) // 2)
    # rank 1 is relevant in a third of the orders; rank 2 in as many, after a relevant one in a fifth of those
    np.testing.assert_allclose(average_precision_at_r(constant), (1 / 3 + 1 / 3 * (1 / 5 + 4 / 5 * 1 / 2)) / 2)


def test_running_is_optimistic_at_chance() -> None:
    """189 clips of 15 classes, ranked at random: the size at which the two were confused in print."""
    random = np.random.default_rng(0)
    classes = np.arange(189) % 15
    ranks = rank_scores(random.random((189, 189)), classes[:, None] == classes)
    standard, running = average_precision(ranks).mean(), running_average_precision(ranks).mean()
    assert standard == pytest.approx(chance_average_precision(ranks).mean(), abs=0.01)
    assert running > 1.1 * standard


def test_recall_beyond_the_gallery_is_whole() -> None:
    ranks = rank_scores(np.zeros((1, 3)), np.array([[True, False, False]]))
    np.testing.assert_allclose([recall_at(ranks, k)[0] for k in (1, 2, 3, 99)], [1 / 3, 2 / 3, 1, 1])


@given(
    rows=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=5),
    seed=st.integers(0, 10),
    graded=st.booleans(),
)
def test_queries_do_not_disturb_each_other(rows: list[list[bool]], seed: int, graded: bool) -> None:
    """Tables are padded to the longest row: a query alone and in company must get the same number, NaN included."""
    scores = np.random.default_rng(seed).integers(-1, 2, size=(len(rows), 4)).astype(float)
    relevant = np.array(rows)
    relevant = relevant * 2.0 if graded else relevant
    for name in REFERENCES:
        for key, function in metrics[name].columns(CUTOFFS).items():
            together = function(rank_scores(scores, relevant))
            alone = [function(rank_scores(s, r))[0] for s, r in zip(scores, relevant)]
            np.testing.assert_allclose(together, alone, atol=1e-12, err_msg=key)
            assert np.array_equal(np.isnan(together), ~(relevant > 0).any(axis=1))
