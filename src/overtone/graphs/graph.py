"""The result: a graph with names, directions as far as they are known, weights and frequencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from overtone.core import InputError
from overtone.core.atomic import atomic_path
from overtone.core.files import write_json, write_text
from overtone.core.printable import suffix_of
from overtone.core.results import Record, Result
from overtone.graphs.arrays import Bools, Floats
from overtone.graphs.edges import Edge, EdgeKind, EdgeSupport, HalvesAgreement
from overtone.graphs.exports import to_dot, to_graphml, to_networkx
from overtone.plots import Plot, draw_cells

if TYPE_CHECKING:
    import networkx

_STANDARDISED = "standardised regression coefficient, refitted with all parents of the target."
"""What a weight means unless a graph says something else."""
_FORMATS = (".json", ".graphml", ".dot", ".gv", ".npz")
"""Suffixes of the files that a graph can be saved as."""


_FOUND = {name: name for name in ("rows", "steps", "complete", "labels")} | {
    "weight": "weight_meaning",
    "repeatability": "repeatability",
    "bootstrap": "resamples",
}
"""What is known of a search beside its edges: key in JSON to attribute."""


@dataclass(frozen=True, eq=False, repr=False)
class Graph(Result):
    """A partially directed graph.

    Attributes:
        nodes: p names.
        directed: (p, p) bool, [x, y]: x → y.
        undirected: (p, p) bool, symmetric: adjacent, direction unknown.
        weights: (p, p), [x, y]: weight of x → y; 0 where there is no edge. Undirected edges have their weight in the
            direction that they have in the DAG of the best order.
        dag: (p, p) bool: the DAG of the best order.
        score: Sum over the variables of -n/2 · ln(residual variance) - penalty · parents, for that DAG.
        order: Names in the best order.
        seconds: Time that it took.
        settings: Everything that was set, with the penalty that was used.
        presence: (p, p) symmetric share of resamples with an edge; None without resamples.
        direction: (p, p), [x, y]: share of resamples with x → y; None without resamples.
        rows: Number of rows n; None if unknown.
        steps: Local optima that the search has looked at; None if unknown.
        complete: Whether the search came to its end within its time.
        resamples: Resamples that were searched to the end; None where none were asked for.
        repeatability: Penalty discount to the agreement of resamples, where it was chosen by stability.
        halves: Agreement of the graphs of two halves of the rows; None where it was not asked for.
        labels: ``"nodes"`` where annotated labels took part as causes, ``"none"`` where not; None without labels.
        weight_meaning: What a weight says, in words.
        support: The rows that support each edge most, in the order of :attr:`edges`; empty where unknown.
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
    rows: int | None = None
    steps: int | None = None
    complete: bool = True
    resamples: int | None = None
    repeatability: Mapping[str, float] = field(default_factory=dict)
    halves: HalvesAgreement | None = None
    labels: str | None = None
    weight_meaning: str = _STANDARDISED
    support: tuple[EdgeSupport, ...] = ()
    notes: tuple[str, ...] = ()

    def headline(self) -> str:
        """Numbers of nodes and edges, and the score."""
        arrows, lines = int(self.directed.sum()), int(self.undirected.sum()) // 2
        return f"{len(self.nodes)} nodes, {arrows} directed and {lines} undirected edges, score {self.score:.1f}"

    def iter_records(self) -> Iterator[Record]:
        """A row per edge, in the order of :attr:`edges`."""
        return (edge._asdict() for edge in self.edges)

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
        sort_keys = [targets, sources, -np.abs(self.weights[sources, targets])]
        if self.presence is not None:
            sort_keys.append(-self.presence[sources, targets])
        return [self._edge(sources[at], targets[at]) for at in np.lexsort(sort_keys)]

    def _edge(self, x: int, y: int) -> Edge:
        """The edge between two variables, by their numbers."""
        presence, direction = (None if part is None else float(part[x, y]) for part in (self.presence, self.direction))
        kind: EdgeKind = "directed" if self.directed[x, y] else "undirected"
        return Edge(self.nodes[x], self.nodes[y], kind, float(self.weights[x, y]), presence, direction)

    def matrix(self, top: int | None = None) -> Floats:
        """The weights as (p, p) shares, [x, y]: of x in what enters y; a column without edges is zero.

        Undirected edges count in both directions. Only the ``top`` heaviest edges into each node are kept.
        """
        strength = np.abs(self.weights)
        both = np.maximum(strength, strength.T)
        kept = np.where(self.directed, strength, np.where(self.undirected, both, 0.0))
        if top is not None:
            least = -np.sort(-kept, axis=0)[min(top, len(kept)) - 1]
            kept = np.where(kept >= least, kept, 0.0)
        total = kept.sum(0)
        return kept / np.where(total > 0, total, 1.0)

    def to_dict(self, *, brief: bool = False) -> dict[str, Any]:
        """All of the graph as JSON values, for :meth:`from_dict`.

        Args:
            brief: As ``--json`` prints it: nodes, edges, score, seconds, settings and, if known, supporting rows.
        """
        values = {
            "nodes": list(self.nodes),
            "edges": [edge.to_dict() for edge in self.edges],
            "score": self.score,
            "seconds": self.seconds,
            "settings": dict(self.settings),
        }
        if brief:
            return values | ({"support": [one.to_dict() for one in self.support]} if self.support else {})
        matrices = {"weights": self.weights, "presence": self.presence, "direction": self.direction}
        return values | {
            "order": list(self.order),
            "dag": np.argwhere(self.dag).tolist(),
            "found": self._found(),
            "notes": list(self.notes),
            "cells": {name: _cells(matrix) for name, matrix in matrices.items() if matrix is not None},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Graph:
        """The graph whose :meth:`to_dict` this is; a KeyError where something is missing.

        Older documents have no ``cells``: then frequencies are known of the edges only.
        """
        nodes, found = tuple(values["nodes"]), values["found"]
        place = {name: at for at, name in enumerate(nodes)}
        edges = [Edge.from_dict(edge) for edge in values["edges"]]
        ends = [[place[edge.source], place[edge.target]] for edge in edges]
        directed, undirected = (
            _matrix([[*pair, 1.0] for pair, edge in zip(ends, edges) if edge.kind == kind], len(nodes)) > 0
            for kind in ("directed", "undirected")
        )
        cells = values.get("cells") or _cells_of(edges, ends)
        matrices = {name: _matrix(some, len(nodes)) for name, some in cells.items()}
        return cls(
            nodes=nodes,
            directed=directed,
            undirected=undirected | undirected.T,
            weights=matrices["weights"],
            dag=_matrix([[*pair, 1.0] for pair in values["dag"]], len(nodes)) > 0,
            score=values["score"],
            order=tuple(values["order"]),
            seconds=values["seconds"],
            settings=values["settings"],
            presence=matrices.get("presence"),
            direction=matrices.get("direction"),
            halves=HalvesAgreement.from_dict(found["halves"]) if "halves" in found else None,
            support=tuple(EdgeSupport.from_dict(one) for one in found.get("support", ())),
            notes=tuple(values["notes"]),
            **{name: found[key] for key, name in _FOUND.items() if key in found},
        )

    def save(self, path: str | Path) -> None:
        """Write the graph as its suffix says: .json, .graphml, .dot (or .gv), or .npz with the matrices.

        Raises:
            InputError: The suffix is none of these, or the file cannot be written.
        """
        file = Path(path)
        check_format(file)
        if file.suffix.lower() == ".json":
            write_json(file, self.to_dict())
        elif file.suffix.lower() == ".npz":
            self._write_matrices(file)
        else:
            write_text(file, (to_graphml if file.suffix.lower() == ".graphml" else to_dot)(self.nodes, self.edges))

    def plot(self) -> Plot:
        """The weights as cells: the row's variable acts on the column's; an undirected edge fills both cells."""
        both = np.where(self.undirected, np.maximum(np.abs(self.weights), np.abs(self.weights.T)), self.weights)
        title = f"{len(self.nodes)} nodes: weight of row → column"
        return draw_cells(self.nodes, self.nodes, both.tolist(), title=title)

    def to_networkx(self) -> networkx.DiGraph:
        """A networkx ``DiGraph``, with ``type``, ``weight``, ``presence`` and ``direction`` on its edges.

        An undirected edge is an arc each way, with ``type="undirected"``. Without networkx there is an error.
        """
        return to_networkx(self.nodes, self.edges)

    def _found(self) -> dict[str, Any]:
        """What is known beside the edges, as JSON values; what is not known, and the usual weight, are left out."""
        values = {key: getattr(self, name) for key, name in _FOUND.items()}
        values["halves"] = None if self.halves is None else self.halves.to_dict()
        values["support"] = [one.to_dict() for one in self.support]
        return {key: value for key, value in values.items() if value not in (None, {}, [], _STANDARDISED)}

    def _write_matrices(self, path: Path) -> None:
        """Write the matrices as numpy arrays."""
        arrays = {"nodes": np.array(self.nodes), "directed": self.directed, "undirected": self.undirected}
        arrays |= {"weights": self.weights, "dag": self.dag, "order": np.array(self.order)}
        arrays |= {name: getattr(self, name) for name in ("presence", "direction") if getattr(self, name) is not None}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)


def check_format(path: Path) -> None:
    """Refuse a file that no format of a graph has the suffix of."""
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path}: unknown kind of graph file", got=suffix_of(path), valid=", ".join(_FORMATS))


def _cells(matrix: Floats) -> list[list[float]]:
    """Row, column and value of every entry that is not zero."""
    return [[int(x), int(y), float(matrix[x, y])] for x, y in np.argwhere(matrix)]


def _matrix(cells: Sequence[Sequence[float]], size: int) -> Floats:
    """The matrix of :func:`_cells`."""
    found = np.zeros((size, size))
    for x, y, value in cells:
        found[int(x), int(y)] = value
    return found


def _cells_of(edges: Sequence[Edge], ends: Sequence[Sequence[int]]) -> dict[str, list[list[float]]]:
    """The entries that edges tell by themselves."""
    cells: dict[str, list[list[float]]] = {"weights": [[x, y, edge.weight] for (x, y), edge in zip(ends, edges)]}
    for (x, y), edge in zip(ends, edges):
        if edge.presence is not None and edge.direction is not None:
            cells.setdefault("presence", []).extend([[x, y, edge.presence], [y, x, edge.presence]])
            cells.setdefault("direction", []).append([x, y, edge.direction])
    return cells
