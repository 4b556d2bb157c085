"""The whole search: the exact optimum, the population, invariances, seeds, budgets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from overtone.core import Progress
from overtone.graphs import Graph, learn_graph
from overtone.graphs import search as searching
from overtone.graphs.cpdag import cpdag
from overtone.graphs.engine.engine import bic_penalty
from overtone.graphs.search import repaired, search, shaken
from overtone.graphs.settings import GraphSettings


def same(first: Graph, second: Graph) -> bool:
    """Whether two graphs have the same edges between the same names."""
    return {edge[:3] for edge in first.edges} == {edge[:3] for edge in second.edges} and len(first.edges) > 0


def exact_share(oracle: ModuleType, p: int, count: int) -> float:
    reached = 0
    for seed in range(count):
        values, _ = oracle.simulate(p, 3.0, 200, seed)
        correlation = values.T @ values / 200
        best = oracle.best_score(correlation, 200, bic_penalty(200, p, 1.0, 0.0))
        found = search(correlation, 200, GraphSettings(), penalty=1.0).score
        assert found <= best + 1e-6
        reached += found > best - 1e-6
    return reached / count


def test_the_optimum_is_reached_where_it_is_known(oracle: ModuleType) -> None:
    assert exact_share(oracle, 5, 20) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("p", [6, 7])
def test_the_optimum_is_reached_where_it_is_known_and_larger(oracle: ModuleType, p: int) -> None:
    assert exact_share(oracle, p, 30) >= 0.9


def recovered(oracle: ModuleType, p: int, degree: float, count: int) -> int:
    right = 0
    for seed in range(count):
        correlation, dag = oracle.population(p, degree, seed)
        found = search(correlation, 1e7, GraphSettings(), penalty=2.0)
        right += oracle.distance(*cpdag(found.dag), *cpdag(dag)) == 0
    return right


def test_the_population_gives_the_true_class(oracle: ModuleType) -> None:
    assert recovered(oracle, 10, 3, 8) == 8


@pytest.mark.slow
@pytest.mark.parametrize("p", [10, 30, 60, 100])
@pytest.mark.parametrize("degree", [2, 4, 6])
def test_the_population_gives_the_true_class_of_larger_graphs(oracle: ModuleType, p: int, degree: float) -> None:
    assert recovered(oracle, p, degree, 20) == 20


@pytest.mark.parametrize("settings", [{}, {"ils_steps": 0}])
def test_rows_columns_and_scales_do_not_matter(oracle: ModuleType, settings: dict[str, Any]) -> None:
    values, _ = oracle.simulate(18, 4, 600, 4)
    names = [f"v{at}" for at in range(18)]
    graph = learn_graph(values, names, settings=settings)
    random = np.random.default_rng(0)
    rows, columns = random.permutation(600), random.permutation(18)
    assert same(graph, learn_graph(values[rows], names, settings=settings))
    assert same(graph, learn_graph(values * random.uniform(1e-3, 1e3, 18) + 5.0, names, settings=settings))
    assert same(graph, learn_graph(-values, names, settings=settings))
    assert same(graph, learn_graph(values[:, columns], [names[at] for at in columns], settings=settings))


PROGRAM = """
import numpy as np
from overtone.graphs import learn_graph
values = np.random.default_rng(3).normal(size=(200, 12)) @ np.random.default_rng(4).normal(size=(12, 12))
graph = learn_graph(values, settings={"penalty": 1.0, "bootstrap": 4, "random_state": 5})
print(graph.score, graph.order, graph.edges)
"""


def test_a_seed_gives_one_graph_in_every_process() -> None:
    results = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
        assert ran.returncode == 0, ran.stderr
        results.append(ran.stdout)
    assert results[0] == results[1] != ""


def test_iterated_search_is_never_worse_than_one_start(oracle: ModuleType) -> None:
    for seed in range(5):
        values, _ = oracle.simulate(25, 6, 300, seed)
        correlation = values.T @ values / 300
        scores = [search(correlation, 300, GraphSettings(ils_steps=steps), penalty=1.0).score for steps in (0, 5, 20)]
        assert scores[0] <= scores[1] + 1e-6
        assert scores[1] <= scores[2] + 1e-6


def test_several_starts_are_several_orders(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(20, 6, 300, 1)
    reports: list[Progress] = []
    graph = learn_graph(values, settings={"starts": 3, "ils_steps": 2}, progress=reports.append)
    assert [report.done for report in reports] == [0, 1, 2, 3, 4, 5]
    assert {report.total for report in reports} == {5}
    assert not reports[0].values
    scores = [report.values["score"] for report in reports[1:]]
    assert scores == sorted(scores)
    assert graph.steps == 5
    assert graph.complete


def test_whoever_watches_can_stop_it(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(20, 4, 300, 1)
    graph = learn_graph(values, progress=lambda report: report.done == 2)
    assert graph.steps == 2
    assert not graph.complete
    assert graph.edges


def test_an_exception_of_the_watcher_comes_through(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(10, 4, 300, 1)

    def interrupt(_report: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_graph(values, progress=interrupt)


def test_a_time_that_is_over_at_once_still_gives_a_graph(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(30, 4, 300, 1)
    graph = learn_graph(values, settings={"seconds": 1e-3, "bootstrap": 5, "halves": 2})
    assert not graph.complete
    assert oracle.is_acyclic(graph.dag)
    assert graph.order


@pytest.mark.slow
def test_two_seconds_are_enough_for_a_thousand_variables(oracle: ModuleType) -> None:
    values, dag = oracle.simulate(1054, 4, 2000, 0)
    correlation = values.T @ values / 2000
    learn_graph(values[:, :5])  # compiled before the clock starts
    begin = time.monotonic()
    graph = learn_graph(correlation, rows=2000, settings={"seconds": 2})
    assert time.monotonic() - begin < 3
    assert oracle.is_acyclic(graph.dag)
    assert (graph.adjacency & (dag | dag.T)).sum() > 0.5 * 2 * dag.sum()


def test_shaking_keeps_a_permutation_and_most_of_its_order() -> None:
    random = np.random.default_rng(0)
    order = random.permutation(50)
    other = shaken(order, random)
    assert sorted(other.tolist()) == list(range(50))
    assert (np.argsort(order) != np.argsort(other)).any()
    assert sorted(shaken(np.arange(2), random).tolist()) == [0, 1]
    assert sorted(shaken(np.arange(9), random, 8).tolist()) == list(range(9))


class Asked(Exception):
    """The most parents that the engine was asked to look for."""


@pytest.mark.parametrize(
    ("p", "rows", "settings", "most"),
    [(5, 1000, {}, 4), (60, 1000, {}, 40), (60, 30, {}, 10), (60, 1000, {"max_parents": 3}, 3), (5, 2, {}, 1)],
)
def test_parents_are_few_enough_for_the_rows(
    monkeypatch: pytest.MonkeyPatch, p: int, rows: int, settings: dict[str, Any], most: int
) -> None:
    def engine(*_given: Any, cap: int, **_options: Any) -> None:
        raise Asked(cap)

    monkeypatch.setattr(searching, "Engine", engine)
    with pytest.raises(Asked) as asked:
        search(np.eye(p), rows, GraphSettings(**settings), penalty=2.0)
    assert asked.value.args == (most,)


def test_repair_moves_only_what_stands_wrong() -> None:
    before = np.zeros((5, 5), bool)
    before[3, 1] = before[1, 0] = before[3, 0] = True
    assert repaired(np.array([0, 1, 2, 3, 4]), before).tolist() == [2, 3, 1, 0, 4]
    assert repaired(np.array([3, 2, 1, 4, 0]), before).tolist() == [3, 2, 1, 4, 0]


@pytest.mark.parametrize("rows", [50, 1000])
def test_extended_bic_and_discount_make_it_sparser(oracle: ModuleType, rows: int) -> None:
    values, _ = oracle.simulate(30, 4, rows, 2)
    sizes = [
        len(learn_graph(values, settings=one).edges)
        for one in ({"penalty": 1}, {"penalty": 1, "ebic": 1}, {"penalty": 16})
    ]
    assert sizes[0] > sizes[1] > sizes[2] or sizes[2] <= sizes[1] <= sizes[0] != sizes[2]


def test_effective_rows_are_believed_in(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(20, 4, 4000, 2)
    few = learn_graph(values, settings={"effective_rows": 100})
    assert len(few.edges) < len(learn_graph(values).edges)
    covariance = np.cov(values.T, bias=True)
    assert same(few, learn_graph(covariance, few.nodes, rows=100))
