"""Edges between classes by hand: what counts labels and presences, what is frequent and strong, what labels decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from overtone.graphs import InferenceSettings
from overtone.graphs.class_edges import (
    EdgeFrequencies,
    consensus_edges,
    count_edges,
    label_notes,
    labels_take_part,
    spread_to_nodes,
    strengths,
    with_labels,
)
from overtone.graphs.knowledge import Constraints

# Two classes, nodes a0 a1 v0 v1, labels l0 l1.
NODES, CLASSES = 4, 2
RANDOM = np.random.default_rng(0)
COVARIANCE = np.cov((RANDOM.normal(size=(400, 6)) + RANDOM.normal(size=(400, 1)) * [1, 2, 3, 2, 1, 1]).T, bias=True)


def empty() -> Any:
    return np.zeros((CLASSES, NODES)), np.zeros((CLASSES, NODES)), np.zeros((NODES, NODES))


def arrow_and_line() -> EdgeFrequencies:
    """In half of the graphs a0 → v1; in all of them a1 and v0 adjacent, in no direction."""
    directed, adjacent, between = empty()
    directed[0, 3] = adjacent[0, 3] = between[0, 3] = between[3, 0] = 0.5
    adjacent[1, 2] = adjacent[0, 1] = between[1, 2] = between[2, 1] = 1.0
    return EdgeFrequencies(directed, adjacent, between, 10)


def consensus(strength: float = 0.0, threshold: float = 0.5) -> Any:
    chosen = InferenceSettings(strength=strength, threshold=threshold)
    return consensus_edges(arrow_and_line(), COVARIANCE, chosen)


def test_counts_are_shares_of_the_graphs() -> None:
    directed, none = np.zeros((2, 6, 6), dtype=bool)
    directed[0, 3] = True
    shares = count_edges([(directed, none), (none, none), (none, none), (none, none)], NODES, CLASSES)
    assert shares.directed[0, 3] == shares.adjacent[0, 3] == 0.25
    assert shares.between[0, 3] == shares.between[3, 0] == 0.25


def test_a_source_of_the_same_modality_counts_from_the_threshold_on() -> None:
    directed, adjacent, between = empty()
    between[2, 3] = 0.5
    shares = EdgeFrequencies(directed, adjacent, between, 2)
    assert shares.sources(0.5)[0, 3] == 2
    assert shares.sources(0.6)[0, 3] == 0  # too seldom: the other modality


def test_edges_count_from_the_threshold_on_and_presence_is_symmetric() -> None:
    found = consensus()
    assert np.argwhere(found.directed).tolist() == [[0, 3]]
    assert np.argwhere(found.undirected).tolist() == [[1, 2], [2, 1]]
    assert (found.presence == found.presence.T).all()
    assert found.presence[0, 3] == found.direction[0, 3] == 0.5
    rarer = consensus(threshold=0.6)
    assert not rarer.directed.any()
    assert rarer.undirected.sum() == 2


def test_edges_are_strong_from_the_least_strength_on() -> None:
    weights = consensus().weights
    assert min(weights[0, 3], weights[1, 2], weights[2, 1]) > 0
    exactly = consensus(strength=weights[0, 3])
    assert exactly.directed[0, 3]
    assert not consensus(strength=weights[0, 3] + 1e-9).directed.any()
    weak, strong = sorted((weights[1, 2], weights[2, 1]))
    assert weak < strong
    one = consensus(strength=(weak + strong) / 2)  # of a line the stronger side is enough for both
    assert np.argwhere(one.undirected).tolist() == [[1, 2], [2, 1]]
    assert (one.weights[[1, 2], [2, 1]] > 0).all()
    assert not consensus(strength=strong + 1e-9).undirected.any()


def test_strengths_are_in_units_of_what_the_own_label_leaves() -> None:
    kept = np.zeros((CLASSES, NODES), dtype=bool)
    kept[0, 3] = True
    own = COVARIANCE[3, 3] - COVARIANCE[3, 5] ** 2 / COVARIANCE[5, 5]
    parents = [0, 2, 4, 5]
    coefficients = np.linalg.solve(COVARIANCE[np.ix_(parents, parents)], COVARIANCE[parents, 3])
    assert strengths(COVARIANCE, kept)[0, 3] == pytest.approx(coefficients[:3].sum() / np.sqrt(own))


@pytest.mark.parametrize(("several", "causes"), [(4, True), (5, False), (6, False)])
def test_labels_are_causes_where_next_to_no_annotated_row_has_several(several: int, causes: bool) -> None:
    given = np.zeros((400, 3), dtype=bool)
    given[:100, 0] = True
    given[:several, 1] = True
    assert labels_take_part(given, "auto") == causes  # rows without a label do not count
    assert labels_take_part(given, "nodes")
    assert not labels_take_part(given, "none")


def test_labels_come_first_have_no_cause_and_bring_their_class() -> None:
    known = Constraints(*np.zeros((3, NODES, NODES), dtype=bool))
    known.forbidden[0, 1] = known.required[1, 2] = known.before[1, 2] = True
    found = with_labels(NODES, CLASSES, known)
    forbidden, required, before = np.zeros((3, 6, 6), dtype=bool)
    forbidden[0, 1] = forbidden[:, 4:] = True
    required[1, 2] = required[4, 0] = required[4, 2] = required[5, 1] = required[5, 3] = True
    before[1, 2] = before[4:, :4] = True
    np.testing.assert_array_equal(found.forbidden, forbidden)
    np.testing.assert_array_equal(found.required, required)
    np.testing.assert_array_equal(found.before, before)
    np.testing.assert_array_equal(with_labels(NODES, CLASSES, None).before[4:], before[4:])


@pytest.mark.parametrize(("left", "said"), [(0.04, 1), (0.06, 0)])
def test_a_note_says_where_labels_leave_little_open(left: float, said: int) -> None:
    covariance = np.array([[1.0, np.sqrt(1 - left)], [np.sqrt(1 - left), 1.0]])
    notes = label_notes(covariance, np.array([0]), 1, 1)
    assert len(notes) == said
    assert all("leave only 4.0 %" in note for note in notes)


def test_folding_asks_label_and_presences_alike() -> None:
    # Two classes, nodes a0 a1 v0 v1, labels l0 l1.
    directed, undirected = np.zeros((2, 6, 6), dtype=bool)
    directed[4, 3] = directed[0, 3] = directed[4, 2] = True  # l0 → v1, a0 → v1, and l0 → its own v0
    undirected[1, 2] = undirected[2, 1] = True
    shares = count_edges([(directed, undirected), (np.zeros_like(directed), undirected)], 4, 2)
    np.testing.assert_array_equal(shares.directed, [[0, 0, 0, 0.5], [0, 0, 0, 0]])
    np.testing.assert_array_equal(shares.adjacent, [[0, 1, 0, 0.5], [0.5, 0, 1, 0]])
    assert shares.graphs == 2
    sources = shares.sources(0.5)
    assert sources[0, 3] == 0  # a0 is adjacent to v1 in half of the graphs
    assert sources[0, 1] == 2  # v0 to a1
    assert shares.sources(0.6)[0, 3] == 0  # nobody is often enough: the other modality than that of v1
    assert EdgeFrequencies(shares.directed, shares.adjacent, 0 * shares.between, 1).sources(0.5)[0, 1] == 2
    np.testing.assert_array_equal(np.argwhere(spread_to_nodes(shares.directed, sources)), [[0, 3]])
    assert count_edges([], 4, 2).graphs == 0


def test_strengths_are_regressions_on_label_and_presences() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, 6)) @ random.normal(size=(6, 6))
    kept = np.array([[False, False, False, True], [False, False, False, False]])  # class 0 → node v1
    found = strengths(np.cov(rows.T, bias=True), kept)
    centred = rows - rows.mean(0)
    coefficients = np.linalg.lstsq(centred[:, [0, 2, 4, 5]], centred[:, 3], rcond=None)[0]
    own = centred[:, 3] - centred[:, 5] * (centred[:, 5] @ centred[:, 3]) / (centred[:, 5] @ centred[:, 5])
    assert found[0, 3] == pytest.approx(coefficients[:3].sum() / own.std())
    assert np.count_nonzero(found) == 1
