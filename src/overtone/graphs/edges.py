"""What a graph says about its edges: weights, frequencies, supporting rows, and the agreement of halves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

EdgeKind = Literal["directed", "undirected"]


class Edge(NamedTuple):
    """One edge of a graph.

    Attributes:
        source: Name of the variable it leaves; of an undirected edge, of the first.
        target: Name of the variable it enters.
        kind: ``"directed"`` or ``"undirected"``.
        weight: As :attr:`overtone.graphs.Graph.weight_meaning` says.
        presence: Share of the resamples in which the two are adjacent; None without resamples.
        direction: Share of the resamples with a directed edge from source to target; None without resamples.
    """

    source: str
    target: str
    kind: EdgeKind
    weight: float
    presence: float | None
    direction: float | None

    def to_dict(self) -> dict[str, Any]:
        """The edge as ``--json`` prints it."""
        names = {"from": self.source, "to": self.target, "type": self.kind, "weight": self.weight}
        return {**names, "presence": self.presence, "direction": self.direction}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Edge:
        """The edge whose :meth:`to_dict` this is."""
        return cls(*(values[name] for name in ("from", "to", "type", "weight", "presence", "direction")))


@dataclass(frozen=True)
class EdgeSupport:
    """The rows that support an edge most.

    Attributes:
        source: As in the edge.
        target: As in the edge.
        rows: Id and strength of each row, the strongest first.
    """

    source: str
    target: str
    rows: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """The support as ``--json`` prints it."""
        clips = [{"id": name, "strength": strength} for name, strength in self.rows]
        return {"from": self.source, "to": self.target, "clips": clips}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EdgeSupport:
        """The support whose :meth:`to_dict` this is."""
        rows = tuple((row["id"], row["strength"]) for row in values["clips"])
        return cls(values["from"], values["to"], rows)


@dataclass(frozen=True)
class HalvesAgreement:
    """How far the graphs of two halves of the rows agree.

    Attributes:
        jaccard: Edges in both graphs over edges in either; mean over the splits.
        random: The same for random graphs with as many edges.
        edges: Mean number of edges in a half's graph.
        splits: Number of random splits; with 0 the other figures are NaN.
    """

    jaccard: float
    random: float
    edges: float
    splits: int

    def to_dict(self) -> dict[str, Any]:
        """The figures by their names."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HalvesAgreement:
        """The agreement whose :meth:`to_dict` this is; JSON stores NaN as null."""
        jaccard, random, edges = (
            float("nan") if values.get(name) is None else float(values[name]) for name in ("jaccard", "random", "edges")
        )
        return cls(jaccard, random, edges, values.get("splits") or 0)
