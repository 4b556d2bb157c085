"""Graphs over the presences of classes and their labels, folded to what they say of a class as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    arrows, adjacent, between, count = (
        np.zeros((classes, nodes)),
        np.zeros((classes, nodes)),
        np.zeros((nodes, nodes)),
        0,
    )
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
