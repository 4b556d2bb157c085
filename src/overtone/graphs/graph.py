"""The result: a graph with names, directions as far as they are known, weights and frequencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overtone.core.files import write_json

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Kind = Literal["directed", "undirected"]


class Edge(NamedTuple):
    """One edge of a graph.

    Attributes:
        source: Name of the variable it leaves; of an undirected edge, of the first.
        target: Name of the variable it enters.
        kind: ``"directed"`` or ``"undirected"``.
        weight: Standardised regression coefficient of the target on the source, refitted with the target's parents.
        presence: Share of the resamples in which the two are adjacent; None without resamples.
        direction: Share of the resamples with a directed edge from source to target; None without resamples.
    """

    source: str
    target: str
    kind: Kind
    weight: float
    presence: float | None
    direction: float | None

    def to_dict(self) -> dict[str, Any]:
        """The edge as ``--json`` prints it."""
        names = {"from": self.source, "to": self.target, "type": self.kind, "weight": self.weight}
        return {**names, "presence": self.presence, "direction": self.direction}


@dataclass(frozen=True, eq=False)
class Graph:
    """A partially directed graph.

    Attributes:
        nodes: p names.
        directed: (p, p) bool, [x, y]: x → y.
        undirected: (p, p) bool, symmetric: adjacent, direction unknown.
        weights: (p, p), [x, y]: standardised coefficient of x in the regression of y on its parents, in the DAG of the
            best order; undirected edges have theirs in that DAG's direction.
        dag: (p, p) bool: the DAG of the best order.
        score: Sum over the variables of -n/2 · ln(residual variance) - penalty · parents, for that DAG.
        order: Names in the best order.
        seconds: Time that it took.
        settings: Everything that was set, with the penalty that was used.
        presence: (p, p) symmetric share of resamples with an edge; None without resamples.
        direction: (p, p), [x, y]: share of resamples with x → y; None without resamples.
        found: What else is known: rows, whether the search is complete, agreement of halves.
        notes: What a reader should know about the input, in sentences.
    """

    nodes: tuple[str, ...]
    directed: Bools
    undirected: Bools
    weights: Floats
    dag: Bools
    score: float
    order: tuple[str, ...]
    seconds: float
    settings: Mapping[str, Any]
    presence: Floats | None = None
    direction: Floats | None = None
    found: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        arrows, lines = int(self.directed.sum()), int(self.undirected.sum()) // 2
        return f"Graph({len(self.nodes)} nodes, {arrows} directed and {lines} undirected edges, score {self.score:.1f})"

    @property
    def adjacency(self) -> Bools:
        """(p, p) bool, symmetric: which variables are adjacent."""
        return self.directed | self.directed.T | self.undirected

    @property
    def edges(self) -> list[Edge]:
        """All edges, those present in most resamples first, then the heaviest."""
        drawn = self.directed | (self.undirected & (self.weights != 0))
        # An undirected edge whose coefficient is exactly zero has no side: take the upper triangle.
        drawn |= np.triu(self.undirected & ~drawn & ~drawn.T)
        drawn &= ~(np.tril(drawn & drawn.T) & self.undirected)
        sources, targets = np.nonzero(drawn)
        weight = self.weights[sources, targets]
        presence = None if self.presence is None else self.presence[sources, targets]
        direction = None if self.direction is None else self.direction[sources, targets]
        ranks = (
            (targets, sources, -np.abs(weight)) if presence is None else (targets, sources, -np.abs(weight), -presence)
        )
        return [
            Edge(
                self.nodes[sources[at]],
                self.nodes[targets[at]],
                "directed" if self.directed[sources[at], targets[at]] else "undirected",
                float(weight[at]),
                None if presence is None else float(presence[at]),
                None if direction is None else float(direction[at]),
            )
            for at in np.lexsort(ranks)
        ]

    def matrix(self, top: int | None = None) -> Floats:
        """Weights of the interactions, for use as a class graph: |weight|, each target's sum to one.

        Undirected edges count in both directions.

        Args:
            top: Keep only so many of the heaviest edges into each node.

        Returns:
            (p, p), [x, y]: share of x in what enters y; a column without edges is zero.
        """
        strength = np.abs(self.weights)
        both = np.maximum(strength, strength.T)
        kept = np.where(self.directed, strength, np.where(self.undirected, both, 0.0))
        if top is not None:
            least = -np.sort(-kept, axis=0)[min(top, len(kept)) - 1]
            kept = np.where(kept >= least, kept, 0.0)
        total = kept.sum(0)
        return kept / np.where(total > 0, total, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The graph as ``--json`` prints it."""
        return {
            "nodes": list(self.nodes),
            "edges": [edge.to_dict() for edge in self.edges],
            "score": self.score,
            "seconds": self.seconds,
            "settings": dict(self.settings),
        }

    def details(self) -> dict[str, Any]:
        """What is known beside that: the order, the DAG's edges by number, what was found, notes."""
        dag = np.argwhere(self.dag).tolist()
        return {"order": list(self.order), "dag": dag, "found": dict(self.found), "notes": list(self.notes)}

    def save(self, path: str | Path) -> None:
        """Write the graph; what kind of file, the suffix says.

        Args:
            path: ``.json``, ``.graphml``, ``.dot`` (or ``.gv``), or ``.npz`` with the matrices.

        Raises:
            InputError: The suffix is none of these, or the file cannot be written.
        """
        from overtone.graphs.exports import writer

        writer(Path(path))(self, Path(path))

    def to_networkx(self) -> Any:
        """A networkx ``DiGraph``; an undirected edge is an arc each way, with ``type="undirected"``.

        Returns:
            The graph, with ``weight``, ``presence`` and ``direction`` on its edges.

        Raises:
            InputError: networkx is not installed.
        """
        from overtone.graphs.exports import to_networkx

        return to_networkx(self)

    def write_json(self, path: Path) -> None:
        """Write everything as JSON."""
        write_json(path, self.to_dict() | self.details())
