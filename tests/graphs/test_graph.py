"""The result: edges, weights, and files for other programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import networkx
import numpy as np
import pytest

from overtone.core import InputError
from overtone.graphs import EdgeSupport, Graph, HalvesAgreement, learn_graph
from overtone.graphs.moments import correlation_of, implied_precision, refit


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
    with pytest.raises(InputError, match=r"unknown kind of graph file; got suffix '.txt'; valid: .json"):
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


def test_a_graph_is_shown_in_one_line(graph: Graph) -> None:
    assert repr(graph).startswith("Graph(4 nodes, ")
    bare = replace(graph, directed=np.zeros((4, 4), bool), undirected=np.zeros((4, 4), bool))
    assert bare.edges == []
