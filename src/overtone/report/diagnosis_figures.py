"""How a diagnosis is drawn: figures with all losses in them, and their styles, which the key of the page explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from overtone.experiments import FROZEN, Curve, Diagnosis, Measured
from overtone.plots.colours import QUIET
from overtone.report import figures
from overtone.report.figures import Figure, label, rounded
from overtone.report.palette import Style, faded, group, loss_styles

REFERENCES = (Style(QUIET, "2px 3px", "circle-open"), Style(QUIET, "7px 3px", "square-open"))
"""How they are drawn: in one space, or the first and the second modality."""
_DECADES = 0.75  # from this spread on, in powers of ten, the values of a figure are drawn on a logarithmic axis
_MOST_SYMBOLS = 12  # points of a line that get a symbol; more would hide the dashes
MARGIN = {"l": 52, "r": 12, "t": 8, "b": 44}


def styles_of(diagnosis: Diagnosis) -> dict[str, Style]:
    """How each loss is drawn, and the frozen features beside them."""
    frozen = [name for name in diagnosis.spaces() if name not in diagnosis.losses]
    return {**loss_styles(sorted(diagnosis.losses)), **dict(zip(frozen, cycle(REFERENCES)))}


def lines(
    curves: Mapping[str, Curve],
    styles: Mapping[str, Style],
    *,
    places: str,
    sizes: bool,
    reference: float | None = None,
    alt: str,
) -> Figure:
    """One quantity over the training, a line a loss; buttons turn the horizontal axis logarithmic.

    The horizontal axis shows ``places``. With ``sizes`` the vertical one is logarithmic, if the values differ by more
    than a few times. The ``reference`` is the value of the frozen features, a line across; it is left out where it is
    so far off that it would press the curves together.
    """
    drawn = {name: curve for name, curve in curves.items() if curve.at}
    every = [place for curve in drawn.values() for place in curve.at]
    reached = [value for curve in drawn.values() for value in curve.values]
    room = (max(reached) - min(reached)) / 2 if reached else 0.0
    if reference is not None and reached and min(reached) - room <= reference <= max(reached) + room:
        drawn[FROZEN] = Curve((min(every), max(every)), (reference, reference))
    positive = [place for place in every if place > 0]
    # Before the first update lies at zero, which a logarithmic axis does not have: half of the first place instead.
    least = min(positive, default=1) / 2
    later = [rounded(np.maximum(curve.at, least)) for curve in drawn.values()]
    even = [rounded(curve.at) for curve in drawn.values()]
    short = figures.whole_ticks(max(every, default=0))
    layout = {
        "xaxis": {"title": {"text": places}, "type": "linear", "rangemode": "tozero", **short},
        "yaxis": _scale(reached) if sizes else figures.steady_axis(reached),
        "showlegend": False,
        "margin": MARGIN,
    }
    views = {
        "even steps": {
            "x": even,
            "layout": _along("x", {"type": "linear", "tickmode": "linear" if short else "auto", **short}),
        },
        "logarithmic steps": {"x": later, "layout": _along("x", _logarithmic(least, max(positive, default=1)))},
    }
    traces = [_line(name, curve, styles[name], places) for name, curve in drawn.items()]
    return Figure(traces, alt, layout, height=280, views=views if len(set(positive)) > 2 else {})


def _line(name: str, curve: Curve, style: Style, places: str) -> dict[str, Any]:
    reference = name == FROZEN
    mode = "lines" if reference else "lines+markers" if len(curve.at) > 1 else "markers"
    line = {"color": style.colour, "width": 1.5 if reference else 2, "dash": style.dash or "solid"}
    marker = {"symbol": style.symbol, "size": 7, "maxdisplayed": _MOST_SYMBOLS}
    hover = f"%{{y:.4~g}}, {label(places)} %{{x:,}}"
    return _of_loss(name, style, rounded(curve.at), rounded(curve.values), hover, marker, mode=mode, line=line)


def plane(
    points: Mapping[str, tuple[Measured, Measured]], styles: Mapping[str, Style], *, axes: tuple[str, str], alt: str
) -> Figure:
    """The horizontal and the vertical quantity of each loss: a point with its name and the intervals of both."""
    hover = "<br>".join(f"{label(title)} %{{{axis}:.4~g}}" for title, axis in zip(axes, "xy"))
    named, traces = {"mode": "markers+text", "textposition": "middle right", "cliponaxis": False}, []
    for name, (across, up) in points.items():
        style = styles[name]
        x, y = (rounded(np.array([one.mean], dtype=float)) for one in (across, up))
        ends = {"error_x": _whisker(across, style), "error_y": _whisker(up, style), "text": [f" {label(name)}"]}
        traces.append(_of_loss(name, style, x, y, hover, {"symbol": style.symbol, "size": 12}, **named, **ends))
    reached = [end for across, _ in points.values() for end in (across.mean, *(across.ci95 or ())) if end is not None]
    layout = {
        "xaxis": {"title": {"text": axes[0]}, **_scale(reached)},
        "yaxis": {"title": {"text": axes[1]}, "zeroline": False, "automargin": True},
        "showlegend": False,
        "margin": {**MARGIN, "l": 60, "r": 80, "t": 24},
    }
    return Figure(traces, alt, layout, height=360)


def strips(rows: Mapping[str, Mapping[str, float]], styles: Mapping[str, Style], *, axis: str, alt: str) -> Figure:
    """A row a loss and a stroke a class, from loss to class to value: how wide, and how alike, the classes are."""
    traces = []
    for at, (name, values) in enumerate(rows.items()):
        marker = {"symbol": "line-ns", "size": 16, "line": {"width": 2, "color": styles[name].colour}}
        x, text = rounded(list(values.values())), [label(one) for one in values]
        traces.append(_of_loss(name, styles[name], x, [at] * len(values), "%{text}: %{x:.4~g}", marker, text=text))
    every = [value for values in rows.values() for value in values.values()]
    return Figure(traces, alt, _in_rows(list(rows), axis, every), height=80 + 34 * len(rows))


def dots(
    names: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    styles: Mapping[str, Style],
    *,
    axis: str,
    alt: str,
) -> Figure:
    """A row a name, top to bottom, and a point a loss in it: loss to one value per row, None where there is none."""
    shown, y = [label(name) for name in names], list(range(len(names)))
    traces = []
    for loss, several in values.items():
        marker = {"symbol": styles[loss].symbol, "size": 9, "opacity": 0.9}
        x = rounded(np.array(several, dtype=float))
        traces.append(_of_loss(loss, styles[loss], x, y, "%{text}: %{x:.4~g}", marker, text=shown))
    every = [value for several in values.values() for value in several if value is not None]
    return Figure(traces, alt, _in_rows(names, axis, every), height=80 + 26 * len(names))


def _of_loss(
    name: str,
    style: Style,
    x: Sequence[object],
    y: Sequence[object],
    hover: str,
    marker: dict[str, Any],
    **more: Any,
) -> dict[str, Any]:
    """The trace of a loss: in its colour, and tied to its button in the key."""
    shared: dict[str, Any] = {
        "name": label(name),
        "legendgroup": group("loss", name),
        "marker": {"color": style.colour, **marker},
    }
    return figures.points(x, y, f"{hover}<extra>{label(name)}</extra>", **shared, **more)


def _in_rows(names: Sequence[str], axis: str, values: Sequence[float]) -> dict[str, Any]:
    """The layout of a figure with a name at each row."""
    across, margin = {"title": {"text": axis}, **_scale(values)}, {**MARGIN, "l": 20}
    return {"xaxis": across, "yaxis": figures.row_axis(names), "showlegend": False, "margin": margin}


def _scale(values: Sequence[float]) -> dict[str, Any]:
    """Logarithmic where positive values span more than a few sizes, which a linear axis would press together."""
    if values and min(values) > 0 and np.log10(max(values) / min(values)) > _DECADES:
        return _logarithmic(min(values), max(values))
    return {"type": "linear", **figures.steady_axis(values)}


def _logarithmic(low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis with a few whole numbers on it, where Plotly writes many digits without their place."""
    first, last = int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 1
    steps = (1, 2, 5) if np.log10(high / low) < 2.5 else (1,)
    ticks = [float(f"{step}e{size}") for size in range(first, last + 1) for step in steps]
    return {"type": "log", "tickmode": "array", "tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}


def _along(axis: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of an axis as Plotly's relayout takes them."""
    return {f"{axis}axis.{name}": value for name, value in {**changes, "autorange": True}.items()}


def _whisker(one: Measured, style: Style) -> dict[str, Any] | None:
    if one.ci95 is None or one.mean is None:
        return None
    return figures.error_bars([one.mean], [one.ci95], faded(style.colour), thickness=1.5, width=4)
