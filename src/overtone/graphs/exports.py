"""Files for other programs: GraphML, DOT, networkx."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from overtone.core import InputError
from overtone.core.files import json_text
from overtone.core.printable import printable
from overtone.graphs.edges import Edge

if TYPE_CHECKING:
    import networkx

_NUMBERS = ("weight", "presence", "direction")


def to_networkx(nodes: Iterable[str], edges: Iterable[Edge]) -> networkx.DiGraph:
    """See :meth:`overtone.graphs.Graph.to_networkx`."""
    try:
        import networkx
    except ImportError:
        raise InputError("networkx is not installed", fix="pip install networkx") from None
    made = networkx.DiGraph()
    made.add_nodes_from(nodes)
    for edge in edges:
        ends = [(edge.source, edge.target)] + [(edge.target, edge.source)] * (edge.kind == "undirected")
        made.add_edges_from(ends, **_attributes(edge))
    return made


def to_graphml(nodes: Iterable[str], edges: Iterable[Edge]) -> str:
    """A graph as GraphML; in names, characters that XML lacks are written out.

    All edges are arcs, because few readers take mixed graphs; ``type`` tells.
    """
    root = xml.Element("graphml", xmlns="http://graphml.graphdrawing.org/xmlns")
    for name in ("type", *_NUMBERS):
        kind = "string" if name == "type" else "double"
        xml.SubElement(root, "key", {"id": name, "for": "edge", "attr.name": name, "attr.type": kind})
    body = xml.SubElement(root, "graph", edgedefault="directed")
    for node in nodes:
        xml.SubElement(body, "node", id=printable(node, lines=False))
    for edge in edges:
        source, target = (printable(end, lines=False) for end in (edge.source, edge.target))
        arc = xml.SubElement(body, "edge", source=source, target=target)
        for name, value in _attributes(edge).items():
            xml.SubElement(arc, "data", key=name).text = str(value)
    xml.indent(root)
    return xml.tostring(root, encoding="unicode") + "\n"


def to_dot(nodes: Iterable[str], edges: Iterable[Edge]) -> str:
    """A graph in Graphviz' language; undirected edges have no arrowhead, heavy ones are thick."""
    lines = [f"  {_quoted(node)};" for node in nodes]
    for edge in edges:
        head = ", dir=none" if edge.kind == "undirected" else ""
        label = "" if edge.presence is None else f', label="{edge.presence:.2f}"'
        width = f"penwidth={0.5 + 3 * min(1.0, abs(edge.weight)):.2f}"
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [{width}{head}{label}];")
    return "\n".join(["digraph {", *lines, "}"]) + "\n"


def _quoted(name: str) -> str:
    """A name as Graphviz reads it."""
    return json_text(printable(name, lines=False))


def _attributes(edge: Edge) -> dict[str, Any]:
    """What is written on an edge; numbers that do not exist are left out."""
    numbers = {name: getattr(edge, name) for name in _NUMBERS if getattr(edge, name) is not None}
    return {"type": edge.kind, **numbers}
