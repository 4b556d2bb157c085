"""Annotated labels as causes: variables behind the presences of classes, whose part in a search is known beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from overtone.graphs.knowledge import Constraints
from overtone.graphs.weights import refit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SEVERAL = 0.05
"""Labels exclude each other, and are taken for causes, where a smaller share of the annotated clips has several."""
LITTLE = 0.05
"""Of the presences' variance: what labels leave open; if it is less, a user is told."""

LABELS_ONLY = (
    "the soft labels say little beyond the annotated ones, which leave only {left:.1f} % of the presences' variance "
    "open: edges rest on small differences; were clips scored by a teacher that has seen them?"
)


def labels_are_causes(given: Bools, wanted: str) -> bool:
    """Whether the annotated labels take part in the search."""
    several = given.sum(1)
    return wanted == "nodes" or (wanted == "auto" and bool((several > 1).sum() < SEVERAL * (several > 0).sum()))


def with_labels(nodes: int, classes: int, known: Constraints | None) -> Constraints:
    """Knowledge about nodes, and about labels behind them in the order of variables.

    No edge leads to a label, and the label of a class is a parent of its presences.
    """
    size = nodes + classes
    required = own_labels(size, nodes, classes)
    forbidden, before = np.zeros((2, size, size), dtype=bool)
    if known is not None:
        inner = np.s_[:nodes, :nodes]
        forbidden[inner], required[inner], before[inner] = known.forbidden, known.required, known.before
    forbidden[:, nodes:] = True
    before[nodes:, :nodes] = True
    return Constraints(forbidden, required, before)


def own_labels(size: int, nodes: int, classes: int) -> Bools:
    """(p, p) bool: from each label, where there are any behind the nodes, to the presences of its class."""
    found = np.zeros((size, size), dtype=bool)
    found[nodes:, :nodes] = np.tile(np.eye(classes, dtype=bool), nodes // classes)[: size - nodes]
    return found


def left_open(covariance: Floats, nodes: int, classes: int) -> Floats:
    """(N,) variances of the nodes that are left when each one's own label is known."""
    return refit(covariance, own_labels(len(covariance), nodes, classes))[1][:nodes]


def notes_of(covariance: Floats, told: NDArray[np.int64], nodes: int, classes: int) -> tuple[str, ...]:
    """What a reader should know where labels determine the presences of the classes that can be told."""
    left = left_open(covariance, nodes, classes)[told].sum() / np.diag(covariance)[told].sum()
    return (LABELS_ONLY.format(left=100 * left),) if left < LITTLE else ()
