"""The figures of a run's report: the mAP beside chance, curves, bars and the map of both modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from overtone.plots.colours import FIRST, SECOND
from overtone.report.figures import LEGEND, Figure, bars, label, points, rounded, steady_axis, vertical, whole_ticks
from overtone.report.maps import Ints
from overtone.report.markup import Markup, el
from overtone.report.palette import class_colour
from overtone.report.run_result import RunResult
from overtone.report.words import number

SYMBOLS = ("circle", "diamond-open")
"""Of the first and of the second modality: told apart without colour."""


def scale(result: RunResult) -> Markup | None:
    """Mean test mAP and its interval on a line from 0 to 1, beside chance; None without a mAP."""
    score, chance = result.scores.get("map"), result.chance
    if score is None or score.mean is None or chance is None:
        return None
    low, high = score.ci95 or (score.mean, score.mean)
    places = [
        el("line", x1="0%", x2="100%", y1=26, y2=26, class_="track"),
        el("line", x1=_at(low), x2=_at(high), y1=26, y2=26, class_="range"),
        el("line", x1=_at(chance), x2=_at(chance), y1=16, y2=36, class_="chance"),
        el("circle", cx=_at(score.mean), cy=26, r=7, class_="dot"),
        el("text", "0", x="0%", y=54, text_anchor="start"),
        el("text", "1", x="100%", y=54, text_anchor="end"),
        el("text", f"chance {number(chance)}", x=_at(chance), y=70, text_anchor=_anchor(chance)),
        el("text", f"mAP {number(score.mean)}", x=_at(score.mean), y=10, text_anchor=_anchor(score.mean)),
    ]
    label = f"mAP {number(score.mean)}, by chance {number(chance)}"
    return el("svg", places, class_="scale", role="img", aria_label=label)


def _at(value: float) -> str:
    return f"{100 * min(1.0, max(0.0, value)):.1f}%"


def _anchor(value: float) -> str:
    """Where a text stands at its place, so that none is cut off on the narrowest screen."""
    return "start" if value < 0.12 else "end" if value > 0.88 else "middle"


def curve(name: str, epochs: Sequence[int], values: Sequence[float | None], chosen: int | None, last: int) -> Figure:
    """One quantity over the epochs up to the last one, with a dotted line at the chosen epoch."""
    y, mode = rounded(np.array(values, dtype=float)), "lines" if len(epochs) > 1 else "markers"
    colour = {"color": FIRST, "width": 2}
    line = points(list(epochs), y, "epoch %{x}: %{y}<extra></extra>", mode=mode, line=colour)
    upright = {"automargin": True, **steady_axis(y)}
    layout: dict[str, Any] = {"margin": {"l": 52, "r": 10, "t": 8, "b": 26}, "yaxis": upright}
    if last > 1:
        layout["xaxis"] = {"range": [1, last], **whole_ticks(last)}
    if chosen is not None:
        layout["shapes"] = [vertical(chosen)]
    return Figure([line], f"{name} over {len(epochs)} epochs", layout, height=170)


def class_bars(names: Sequence[str], groups: Mapping[str, Sequence[float]]) -> Figure:
    """The mAP of each class: two lying bars, one per direction."""
    layout = {
        "barmode": "group",
        "bargap": 0.32,
        "bargroupgap": 0.08,
        "xaxis": {"title": {"text": "mAP"}, "rangemode": "tozero"},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
        "legend": {**LEGEND, "y": 1.01, "traceorder": "normal"},
        "margin": {"l": 20, "r": 20, "t": 34, "b": 46},
    }
    traces = bars([label(name) for name in names], groups, "%{y}: %{x}")
    return Figure(traces, f"mAP of {len(names)} classes in both directions", layout, height=110 + 30 * len(names))


def rank_bars(bins: Sequence[str], groups: Mapping[str, Sequence[float]]) -> Figure:
    """Shares of the queries per bin of ranks of the true counterpart, in both directions and by chance."""
    layout = {
        "barmode": "group",
        "bargap": 0.25,
        "xaxis": {"title": {"text": "rank of the true counterpart"}, "type": "category", "automargin": True},
        "yaxis": {"title": {"text": "share of the queries"}, "tickformat": ".0%", "rangemode": "tozero"},
        "legend": LEGEND,
        "margin": {"l": 60, "r": 10, "t": 34, "b": 46},
    }
    traces = bars(bins, groups, "rank %{x}: %{y:.1%} of the queries", upright=True)
    alt = "Histogram of the rank of the true counterpart in both directions"
    return Figure(traces, alt, layout, height=320)


def coloured_classes(result: RunResult, rows: Ints) -> list[int]:
    """The class each row is coloured by: its strongest, -1 for none."""
    found: list[int] = result.strongest[rows].tolist()
    return found


def pair_map(result: RunResult, rows: Ints, maps: Mapping[str, Any]) -> Figure:
    """Both modalities' embeddings on one map, for each way to make it; the halves of a pair are joined on pointing.

    Args:
        result: The run's result.
        rows: The m test rows that are shown.
        maps: Name of a view to (2m, 2) places, first modality first.
    """
    classes = np.array(coloured_classes(result, rows))
    present = sorted(set(classes.tolist()))
    # A trace holds all first halves of its class, then all second halves: the page joins point i with point i + n/2.
    members = [np.flatnonzero(classes == number) for number in present]
    members = [np.concatenate([some, some + len(rows)]) for some in members]
    views = {
        name: {axis: [rounded(places[some, at]) for some in members] for at, axis in enumerate("xy")}
        for name, places in maps.items()
    }
    first = next(iter(views.values()))
    traces = [
        _pairs(result, rows[some[: len(some) // 2]], number, first["x"][at], first["y"][at])
        for at, (number, some) in enumerate(zip(present, members))
    ]
    axis = {"showticklabels": False, "zeroline": False, "title": {"text": ""}}
    legend = {"itemsizing": "constant", "itemclick": "toggle", "itemdoubleclick": "toggleothers"}
    layout = {
        "xaxis": axis,
        "yaxis": axis,
        "showlegend": len(present) > 1,
        "legend": {**legend, "orientation": "h", "y": -0.02},
        "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
    }
    alt = f"Map of {2 * len(rows)} embeddings of {result.test.names[0]} and {result.test.names[1]}"
    return Figure(traces, alt, layout, height=580 + 5 * len(present), views=views if len(views) > 1 else {}, pairs=True)


def _pairs(result: RunResult, rows: Ints, number: int, x: Sequence[object], y: Sequence[object]) -> dict[str, Any]:
    """Both halves of the pairs of one class (-1: of no class)."""
    texts = [f"{label(result.test.ids[row])}<br>{label(result.labels[row])}" for row in rows]
    (first, second), half = result.test.names, len(rows)
    marker = {
        "size": 6,
        "color": class_colour(number) if number >= 0 else [FIRST] * half + [SECOND] * half,
        "symbol": [SYMBOLS[0]] * half + [SYMBOLS[1]] * half,
        "opacity": 0.8,
    }
    name = label(result.test.class_names[number] if number >= 0 else "no class", 24)
    said: dict[str, Any] = {"text": texts * 2, "customdata": [first] * half + [second] * half}
    return points(x, y, "%{text}<extra>%{customdata}</extra>", name=name, marker=marker, **said)
