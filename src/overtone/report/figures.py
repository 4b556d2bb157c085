"""Figures as plain Plotly dictionaries: what is drawn is data; the page's script adds the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from overtone.plots.colours import FIRST, QUIET, SECOND

_LONGEST_TICK = 20  # letters of a name beside the cells of a matrix
_SHORT = 8  # epochs up to which an axis has a tick for each
ROOM_FOR_NUMBERS = 12
"""Columns of a matrix up to which numbers fit into its cells."""
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
"""A legend above the figure, in one row."""


class Amount(TypedDict):
    """How many of some things in an order are drawn."""

    name: str
    total: int
    shown: int


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        data: Plotly traces.
        layout: Plotly layout, without colours of the page (its script adds them).
        alt: What the figure shows, for readers who do not see it.
        height: Height in pixels; the width is the page's.
        views: Other places of the same points, by the name of the button that moves them there: Plotly restyles, and
            under ``"layout"`` what else changes. Figures in one element of class ``together`` share their buttons.
        amount: What comes in an order, how much of it there is, and how much is drawn at first; a slider changes
            it. The ``meta`` of a trace then holds ``order``, the number of each point in it.
        pairs: Whether each trace holds first halves of pairs, then second halves, to be joined when pointed at.
    """

    data: list[dict[str, Any]]
    alt: str
    layout: dict[str, Any] = field(default_factory=dict)
    height: int = 340
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: bool = False
    amount: Amount | None = None


def label(text: object, longest: int = 36) -> str:
    """Text as Plotly may show it: its pseudo-HTML made harmless, the middle of a long one left out.

    Example:
        >>> label("<b>x</b>"), label("a" * 50, longest=9)
        ('&lt;b&gt;x&lt;/b&gt;', 'aaaa…aaaa')
    """
    plain = str(text)
    if len(plain) > longest:
        kept = longest // 2
        plain = f"{plain[:kept]}…{plain[-kept:]}"
    return escape(plain, quote=False)


def rounded(values: ArrayLike, digits: int = 4) -> list[Any]:
    """Nested lists of floats with ``digits`` significant digits, which is finer than a screen; no number becomes None.

    Example:
        >>> rounded([0.123456, 12345.678, float("nan")])
        [0.1235, 12350.0, None]
    """

    array = np.asarray(values, dtype=float)
    if array.ndim > 1:
        return [rounded(row, digits) for row in array]
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in array.tolist()]


def points(
    x: Sequence[object], y: Sequence[object], hover: str | None, *, mode: str = "markers", **more: object
) -> dict[str, Any]:
    """A trace of points or of a line; ``hover`` is what a point says when pointed at, None makes it say nothing."""
    said = {"hoverinfo": "skip"} if hover is None else {"hovertemplate": hover}
    return {"type": "scatter", "mode": mode, "x": x, "y": y, **said, **more}


def steady_axis(values: Sequence[float]) -> dict[str, Any]:
    """Range and tick of an axis on which all values are one number; empty where they are not.

    Plotly shows one unit to either side of such a number, and writes a small one, such as a learning rate, as 0.

    Example:
        >>> steady_axis([0.002, 0.002])
        {'range': [0.001, 0.003], 'tickvals': [0.002], 'ticktext': ['0.002']}
    """
    shown = set(rounded(values)) - {None}
    if len(shown) != 1 or not (value := shown.pop()):
        return {}
    return {"range": rounded(sorted([value / 2, 1.5 * value])), "tickvals": [value], "ticktext": [f"{value:g}"]}


def whole_ticks(last: float) -> dict[str, Any]:
    """Ticks of an axis of epochs or updates, which has no halves even where it is short.

    Example:
        >>> whole_ticks(3), whole_ticks(200)
        ({'dtick': 1}, {})
    """
    return {"dtick": 1} if last <= _SHORT else {}


def row_axis(names: Sequence[str]) -> dict[str, Any]:
    """A vertical axis with a name at each row, top to bottom."""
    ticks = {"tickvals": list(range(len(names))), "ticktext": [label(name) for name in names]}
    return {"range": [len(names) - 0.5, -0.5], **ticks, "automargin": True, "zeroline": False}


def error_bars(
    values: Sequence[float], intervals: Sequence[tuple[float, float]], colour: str, *, thickness: float, width: int
) -> dict[str, Any]:
    """From each value to both ends of its interval."""
    above = rounded([high - value for (_, high), value in zip(intervals, values)])
    below = rounded([value - low for (low, _), value in zip(intervals, values)])
    ends = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    return {**ends, "color": colour, "thickness": thickness, "width": width}


