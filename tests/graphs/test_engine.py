"""The compiled engine against plain NumPy, causal-learn, and the exact optimum."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overtone.graphs.engine import Engine
from overtone.graphs.engine import engine as engines
from overtone.graphs.engine.engine import bic_penalty
from overtone.graphs.knowledge import Constraints

ROWS = 500


def engine_for(correlation: Any, discount: float = 2.0, **options: Any) -> Engine:
    p = len(correlation)
    return Engine(
        correlation, rows=ROWS, penalty=bic_penalty(ROWS, p, discount, 0.0), **{"cap": p - 1, "depth": 3, **options}
    )


def never(_score: float) -> bool:
    return False


def correlations(oracle: ModuleType, p: int, degree: float, seed: int) -> Any:
    values, _ = oracle.simulate(p, degree, ROWS, seed)
    return values.T @ values / ROWS


@pytest.mark.parametrize(("p", "degree", "discount"), [(6, 2, 1.0), (12, 4, 2.0), (20, 6, 1.0), (25, 3, 0.3)])
def test_traces_are_grow_shrink_in_numpy(oracle: ModuleType, p: int, degree: float, discount: float) -> None:
    correlation = correlations(oracle, p, degree, seed=p)
    search = engine_for(correlation, discount)
    penalty = bic_penalty(ROWS, p, discount, 0.0)
    random = np.random.default_rng(0)
    for _ in range(4):  # later orders walk over what earlier ones have left
        order = random.permutation(p)
        search.set_order(order)
        total = 0.0
        for at, y in enumerate(order):
            parents, score = oracle.grow_shrink(correlation, ROWS, penalty, y, order[:at])
            assert set(search.parents()[y].tolist()) == parents
            total += score
        assert search.score == pytest.approx(total, abs=1e-7)


def test_cap_bounds_the_parents_while_they_grow(oracle: ModuleType) -> None:
    correlation = correlations(oracle, 15, 10, seed=3)
    search = engine_for(correlation, cap=3)
    order = np.random.default_rng(1).permutation(15)
    search.set_order(order)
    for at, y in enumerate(order):
        parents, _ = oracle.grow_shrink(correlation, ROWS, bic_penalty(ROWS, 15, 2.0, 0.0), y, order[:at], cap=3)
        assert set(search.parents()[y].tolist()) == parents
        assert len(parents) <= 3


def test_traces_are_those_of_causal_learn(oracle: ModuleType) -> None:
    gst = pytest.importorskip("causallearn.search.PermutationBased.gst")
    score_class = pytest.importorskip("causallearn.score.LocalScoreFunctionClass").LocalScoreClass
    score_function = pytest.importorskip("causallearn.score.LocalScoreFunction").local_score_BIC_from_cov
    p = 14
    values, _ = oracle.simulate(p, 4, ROWS, 5)
    score = score_class(data=values, local_score_fun=score_function, parameters={"lambda_value": 1})  # c = 2
    trees = [gst.GST(y, score) for y in range(p)]
    search = engine_for(values.T @ values / ROWS)
    random = np.random.default_rng(2)
    for _ in range(5):
        order = random.permutation(p)
        search.set_order(order)
        differences = []
        for at, y in enumerate(order):
            parents: list[int] = []
            theirs = trees[y].trace(list(order[:at]), parents)
            assert set(search.parents()[y].tolist()) == {int(x) for x in parents}
            own = oracle.local_score(values.T @ values / ROWS, ROWS, bic_penalty(ROWS, p, 2.0, 0.0), y, parents)
            differences.append(theirs - own)
        assert np.ptp(differences) < 1e-6  # their score has a constant of its own


@given(seed=st.integers(0, 10_000), p=st.integers(2, 14), degree=st.floats(0, 6), mode=st.sampled_from([0, 1, 2]))
def test_the_state_is_that_of_fresh_traces(oracle: ModuleType, seed: int, p: int, degree: float, mode: int) -> None:
    correlation = correlations(oracle, p, degree, seed)
    search = engine_for(correlation, 1.0, mode=mode)
    search.set_order(np.random.default_rng(seed).permutation(p))
    first = search.score
    assert search.climb(np.random.default_rng(seed), never)
    assert search.score >= first
    parents, order = search.parents(), search.order
    assert sorted(order.tolist()) == list(range(p))
    penalty = bic_penalty(ROWS, p, 1.0, 0.0)
    total = sum(oracle.local_score(correlation, ROWS, penalty, y, parents[y]) for y in range(p))
    assert search.score == pytest.approx(total, abs=1e-6)
    fresh = engine_for(correlation, 1.0)
    fresh.set_order(order)
    assert [set(some) for some in fresh.parents()] == [set(some) for some in parents]
    place = np.argsort(order)
    assert all(place[x] < place[y] for y in range(p) for x in parents[y])


@pytest.mark.parametrize("depth", [1, 3])
def test_a_climb_ends_where_no_insertion_and_no_tuck_helps(oracle: ModuleType, depth: int) -> None:
    correlation = correlations(oracle, 10, 4, seed=8)
    search = engine_for(correlation, depth=depth)
    search.set_order(np.arange(10))
    search.climb(np.random.default_rng(0), never)
    order, score = search.order, search.score
    for v in range(10):
        rest = order[order != v]
        for slot in range(10):
            search.set_order(np.insert(rest, slot, v))
            assert search.score <= score + 1e-6


def test_little_memory_changes_nothing(oracle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    correlation = correlations(oracle, 40, 5, seed=1)
    results = []
    for memory, chunk in ((256.0, engines._CHUNK), (0.05, 3000), (256.0, 1)):
        monkeypatch.setattr(engines, "_CHUNK", chunk)
        search = engine_for(correlation, memory_mb=memory)
        search.set_order(np.arange(40))
        search.climb(np.random.default_rng(0), never)
        results.append((search.score, search.order.tolist()))
    assert results[2] == results[0]  # nor do interruptions
    assert results[1][0] == pytest.approx(results[0][0], abs=5.0)  # forgetting may turn a tie


def test_a_memory_too_small_for_one_order_is_said(oracle: ModuleType) -> None:
    correlation = correlations(oracle, 40, 8, seed=1)
    with pytest.raises(MemoryError, match="do not fit"):
        engine_for(correlation, 0.01, memory_mb=0.001).set_order(np.arange(40))


def test_a_pause_that_says_so_ends_the_climb(oracle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_CHUNK", 10)
    search = engine_for(correlations(oracle, 20, 4, seed=1))
    search.set_order(np.arange(20))
    reports: list[float] = []
    assert not search.climb(np.random.default_rng(0), lambda score: bool(reports.append(score)) or len(reports) > 3)
    assert len(reports) == 4
    order, score = search.order, search.score
    search.set_order(order)
    assert search.score == pytest.approx(score)


def test_required_forbidden_and_order_are_kept(oracle: ModuleType) -> None:
    p = 8
    correlation = correlations(oracle, p, 4, seed=2)
    forbidden, required, before = (np.zeros((p, p), bool) for _ in range(3))
    required[7, 0] = required[0, 1] = before[7, 0] = before[0, 1] = before[7, 1] = True
    forbidden[2, 3] = forbidden[3, 2] = True
    search = engine_for(correlation, constraints=Constraints(forbidden | required.T, required, before))
    random = np.random.default_rng(0)
    search.set_order(np.array([7, 0, 1, 2, 3, 4, 5, 6]))
    for _ in range(5):
        search.climb(random, never)
        place, parents = np.argsort(search.order), search.parents()
        assert place[7] < place[0] < place[1]
        assert 7 in parents[0]
        assert 0 in parents[1]
        assert 2 not in parents[3]
        assert 3 not in parents[2]


def test_modes_are_nested(oracle: ModuleType) -> None:
    scores = []
    for mode in (0, 1, 2):
        total = 0.0
        for seed in range(8):
            search = engine_for(correlations(oracle, 16, 5, seed=seed), mode=mode)
            search.set_order(np.arange(16))
            search.climb(np.random.default_rng(0), never)
            total += search.score
        scores.append(total)
    assert scores[0] <= scores[1] + 1e-6
    assert scores[1] <= scores[2] + 1e-6
