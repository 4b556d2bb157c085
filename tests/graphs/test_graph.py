"""The result: edges, weights, files for other programs, and how stable it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import networkx
import numpy as np
import pytest

from overtone.core import InputError
from overtone.graphs import EdgeSupport, Graph, HalvesAgreement, learn_graph
from overtone.graphs.moments import Moments, correlation_of, implied_precision, moments, refit
from overtone.graphs.resampling import FittedGraph, Learner, Resampler
from overtone.graphs.search import Clock, SearchResult
from overtone.graphs.settings import GraphSettings
from overtone.graphs.stability import agreement_of, choose_penalty, consensus, repeatability


@pytest.fixture(scope="module")
def graph() -> Graph:
    random = np.random.default_rng(0)
    a, b, c, d = random.normal(size=(4, 300))
    return learn_graph(
        np.column_stack([a, a - 2 * b + c, b, b + d]), ['say "a"', "x<y", "b", "ü"], settings={"bootstrap": 20}
    )


def test_edges_carry_weights_of_a_refit(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(10, 3, 400, 2)
    found = learn_graph(values)
    for edge in found.edges:
        x, y = (found.nodes.index(name) for name in (edge.source, edge.target))
        parents = np.flatnonzero(found.dag[:, y])
        assert found.dag[x, y] or found.undirected[x, y]
        if found.dag[x, y]:
            wanted = np.linalg.lstsq(values[:, parents], values[:, y], rcond=None)[0][list(parents).index(x)]
            assert edge.weight == pytest.approx(wanted, abs=1e-9)
        assert edge.presence is edge.direction is None


def test_every_adjacency_is_one_edge(oracle: ModuleType) -> None:
    for seed in range(5):
        values, _ = oracle.simulate(15, 3, 300, seed)
        found = learn_graph(values, settings={"ils_steps": 2})
        pairs = [frozenset(edge[:2]) for edge in found.edges]
        assert len(pairs) == len(set(pairs)) == found.adjacency.sum() // 2


def test_implied_precision_is_that_of_the_regressions(oracle: ModuleType) -> None:
    values, dag = oracle.simulate(8, 3, 400, 1)
    matrix = values.T @ values / 400
    full = np.triu(np.ones((8, 8), bool), 1)
    np.testing.assert_allclose(implied_precision(matrix, full), np.linalg.inv(matrix), atol=1e-8)
    fitted = np.linalg.inv(implied_precision(matrix, dag))
    coefficients, variance = refit(fitted, dag)  # the fit of the fit is the fit
    np.testing.assert_allclose(coefficients, refit(matrix, dag)[0], atol=1e-8)
    np.testing.assert_allclose(variance, refit(matrix, dag)[1], atol=1e-8)
    assert correlation_of(np.diag([4.0, 0.0])).tolist() == [[1, 0], [0, 1]]


def test_json_is_as_documented(graph: Graph, tmp_path: Path) -> None:
    found = graph.to_dict(brief=True)
    assert list(found) == ["nodes", "edges", "score", "seconds", "settings"]
    assert all(list(edge) == ["from", "to", "type", "weight", "presence", "direction"] for edge in found["edges"])
    assert {edge["type"] for edge in found["edges"]} <= {"directed", "undirected"}
    graph.save(tmp_path / "g.json")
    stored = json.loads((tmp_path / "g.json").read_text())
    assert stored["nodes"] == list(graph.nodes)
    assert stored["order"] == list(graph.order)
    assert stored["found"]["bootstrap"] == 20


def test_a_graph_comes_back_from_json_without_loss(graph: Graph) -> None:
    """Also frequencies of pairs without an edge, and weights of undirected edges in both directions."""
    weights = graph.weights.copy()
    undirected = graph.undirected.copy()
    free = np.argwhere(~graph.adjacency & ~np.eye(4, dtype=bool))[0]
    undirected[tuple(free)] = undirected[tuple(free[::-1])] = True
    weights[tuple(free)], weights[tuple(free[::-1])] = 0.25, -0.125
    support = (EdgeSupport("b", "ü", (("clip 1", 0.75), ("clip 2", 0.5))),)
    full = replace(
        graph,
        undirected=undirected,
        weights=weights,
        support=support,
        halves=HalvesAgreement(0.5, 0.25, 3.0, 2),
        repeatability={"2": 0.75},
        labels="nodes",
        weight_meaning="something else.",
        notes=("a note",),
    )
    for one in (graph, full, replace(full, complete=False, halves=None, presence=None, direction=None, resamples=None)):
        back = Graph.from_dict(json.loads(json.dumps(one.to_dict())))
        for name in vars(one):
            wanted, found = getattr(one, name), getattr(back, name)
            if isinstance(wanted, np.ndarray):
                np.testing.assert_array_equal(found, wanted)
            else:
                assert found == wanted
        assert back.edges == one.edges
    without = HalvesAgreement.from_dict({"jaccard": None, "random": None, "edges": None, "splits": 0})
    assert np.isnan([without.jaccard, without.random, without.edges]).all()
    assert without.splits == 0


def test_an_older_document_knows_frequencies_of_its_edges(graph: Graph) -> None:
    document = graph.to_dict()
    del document["cells"]
    back = Graph.from_dict(json.loads(json.dumps(document)))
    assert back.edges == graph.edges
    assert (back.presence == back.presence.T).all()
    bare = replace(graph, presence=None, direction=None).to_dict()
    del bare["cells"]
    assert Graph.from_dict(bare).presence is None


def test_networkx_and_graphml_agree(graph: Graph, tmp_path: Path) -> None:
    made = graph.to_networkx()
    assert set(made.nodes) == set(graph.nodes)
    graph.save(tmp_path / "g.graphml")
    read = networkx.read_graphml(tmp_path / "g.graphml")
    for edge in graph.edges:
        for one in (made, read):
            assert one.edges[edge.source, edge.target]["type"] == edge.kind
            assert one.edges[edge.source, edge.target]["weight"] == pytest.approx(edge.weight)
            assert one.edges[edge.source, edge.target]["presence"] == pytest.approx(edge.presence)
        assert made.has_edge(edge.target, edge.source) == (edge.kind == "undirected")


def test_dot_quotes_names_and_leaves_heads_off(graph: Graph, tmp_path: Path) -> None:
    graph.save(tmp_path / "g.dot")
    text = (tmp_path / "g.dot").read_text(encoding="utf-8")
    assert r'"say \"a\""' in text
    assert text.count("->") == len(graph.edges)
    assert text.count("dir=none") == sum(edge.kind == "undirected" for edge in graph.edges)


def test_matrices_are_stored_without_pickles(graph: Graph, tmp_path: Path) -> None:
    graph.save(tmp_path / "g.npz")
    with np.load(tmp_path / "g.npz", allow_pickle=False) as stored:
        assert stored["nodes"].tolist() == list(graph.nodes)
        assert (stored["directed"] == graph.directed).all()
        assert (stored["presence"] == graph.presence).all()


def test_another_suffix_is_refused(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown kind of graph file; got '.txt'; valid: .json"):
        graph.save(tmp_path / "g.txt")


def test_the_class_matrix_has_columns_that_sum_to_one(graph: Graph) -> None:
    whole = graph.matrix()
    sums = whole.sum(0)
    assert ((np.abs(sums - 1) < 1e-12) | (sums == 0)).all()
    assert ((graph.matrix(top=1) > 0).sum(0) <= 1).all()
    assert (whole[~graph.adjacency] == 0).all()


def test_the_class_matrix_by_hand() -> None:
    """Undirected edges count both ways with the heavier weight; what is equally heavy stays with the top."""
    directed, undirected = np.zeros((2, 4, 4), dtype=bool)
    directed[0, 3] = directed[1, 3] = directed[2, 3] = undirected[0, 1] = undirected[1, 0] = True
    weights = np.zeros((4, 4))
    weights[0, 3], weights[1, 3], weights[2, 3], weights[0, 1], weights[1, 0] = -3.0, 1.0, 1.0, 0.5, -2.0
    made = Graph(tuple("abcd"), directed, undirected, weights, directed, 0.0, tuple("abcd"), 0.0, {})
    wanted = np.zeros((4, 4))
    wanted[:3, 3] = 0.6, 0.2, 0.2
    wanted[0, 1] = wanted[1, 0] = 1.0
    np.testing.assert_allclose(made.matrix(), wanted)
    np.testing.assert_allclose(made.matrix(top=1)[:, 3], [1, 0, 0, 0])
    np.testing.assert_allclose(made.matrix(top=2), wanted)
    np.testing.assert_allclose(made.matrix(top=9), wanted)


def test_an_undirected_edge_counts_with_its_heavier_side_in_both_directions() -> None:
    directed, undirected, weights = np.zeros((3, 3), bool), np.zeros((3, 3), bool), np.zeros((3, 3))
    directed[2, 1] = undirected[0, 1] = undirected[1, 0] = True
    weights[2, 1], weights[0, 1], weights[1, 0] = 1.0, 0.5, -2.0
    shares = Graph(tuple("abc"), directed, undirected, weights, directed, 0.0, tuple("abc"), 0.0, {}).matrix()
    np.testing.assert_allclose(shares, [[0, 2 / 3, 0], [1, 0, 0], [0, 1 / 3, 0]])


def test_edges_are_sorted_by_frequency_and_then_by_strength() -> None:
    directed = np.triu(np.ones((3, 3), dtype=bool), 1)
    weights = np.zeros((3, 3))
    weights[0, 1], weights[0, 2], weights[1, 2] = 0.5, -0.9, 0.7
    made = Graph(tuple("abc"), directed, np.zeros((3, 3), dtype=bool), weights, directed, 0.0, tuple("abc"), 0.0, {})
    assert [edge.weight for edge in made.edges] == [-0.9, 0.7, 0.5]
    share = np.zeros((3, 3))
    share[0, 1], share[0, 2], share[1, 2] = 1.0, 0.5, 0.75
    sure = replace(made, presence=share + share.T, direction=share)
    assert [edge.weight for edge in sure.edges] == [0.5, 0.7, -0.9]
    line = np.zeros((3, 3), dtype=bool)
    line[0, 1] = line[1, 0] = True
    none = replace(made, directed=np.zeros((3, 3), dtype=bool), undirected=line, weights=np.zeros((3, 3)))
    assert [edge[:3] for edge in none.edges] == [("a", "b", "undirected")]


def test_frequencies_are_shares_and_add_up(graph: Graph) -> None:
    assert graph.presence is not None
    assert graph.direction is not None
    assert (graph.presence == graph.presence.T).all()
    assert (graph.direction + graph.direction.T <= graph.presence + 1e-12).all()
    assert ((graph.presence >= 0) & (graph.presence <= 1)).all()
    assert all(edge.presence is not None and edge.presence >= 0.5 for edge in graph.edges)


@pytest.mark.distributed
def test_frequencies_do_not_depend_on_processes(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(8, 3, 100, 0)
    one, two = (learn_graph(values, settings={"bootstrap": 6, "processes": count}) for count in (1, 2))
    assert (one.presence == two.presence).all()
    assert (one.direction == two.direction).all()


def test_noise_has_no_stable_edges_and_signal_has() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(size=(200, 10))
    noise[:, 1] += noise[:, 0]
    found = learn_graph(noise, settings={"penalty": 1.0, "bootstrap": 40, "threshold": 0.9})
    assert [{edge.source, edge.target} for edge in found.edges] == [{"x0", "x1"}]
    kept = learn_graph(noise, settings={"penalty": 0.5, "bootstrap": 10, "threshold": 0})
    assert len(kept.edges) > 1
    assert kept.adjacency.tolist() == (kept.dag | kept.dag.T).tolist()


def test_consensus_directs_what_is_stable_and_opens_cycles() -> None:
    presence = np.ones((3, 3)) - np.eye(3)
    direction = np.zeros((3, 3))
    direction[0, 1] = direction[1, 2] = 0.8
    direction[0, 2] = 0.3
    directed, undirected = consensus(presence, direction, 0.5)
    assert np.argwhere(directed).tolist() == [[0, 1], [1, 2]]
    assert np.argwhere(undirected).tolist() == [[0, 2], [2, 0]]
    direction[2, 0], direction[0, 2] = 0.9, 0.0
    directed, undirected = consensus(presence, direction, 0.5)
    assert not directed.any()
    assert undirected.sum() == 6
    assert consensus(0.4 * presence, direction, 0.5)[1].sum() == 0
    assert consensus(0.5 * presence, 0 * direction, 0.5)[1].sum() == 6  # as frequent as asked for is enough


def test_consensus_takes_the_more_frequent_direction_where_both_are_frequent_enough() -> None:
    presence, direction = np.array([[0, 0.7], [0.7, 0]]), np.array([[0, 0.4], [0.3, 0]])
    directed, undirected = consensus(presence, direction, 0.3)
    assert np.argwhere(directed).tolist() == [[0, 1]]
    assert not undirected.any()


def test_repeatability_is_what_pairs_of_samples_share() -> None:
    random = np.random.default_rng(0)
    samples = random.random((7, 12)) < 0.4
    shared = [np.sum(samples[i] & samples[j]) for i in range(7) for j in range(7) if i != j]
    sizes = [np.sum(samples[i]) for i in range(7) for j in range(7) if i != j]
    assert repeatability(samples.mean(0), 7) == pytest.approx(sum(shared) / sum(sizes))
    assert repeatability(np.zeros((3, 3)), 5) == 1.0


def test_agreement_of_halves_by_hand() -> None:
    """Two splits over ten possible edges: 3 and 2 edges with 2 in common, then 1 and 1 with none."""
    pairs = np.zeros((2, 2, 10), dtype=bool)
    pairs[0, 0, :3] = pairs[0, 1, 1:3] = pairs[1, 0, 0] = pairs[1, 1, 9] = True
    found = agreement_of(pairs)
    assert found.jaccard == pytest.approx((2 / 3 + 0) / 2)
    assert found.random == pytest.approx((0.6 / (5 - 0.6) + 0.1 / (2 - 0.1)) / 2)
    assert (found.edges, found.splits) == (1.75, 2)


class Fixed(Resampler):
    """Samples whose graphs repeat with a probability that the penalty says."""

    asked: list[tuple[float, int]]

    def frequencies(self, penalty: float, count: int) -> Any:
        self.asked.append((penalty, count))
        share = 0.5 + penalty / 100  # of all samples have the one edge
        return np.array([[0, share], [share, 0]]), np.zeros((2, 2)), count


@pytest.mark.parametrize(("bootstrap", "count"), [(0, 20), (7, 7), (100, 20)])
@pytest.mark.parametrize("stability", [0.55, 0.6])
def test_the_penalty_is_the_least_whose_agreement_is_enough(bootstrap: int, count: int, stability: float) -> None:
    settings = GraphSettings(penalty="stability", stability=stability, bootstrap=bootstrap)
    samples = Fixed(Learner(settings), moments([np.eye(2)], ["a", "b"]), Clock())
    object.__setattr__(samples, "asked", [])
    penalty, tried = choose_penalty(samples)
    grid = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    agreements = {one: (count * (0.5 + one / 100) - 1) / (count - 1) for one in grid}
    assert penalty == min((one for one in grid if agreements[one] >= stability), default=32)
    assert {asked for _, asked in samples.asked} == {count}
    assert tried == {f"{one:g}": pytest.approx(agreements[one]) for one, _ in samples.asked}


class Recording(Learner):
    """Finds nothing, and remembers with which random numbers it was asked to search."""

    def __call__(self, covariance: Any, rows: float, penalty: float, seed: Any, clock: Clock) -> FittedGraph:
        self.asked.append((np.random.default_rng(seed).integers(1 << 60), rows))
        return FittedGraph(SearchResult(np.zeros((2, 2), bool), np.arange(2), 0.0, 1, True), covariance)


def test_every_sample_is_searched_with_random_numbers_of_its_own() -> None:
    learner = Recording(GraphSettings(random_state=3))
    learner.asked = []
    samples = Resampler(learner, moments([np.random.default_rng(0).normal(size=(50, 2))], ["a", "b"]), Clock())
    assert len(list(samples.bootstrap(2.0, 4))) == 4
    assert len({seed for seed, _ in learner.asked}) == 4
    assert {rows for _, rows in learner.asked} == {50}
    learner.asked.clear()
    assert len(list(samples.halves(2.0, 3))) == 6
    assert {rows for _, rows in learner.asked} == {25}


def test_halves_are_drawn_anew_and_have_no_row_in_common() -> None:
    summed = Moments(np.ones((9, 3, 3)), np.zeros(2), np.ones(2), ("a", "b"))
    random = np.random.default_rng(0)
    splits = [summed.halve(random) for _ in range(4)]
    assert len({first.tobytes() for first, _ in splits}) == 4
    for first, second in splits:
        assert first.sum() == 4
        assert ((first == 1) ^ (second == 1)).all()


def test_the_penalty_by_stability_is_the_least_that_repeats(oracle: ModuleType) -> None:
    random = np.random.default_rng(0)
    noise = random.normal(size=(150, 12))
    found = learn_graph(noise, settings={"penalty": "stability", "bootstrap": 10, "stability": 0.9})
    assert found.settings["penalty"] > 1
    values, _ = oracle.simulate(12, 3, 2000, 0)
    clear = learn_graph(values, settings={"penalty": "stability", "bootstrap": 10, "stability": 0.8})
    assert clear.settings["penalty"] < found.settings["penalty"]
    tried = clear.repeatability
    assert tried[f"{clear.settings['penalty']:g}"] >= 0.8 or clear.settings["penalty"] == 1.0


def test_halves_agree_on_signal_and_not_on_noise(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(12, 3, 2000, 0)
    strong = learn_graph(values, settings={"halves": 3}).halves
    noise = np.random.default_rng(0).normal(size=(200, 12))
    weak = learn_graph(noise, settings={"halves": 3, "penalty": 0.5}).halves
    assert strong.jaccard > 0.8 > 0.5 > strong.random
    assert weak.jaccard < 0.5
    assert strong.splits == weak.splits == 3


def test_a_bootstrap_over_time_keeps_what_it_has(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(15, 4, 200, 0)
    reports: list[Any] = []

    def stop(report: Any) -> bool:
        reports.append(report.label)
        return reports.count("bootstrap") == 3

    found = learn_graph(values, settings={"bootstrap": 50}, progress=stop)
    assert found.resamples == 3
    assert not found.complete


def test_a_graph_is_shown_in_one_line(graph: Graph) -> None:
    assert repr(graph).startswith("Graph(4 nodes, ")
    bare = replace(graph, directed=np.zeros((4, 4), bool), undirected=np.zeros((4, 4), bool))
    assert bare.edges == []