def whiskers(
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float] | None],
    dots: Sequence[Sequence[float]],
    *,
    axis: str,
    reference: float | None = None,
    alt: str,
) -> Figure:
    """A dot with its interval per row, the single measurements as small dots, and a dotted line to compare with.

    Args:
        names: One per row, top to bottom.
        values: Where the dots lie, on the horizontal axis.
        intervals: ``(low, high)`` per row, or None.
        dots: Single measurements per row (one a seed), may be empty.
        axis: What the horizontal axis shows.
        reference: Where the dotted line stands (chance, or zero).
        alt: What the figure shows.
    """
    spans = [interval or (value, value) for interval, value in zip(intervals, values)]
    singles = [(row, dot) for row, several in enumerate(dots) for dot in several]
    shown = [label(name) for name in names]
    traces = [
        points(
            rounded(values), list(range(len(names))), "%{text}: %{x}<extra></extra>",
            name="mean, 95 % interval", text=shown, marker={"color": FIRST, "size": 11},
            error_x=error_bars(values, spans, FIRST, thickness=2, width=5),
        )
    ]  # fmt: skip
    if singles:
        below = [row + 0.25 for row, _ in singles]  # the whisker would hide them
        traces.append(
            points(
                rounded([dot for _, dot in singles]), below, "%{text}, one seed: %{x}<extra></extra>",
                name="one seed", text=[shown[row] for row, _ in singles],
                marker={"color": QUIET, "size": 7, "opacity": 0.8},
            )
        )  # fmt: skip
    seen = [*(end for span in spans for end in span), *(dot for _, dot in singles)]
    seen += [] if reference is None else [reference]
    low, high = min(seen), max(seen)
    room = 0.04 * ((high - low) or 1)
    layout = {
        "xaxis": {"title": {"text": axis}, "range": rounded([low - room, high + room]), "zeroline": False},
        "yaxis": row_axis(names),
        "showlegend": bool(singles),
        "legend": LEGEND,
        "shapes": [] if reference is None else [vertical(reference)],
        "margin": {"l": 20, "r": 20, "t": 34, "b": 46},
    }
    return Figure(traces, alt, layout, height=110 + 40 * len(names))


def bars(
    places: Sequence[str], groups: Mapping[str, Sequence[float]], hover: str, *, upright: bool = False
) -> list[dict[str, Any]]:
    """Traces of one bar per place and group (a direction each, and chance), lying unless they are to be upright."""
    length, place, lying = ("y", "x", {}) if upright else ("x", "y", {"orientation": "h"})
    return [
        {
            "type": "bar", **lying, "name": label(group), length: rounded(values), place: list(places),
            "marker": {"color": colour}, "hovertemplate": f"{hover}<extra>{label(group)}</extra>",
        }
        for (group, values), colour in zip(groups.items(), (FIRST, SECOND, QUIET))
    ]  # fmt: skip


def heat(
    rows: Sequence[str],
    columns: Sequence[str],
    values: ArrayLike,
    *,
    titles: tuple[str, str] = ("", ""),
    alt: str,
) -> Figure:
    """A matrix of shares in [0, 1] in one hue; the page's script writes numbers into cells that have room for them."""
    shares, numbers = np.asarray(values, dtype=float), len(columns) <= ROOM_FOR_NUMBERS
    trace: dict[str, Any] = {
        "type": "heatmap",
        "z": rounded(shares, 3),
        "x": _unique([label(column, _LONGEST_TICK) for column in columns]),
        "y": _unique([label(row, _LONGEST_TICK) for row in rows]),
        "zmin": 0,
        "zmax": max(1e-9, float(np.nanmax(shares))) if shares.size else 1,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 10, "outlinewidth": 0},
        "showscale": not numbers,
        "hovertemplate": "%{y}<br>%{x}<br>%{z:.3f}<extra></extra>",
        "meta": {"numbers": numbers},
    }
    shared = {"type": "category", "automargin": True, "showgrid": False, "tickmode": "linear", "tickfont": {"size": 12}}
    layout = {
        "xaxis": {"title": {"text": titles[1]}, "range": [-0.5, len(columns) - 0.5], **shared},
        "yaxis": {"title": {"text": titles[0]}, "range": [len(rows) - 0.5, -0.5], **shared},
        "margin": {"l": 20, "r": 10, "t": 30, "b": 30},
    }
    # Names that have no room side by side are turned upright, and need their own length below the cells.
    below = 7 * max((len(name) for name in trace["x"]), default=0)
    return Figure([trace], alt, layout, height=90 + below + (30 if numbers else 21) * len(shares))


def vertical(at: float) -> dict[str, Any]:
    """A dotted line over the whole height at one place of the horizontal axis."""
    line = {"color": QUIET, "width": 1.5, "dash": "dot"}
    return {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": line}


def _unique(names: Sequence[str]) -> list[str]:
    """Names made different by trailing spaces nobody sees; a category axis would merge equal ones.

    Example:
        >>> _unique(["a", "b", "a"])
        ['a', 'b', 'a\\u200b']
    """
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        result.append(name + "\u200b" * seen[name])
    return result
