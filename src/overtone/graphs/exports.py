"""Graphs for other programs: JSON, GraphML, DOT, numpy, networkx."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core import InputError
from overtone.core.files import atomic_path, json_text, write_text
from overtone.graphs.graph import Edge, Graph

NUMBERS = ("weight", "presence", "direction")
Writer = Callable[[Graph, Path], None]


def to_networkx(graph: Graph) -> Any:
    """See :meth:`overtone.graphs.Graph.to_networkx`."""
    try:
        import networkx
    except ImportError:
        raise InputError("networkx is not installed", fix="pip install networkx") from None
    made = networkx.DiGraph()
    made.add_nodes_from(graph.nodes)
    for edge in graph.edges:
        ends = [(edge.source, edge.target)] + [(edge.target, edge.source)] * (edge.kind == "undirected")
        made.add_edges_from(ends, **attributes(edge))
    return made


def attributes(edge: Edge) -> dict[str, Any]:
    """What is written on an edge; numbers that do not exist are left out."""
    numbers = {name: getattr(edge, name) for name in NUMBERS if getattr(edge, name) is not None}
    return {"type": edge.kind, **numbers}


def graphml(graph: Graph) -> str:
    """The graph as GraphML. All edges are written as arcs, because few readers take mixed graphs; ``type`` tells."""
    root = xml.Element("graphml", xmlns="http://graphml.graphdrawing.org/xmlns")
    for name in ("type", *NUMBERS):
        kind = "string" if name == "type" else "double"
        xml.SubElement(root, "key", {"id": name, "for": "edge", "attr.name": name, "attr.type": kind})
    body = xml.SubElement(root, "graph", edgedefault="directed")
    for node in graph.nodes:
        xml.SubElement(body, "node", id=node)
    for edge in graph.edges:
        arc = xml.SubElement(body, "edge", source=edge.source, target=edge.target)
        for name, value in attributes(edge).items():
            xml.SubElement(arc, "data", key=name).text = str(value)
    xml.indent(root)
    return xml.tostring(root, encoding="unicode") + "\n"


def dot(graph: Graph) -> str:
    """The graph in Graphviz' language; undirected edges have no head, thick ones are heavy."""
    lines = [f"  {quoted(node)};" for node in graph.nodes]
    for edge in graph.edges:
        head = ", dir=none" if edge.kind == "undirected" else ""
        label = "" if edge.presence is None else f', label="{edge.presence:.2f}"'
        width = f"penwidth={0.5 + 3 * min(1.0, abs(edge.weight)):.2f}"
        lines.append(f"  {quoted(edge.source)} -> {quoted(edge.target)} [{width}{head}{label}];")
    return "\n".join(["digraph {", *lines, "}"]) + "\n"


def quoted(name: str) -> str:
    """A name as Graphviz takes it, whatever is in it.

    Example:
        >>> print(quoted('say "hi"'))
        "say \\"hi\\""
    """
    return json_text(name)


def write_npz(graph: Graph, path: Path) -> None:
    """Write the matrices as numpy arrays."""
    arrays = {"nodes": np.array(graph.nodes), "directed": graph.directed, "undirected": graph.undirected}
    arrays |= {"weights": graph.weights, "dag": graph.dag, "order": np.array(graph.order)}
    arrays |= {name: getattr(graph, name) for name in ("presence", "direction") if getattr(graph, name) is not None}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


WRITERS: dict[str, Writer] = {
    ".json": lambda graph, path: graph.write_json(path),
    ".graphml": lambda graph, path: write_text(path, graphml(graph)),
    ".dot": lambda graph, path: write_text(path, dot(graph)),
    ".gv": lambda graph, path: write_text(path, dot(graph)),
    ".npz": write_npz,
}
"""How to write a graph, by the suffix of the file."""


def writer(path: Path) -> Writer:
    """How to write a graph to this file.

    Raises:
        InputError: No format has that suffix.
    """
    if path.suffix.lower() not in WRITERS:
        raise InputError(f"{path}: unknown kind of graph file", got=repr(path.suffix), valid=", ".join(WRITERS))
    return WRITERS[path.suffix.lower()]
