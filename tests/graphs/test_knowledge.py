"""What is known before: tiers, forbidden and required edges, contradictions, and the file of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtone.core import InputError
from overtone.graphs import Knowledge, learn_graph

from .conftest import NAMES, edges


def test_tiers_forbid_and_direct(values: Any) -> None:
    known = Knowledge(tiers=[["wet"], ["rain", "sun", "mood"]])
    graph = learn_graph(values, NAMES, knowledge=known)
    assert not {edge for edge in edges(graph) if edge[1] == "wet"}
    assert ("wet", "mood", "directed") in edges(graph)


def test_knowledge_becomes_matrices() -> None:
    known = Knowledge(tiers=[["a", "b"], ["c", "d"]], forbidden=[("c", "d")], required=[("a", "b"), ("b", "c")])
    found = known.constraints("abcd")
    forbidden, required, before = np.zeros((3, 4, 4), dtype=bool)
    forbidden[2:, :2] = forbidden[2, 3] = forbidden[1, 0] = True  # back in time; as said; against what is required
    required[0, 1] = required[1, 2] = True
    before[:2, 2:] = before[0, 1] = True
    np.testing.assert_array_equal(found.forbidden, forbidden)
    np.testing.assert_array_equal(found.required, required)
    np.testing.assert_array_equal(found.before, before)
    chain = Knowledge(required=[("a", "b"), ("b", "c")]).constraints("abc").before
    assert np.argwhere(chain).tolist() == [[0, 1], [0, 2], [1, 2]]


def test_forbidden_and_required_edges_are_kept(values: Any) -> None:
    known = Knowledge(forbidden=[("rain", "wet"), ("wet", "rain")], required=[("mood", "sun")])
    graph = learn_graph(values, NAMES, knowledge=known)
    assert not graph.adjacency[0, 1]
    assert ("mood", "sun", "directed") in edges(graph)


def test_a_forbidden_direction_directs_the_edge() -> None:
    random = np.random.default_rng(0)
    cause = random.normal(size=200)
    rows = np.column_stack([cause, cause + random.normal(size=200)])
    assert edges(learn_graph(rows, ["a", "b"])) in ({("a", "b", "undirected")}, {("b", "a", "undirected")})
    assert edges(learn_graph(rows, ["a", "b"], knowledge=Knowledge(forbidden=[("a", "b")]))) == {("b", "a", "directed")}


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Knowledge(required=[("rain", "wte")]), r"unknown variable in a required edge 'wte'.*did you mean 'wet'"),
        (Knowledge(tiers=[["rain", "wet"], ["wet", "sun", "mood"]]), "'wet' is in tier 0 and in tier 1"),
        (Knowledge(tiers=[["rain", "snow"]]), "unknown variable in tier 0 'snow'"),
        (Knowledge(tiers=[["rain"]]), "tiers leave variables out; got wet, sun, mood"),
        (Knowledge(tiers=["rain"]), "a tier is a list"),
        (
            Knowledge(required=[("rain", "wet")], forbidden=[("rain", "wet")]),
            "'rain' → 'wet' is required and forbidden",
        ),
        (Knowledge(tiers=[["rain"], ["wet", "sun", "mood"]], required=[("wet", "rain")]), "later tier"),
        (Knowledge(required=[("rain", "wet"), ("wet", "sun"), ("sun", "rain")]), "closes a cycle"),
        (Knowledge(required=[("rain", "rain")]), "joins two variables"),
        (Knowledge(required=["rain"]), "pair of names"),
        (
            Knowledge(required=[("rain", "wet"), ("sun", "wet")]),
            "'wet' has more required parents than max_parents allows",
        ),
    ],
)
def test_contradictions_are_refused_before_the_search(values: Any, known: Knowledge, said: str) -> None:
    with pytest.raises(InputError, match=said):
        learn_graph(values, NAMES, knowledge=known, settings={"max_parents": 1})


def test_knowledge_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text("tiers:\n- [rain, sun]\n- [wet]\nrequired:\n- [rain, wet]\n")
    assert Knowledge.read(path) == Knowledge(tiers=[("rain", "sun"), ("wet",)], required=[("rain", "wet")])
    path.write_text("teirs: []\n")
    with pytest.raises(InputError, match="did you mean 'tiers'"):
        Knowledge.read(path)
    path.write_text("required: [rain, wet]\n")
    with pytest.raises(InputError, match="list of lists"):
        Knowledge.read(path)
