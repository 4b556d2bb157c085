"""The picture of a graph: places for its nodes, curves with arrowheads for its edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overtone.graphs import Edge, Graph
from overtone.plots.colours import FIRST, QUIET, SECOND
from overtone.report.figures import Amount, Figure, label, points, rounded
from overtone.report.words import number, percent

Floats = NDArray[np.float64]

_WIDTHS = (0.1, 0.3, 0.6)  # weights at which lines become thicker
_MOST_NAMES = 120  # nodes up to which names are written beside them; the others say theirs when pointed at
_LONGEST = 24  # letters of a name
_POINTS = 25  # of a curve
_HEAD = 20  # the point at which an arrowhead lies: off the node, where heads of several edges stay apart
_ROW, _WHOLE = 27, 760  # pixels between two names in a column, and of a circle


_MOST_AT_FIRST, _AT_FIRST = 60, 40
"""Edges up to which all are drawn; and how many are, of more, before the reader asks for others."""


class _Layout(NamedTuple):
    """Where everything lies."""

    places: Floats  # (p, 2) of the nodes
    bends: Floats  # (m, 2) what the middles of the curves are pulled to
    names: list[dict[str, Any]]  # beside the nodes, as Plotly annotations
    axes: dict[str, Any]  # ranges and scale
    height: int  # pixels


def network(graph: Graph, edges: Sequence[Edge]) -> Figure:
    """The picture of a graph with some of its edges.

    Nodes of two modalities with the same classes face each other, class by class; all others lie on a circle. There is
    a trace of curves per kind, sign and width of edges; heads of the directed ones; middles and nodes, which say what
    they are when pointed at.
    """
    at = {name: place for place, name in enumerate(graph.nodes)}
    ends = np.array([(at[edge.source], at[edge.target]) for edge in edges])
    chosen = _facing(graph.nodes, ends) or _around(graph.nodes, ends)
    from_, to, share = chosen.places[ends[:, 0]], chosen.places[ends[:, 1]], np.linspace(0, 1, _POINTS)[:, None, None]
    # quadratic: (points, m, 2)
    curves: Floats = (1 - share) ** 2 * from_ + 2 * share * (1 - share) * chosen.bends + share**2 * to
    weights, order = np.array([edge.weight for edge in edges]), np.arange(len(edges))
    widths, directed = np.digitize(np.abs(weights), _WIDTHS), np.array([edge.kind == "directed" for edge in edges])
    kinds = product((False, True), (False, True), range(len(_WIDTHS) + 1))
    traces = [
        _ordered(
            _lines(curves[:, group], 0.9 + 1.1 * width, FIRST if way else SECOND, "dot" if negative else "solid"),
            np.repeat(order[group], _POINTS + 1),
        )
        for way, negative, width in kinds
        if (group := (directed == way) & ((weights < 0) == negative) & (widths == width)).any()
    ]
    traces.append(_ordered(_heads(curves[:, directed], 13 + 2 * widths[directed], chosen), order[directed]))
    middles = _dots(curves[_POINTS // 2], 11, "rgba(0,0,0,0)", [_said(edge) for edge in edges])
    traces.append(_ordered(middles, order))
    traces.append(_dots(chosen.places, 9, QUIET, [label(node, _LONGEST) for node in graph.nodes]))
    layout = {
        **chosen.axes,
        "showlegend": False,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "annotations": chosen.names if len(graph.nodes) <= _MOST_NAMES else [],
    }
    alt = f"Graph of {len(graph.nodes)} nodes with {len(edges)} edges"
    amount: Amount | None = None
    if len(edges) > _MOST_AT_FIRST:
        amount = {"name": "edges", "total": len(edges), "shown": _AT_FIRST}
    return Figure(traces, alt, layout, height=chosen.height, amount=amount)


def _facing(nodes: Sequence[str], ends: NDArray[np.int64]) -> _Layout | None:
    """Two columns, one per modality, class by class; None where the nodes are not classes of two modalities."""
    parted = [node.partition(":") for node in nodes]
    modalities = list(dict.fromkeys(before for before, _, _ in parted))
    classes = [[after for before, _, after in parted if before == one] for one in modalities]
    if len(modalities) != 2 or not all(colon for _, colon, _ in parted) or classes[0] != classes[1]:
        return None
    count = len(classes[0])
    left = np.array([before == modalities[0] for before, _, _ in parted])
    row = np.array([classes[0].index(after) for _, _, after in parted])
    places = np.column_stack([np.where(left, 0.0, 1.0), -row.astype(float)])
    from_, to = places[ends[:, 0]], places[ends[:, 1]]
    # curves within a modality bow into the space between the columns, the farther the longer they are
    reach = 0.12 + 0.5 * np.abs(from_[:, 1] - to[:, 1]) / max(1, count - 1)
    inwards = np.where(from_[:, 0] == 0, 2 * reach, 1 - 2 * reach)
    bends = 0.5 * (from_ + to)
    bends[:, 0] = np.where(from_[:, 0] == to[:, 0], inwards, 0.5)
    names = [
        _beside(label(after, _LONGEST), place, on_left) for (_, _, after), place, on_left in zip(parted, places, left)
    ]
    titles = [
        _beside(f"<b>{label(one, _LONGEST)}</b>", np.array([float(x), 1.2]), x == 0) for x, one in enumerate(modalities)
    ]
    hidden = {"visible": False, "fixedrange": True}
    axes = {"xaxis": {**hidden, "range": [-0.45, 1.45]}, "yaxis": {**hidden, "range": [0.5 - count, 1.8]}}
    return _Layout(places, bends, [*names, *titles], axes, _ROW * (count + 2))


def _beside(name: str, place: Floats, on_left: bool) -> dict[str, Any]:
    """A name on the outer side of a column."""
    side = {"xanchor": "right", "xshift": -10} if on_left else {"xanchor": "left", "xshift": 10}
    return {"x": float(place[0]), "y": float(place[1]), "text": name, "showarrow": False, "font": {"size": 13}, **side}


def _around(nodes: Sequence[str], ends: NDArray[np.int64]) -> _Layout:
    """A place for each node on the unit circle, in their order, from the top clockwise."""
    angle = 2 * np.pi * np.arange(len(nodes)) / max(1, len(nodes))
    places = np.column_stack([np.sin(angle), np.cos(angle)])
    bends = 0.35 * (places[ends[:, 0]] + places[ends[:, 1]])  # towards the middle, so that neighbours' stay apart
    hidden = {"visible": False, "range": [-1.55, 1.55]}
    axes = {"xaxis": hidden, "yaxis": {**hidden, "scaleanchor": "x"}}
    names = [_outside(label(node, _LONGEST), place) for node, place in zip(nodes, places)]
    return _Layout(places, bends, names, axes, _WHOLE)


def _outside(name: str, place: Floats) -> dict[str, Any]:
    """A name outside the circle, turned so that it reads outwards; its near end lies beside the node."""
    angle = float(np.degrees(np.arctan2(place[1], place[0])))
    upside_down = abs(angle) > 90
    away = 1.05 + 0.011 * len(name)  # Plotly turns a text around its middle
    turned = {"textangle": round(-(angle + 180 if upside_down else angle), 1), "showarrow": False, "font": {"size": 12}}
    return {"x": round(away * place[0], 4), "y": round(away * place[1], 4), "text": name, **turned}


def _lines(curves: Floats, width: float, colour: str, dash: str) -> dict[str, Any]:
    """Curves (points, lines, 2) as one trace, with gaps between them."""
    gap = np.full((1, curves.shape[1], 2), np.nan)
    x, y = np.concatenate([curves, gap]).transpose(2, 1, 0).reshape(2, -1)
    line = {"width": round(width, 2), "color": colour, "dash": dash}
    return points(rounded(x), rounded(y), None, mode="lines", line=line, opacity=0.65)


def _heads(curves: Floats, sizes: NDArray[np.int64], chosen: _Layout) -> dict[str, Any]:
    """Arrowheads towards the ends of curves (points, lines, 2), turned as the curve is on the screen."""
    trace = _dots(curves[_HEAD], 9, FIRST, None)
    x, y = np.moveaxis(curves[_HEAD + 1] - curves[_HEAD - 1], -1, 0)
    spans = [abs(np.subtract(*chosen.axes[axis]["range"])) for axis in ("xaxis", "yaxis")]
    wide, high = (_WHOLE, _WHOLE) if "scaleanchor" in chosen.axes["yaxis"] else (_WHOLE, chosen.height)
    angle = np.degrees(np.arctan2(x / spans[0] * wide, y / spans[1] * high))  # clockwise from upwards
    trace["marker"] |= {"symbol": "arrow", "angle": rounded(angle), "size": sizes.tolist()}
    return trace


def _ordered(trace: dict[str, Any], order: NDArray[np.int64]) -> dict[str, Any]:
    """A trace whose points know the place of their edge, so that a slider can take the weakest away."""
    return {**trace, "meta": {"order": order.tolist()}}


def _dots(places: Floats, size: int, colour: str, texts: list[str] | None) -> dict[str, Any]:
    """Points, with a text when pointed at."""
    said: dict[str, Any] = {} if texts is None else {"text": texts}
    hover, (x, y) = None if texts is None else "%{text}<extra></extra>", places.T
    return points(rounded(x), rounded(y), hover, marker={"size": size, "color": colour}, **said)


def _said(edge: Edge) -> str:
    """An edge in words, as the picture shows it."""
    arrow = "→" if edge.kind == "directed" else "–"
    often = "" if edge.presence is None else f"<br>in {percent(edge.presence)} of the resamples"
    return f"{label(edge.source)} {arrow} {label(edge.target)}<br>weight {number(edge.weight)}{often}"
