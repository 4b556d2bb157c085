"""From graphs over class presences and annotated labels to edges from class to class.

The variables of such a graph are N nodes, one for each class in each modality (modality by modality), and behind them,
where labels are causes, the C annotated labels. What begins at a label or at a presence of a class says the same: that
this class brings the target. So edges are folded to (C, N) matrices, from a class to a node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from overtone.graphs.arrays import Bools, Floats, Ints
from overtone.graphs.knowledge import Constraints
from overtone.graphs.moments import refit
from overtone.graphs.settings import InferenceSettings

_SEVERAL = 0.05
"""Labels exclude each other, and are taken for causes, where a smaller share of the annotated rows has several."""
_LITTLE = 0.05
"""Share of the presences' variance that labels must leave open; if it is less, a note says so."""

_LABELS_ONLY = (
    "the soft labels say little beyond the annotated ones, which leave only {left:.1f} % of the presences' variance "
    "open: edges rest on small differences; were rows scored by a teacher that has seen them?"
)


class EdgeFrequencies(NamedTuple):
    """Shares of several graphs that have an edge; all zero where there is no graph.

    Attributes:
        directed: (C, N) share with a directed edge from the class's label or one of its presences to the node.
        adjacent: (C, N) share with any edge between them.
        between: (N, N) share with any edge between two nodes.
        graphs: Number of graphs.
    """

    directed: Floats
    adjacent: Floats
    between: Floats
    graphs: int

    def sources(self, threshold: float) -> Ints:
        """(C, N) number of the node at which the edge of each class begins.

        It is the class's presence that is most often adjacent to the target, if its frequency reaches the threshold.
        Otherwise only the label is adjacent, and the modality after the target's is taken.
        """
        classes, nodes = self.directed.shape
        by_modality = self.between.reshape(-1, classes, nodes)
        another = (np.arange(nodes) // classes + 1) % (nodes // classes)
        chosen = np.where(by_modality.max(0) >= threshold, by_modality.argmax(0), another)
        numbers: Ints = chosen * classes + np.arange(classes)[:, None]
        return numbers


class ConsensusEdges(NamedTuple):
    """The edges between nodes that are frequent and strong enough: matrices as :class:`Graph` has them."""

    directed: Bools
    undirected: Bools
    weights: Floats
    presence: Floats
    direction: Floats


def count_edges(graphs: Iterable[tuple[Bools, Bools]], nodes: int, classes: int) -> EdgeFrequencies:
    """Count the edges, directed and undirected, of graphs over N nodes and, behind them, C labels or nothing."""
    count, between = 0, np.zeros((nodes, nodes))
    arrows, adjacent = np.zeros((2, classes, nodes))
    for directed, undirected in graphs:
        either = directed | directed.T | undirected
        arrows += fold_to_classes(directed, nodes, classes)
        adjacent += fold_to_classes(either, nodes, classes)
        between += either[:nodes, :nodes]
        count += 1
    share = 1 / max(1, count)
    return EdgeFrequencies(arrows * share, adjacent * share, between * share, count)


def consensus_edges(frequencies: EdgeFrequencies, covariance: Floats, chosen: InferenceSettings) -> ConsensusEdges:
    """The edges that are frequent and strong enough; the (p, p) covariance is of nodes and labels that are causes."""
    sources = frequencies.sources(chosen.threshold)
    direction, presence = (spread_to_nodes(share, sources) for share in (frequencies.directed, frequencies.adjacent))
    presence = np.maximum(presence, presence.T)
    directed = (direction >= chosen.threshold) & (direction > 0)
    undirected = (presence >= chosen.threshold) & (presence > 0) & ~directed & ~directed.T
    kept = fold_to_classes(directed | undirected, *frequencies.directed.shape[::-1])
    weights = np.where(directed | undirected, spread_to_nodes(strengths(covariance, kept), sources), 0.0)
    strong = weights >= chosen.strength
    directed, undirected = directed & strong, undirected & (strong | strong.T)
    return ConsensusEdges(directed, undirected, np.where(directed | undirected, weights, 0.0), presence, direction)


def strengths(covariance: Floats, kept: Bools) -> Floats:
    """By how much the presence of a node is higher where a class is annotated and present in every modality; (C, N).

    Each node is regressed on label and presences of all classes with an edge to it (``kept``, (C, N)), and on its own
    label. A strength is the sum of a class's coefficients; its unit is the standard deviation that is left by the
    node's own label alone.
    """
    classes, nodes = kept.shape
    parents = _own_label_edges(len(covariance), nodes, classes)
    parents[:, :nodes] |= np.tile(kept, (len(parents) // classes, 1))
    summed = refit(covariance, parents)[0][:, :nodes].reshape(-1, classes, nodes).sum(0)
    spread = np.sqrt(np.maximum(_variance_beyond_labels(covariance, nodes, classes), np.finfo(float).tiny))
    found: Floats = np.where(kept, summed / spread, 0.0)
    return found


def fold_to_classes(edges: Bools, nodes: int, classes: int) -> Bools:
    """(p, p) edges as (C, N): from any variable of a class to a node; edges within one class are left out."""
    either = np.logical_or.reduce(edges[:, :nodes].reshape(-1, classes, nodes))
    found: Bools = either & ~np.tile(np.eye(classes, dtype=bool), nodes // classes)
    return found


def spread_to_nodes(values: Floats, sources: Ints) -> Floats:
    """(C, N) values of edges from classes as (N, N) values of edges from nodes."""
    nodes = values.shape[1]
    found = np.zeros((nodes, nodes))
    found[sources, np.arange(nodes)] = values
    return found


def labels_take_part(given: Bools, wanted: str) -> bool:
    """Whether the (n, C) annotated labels take part in the search as causes: "nodes", "none" or "auto" is wanted."""
    several = given.sum(1)
    return wanted == "nodes" or (wanted == "auto" and bool((several > 1).sum() < _SEVERAL * (several > 0).sum()))


def with_labels(nodes: int, classes: int, constraints: Constraints | None) -> Constraints:
    """Constraints on nodes and labels: no edge leads to a label, and the label of a class causes its presences."""
    size = nodes + classes
    required = _own_label_edges(size, nodes, classes)
    forbidden, before = np.zeros((2, size, size), dtype=bool)
    if constraints is not None:
        inner = np.s_[:nodes, :nodes]
        forbidden[inner], before[inner] = constraints.forbidden, constraints.before
        required[inner] = constraints.required
    forbidden[:, nodes:] = True
    before[nodes:, :nodes] = True
    return Constraints(forbidden, required, before)


def _own_label_edges(size: int, nodes: int, classes: int) -> Bools:
    """(p, p) bool: from each label, where there are any behind the nodes, to the presences of its class."""
    found = np.zeros((size, size), dtype=bool)
    found[nodes:, :nodes] = np.tile(np.eye(classes, dtype=bool), nodes // classes)[: size - nodes]
    return found


def label_notes(covariance: Floats, identifiable: Ints, nodes: int, classes: int) -> tuple[str, ...]:
    """What a reader should know where labels determine the presences of the identifiable nodes, in sentences."""
    left = _variance_beyond_labels(covariance, nodes, classes)[identifiable].sum()
    share = left / np.diag(covariance)[identifiable].sum()
    return (_LABELS_ONLY.format(left=100 * share),) if share < _LITTLE else ()


def _variance_beyond_labels(covariance: Floats, nodes: int, classes: int) -> Floats:
    """(N,) variances of the nodes that are left when each one's own label is known."""
    return refit(covariance, _own_label_edges(len(covariance), nodes, classes))[1][:nodes]
