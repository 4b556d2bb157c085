"""Graphs over the presences of classes and their labels, folded to what they say of a class as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from overtone.graphs.causes import left_open, own_labels
from overtone.graphs.settings import InferenceSettings
from overtone.graphs.weights import refit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Votes(NamedTuple):
    """Shares of several graphs that have an edge from a class to a node; a node is a class's presence in a modality.

    Attributes:
        arrows: (C, N) share with a directed edge from the class's label or one of its presences to the node.
        adjacent: (C, N) share with any edge between them.
        between: (N, N) share with any edge between two nodes.
        graphs: Number of graphs.
    """

    arrows: Floats
    adjacent: Floats
    between: Floats
    graphs: int

    def sources(self, threshold: float) -> Ints:
        """(C, N) numbers of the nodes at which edges begin.

        It is the class's presence that is most often adjacent to the target, if it is so often enough; else, where only
        the label speaks, the presence in the modality after the target's.
        """
        classes, nodes = self.arrows.shape
        by_modality = self.between.reshape(-1, classes, nodes)
        another = (np.arange(nodes) // classes + 1) % (nodes // classes)
        chosen = np.where(by_modality.max(0) >= threshold, by_modality.argmax(0), another)
        numbers: Ints = chosen * classes + np.arange(classes)[:, None]
        return numbers


def counted(graphs: Iterable[tuple[Bools, Bools]], nodes: int, classes: int) -> Votes:
    """Count the edges of graphs whose first variables are the nodes, modality by modality, followed by labels or none.

    Args:
        graphs: Directed and undirected edges of each.
        nodes: Number of nodes N.
        classes: Number of classes C.

    Returns:
        Shares; all zero where there is no graph.
    """
    count, between = 0, np.zeros((nodes, nodes))
    arrows, adjacent = np.zeros((2, classes, nodes))
    for directed, undirected in graphs:
        either = directed | directed.T | undirected
        arrows += folded(directed, nodes, classes)
        adjacent += folded(either, nodes, classes)
        between += either[:nodes, :nodes]
        count += 1
    share = 1 / max(1, count)
    return Votes(arrows * share, adjacent * share, between * share, count)


def folded(edges: Bools, nodes: int, classes: int) -> Bools:
    """(p, p) edges to (C, N): from any variable of a class to a node; pairs of one class are left out."""
    either = np.logical_or.reduce(edges[:, :nodes].reshape(-1, classes, nodes))
    found: Bools = either & ~np.tile(np.eye(classes, dtype=bool), nodes // classes)
    return found


def placed(values: Floats, sources: Ints) -> Floats:
    """(C, N) values of edges from classes as (N, N) values of edges from nodes."""
    nodes = values.shape[1]
    found = np.zeros((nodes, nodes))
    found[sources, np.arange(nodes)] = values
    return found


class Elected(NamedTuple):
    """The edges that votes are for: matrices over the nodes, as :class:`Graph` has them."""

    directed: Bools
    undirected: Bools
    weights: Floats
    presence: Floats
    direction: Floats


def elected(votes: Votes, covariance: Floats, chosen: InferenceSettings) -> Elected:
    """The edges that are frequent and strong enough.

    Args:
        votes: Shares of graphs with edges from classes to nodes.
        covariance: (p, p) of nodes and, where they are causes, labels.
        chosen: The least frequency and strength.

    Returns:
        The edges between nodes.
    """
    sources = votes.sources(chosen.threshold)
    direction, presence = placed(votes.arrows, sources), placed(votes.adjacent, sources)
    presence = np.maximum(presence, presence.T)
    directed = (direction >= chosen.threshold) & (direction > 0)
    undirected = (presence >= chosen.threshold) & (presence > 0) & ~directed & ~directed.T
    kept = folded(directed | undirected, *votes.arrows.shape[::-1])
    weights = np.where(directed | undirected, placed(strengths(covariance, kept), sources), 0.0)
    strong = weights >= chosen.strength
    directed, undirected = directed & strong, undirected & (strong | strong.T)
    return Elected(directed, undirected, np.where(directed | undirected, weights, 0.0), presence, direction)


def strengths(covariance: Floats, kept: Bools) -> Floats:
    """By how much the presence of a node is higher where a class is annotated and present in every modality.

    Each node is regressed on label and presences of all classes with an edge to it, and on its own label; the unit is
    the standard deviation that is left by its own label alone.

    Args:
        covariance: (p, p) of nodes and labels.
        kept: (C, N) bool: which classes have an edge to which nodes.

    Returns:
        (C, N) sums of a class's regression coefficients, in that unit.
    """
    classes, nodes = kept.shape
    parents = own_labels(len(covariance), nodes, classes)
    parents[:, :nodes] |= np.tile(kept, (len(parents) // classes, 1))
    summed = refit(covariance, parents)[0][:, :nodes].reshape(-1, classes, nodes).sum(0)
    spread = np.sqrt(np.maximum(left_open(covariance, nodes, classes), np.finfo(float).tiny))
    found: Floats = np.where(kept, summed / spread, 0.0)
    return found
