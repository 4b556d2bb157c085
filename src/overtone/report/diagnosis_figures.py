"""How a diagnosis is drawn: figures with all losses in them, and their styles, which the key of the page explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from overtone.experiments import Curve, Diagnosis, Measured, SpaceResult
from overtone.report.figures import Figure, label, rounded
from overtone.report.palette import QUIET, Style, faded, group, loss_styles

FROZEN = "frozen features"
"""What the features before training are called beside the losses."""
REFERENCES = (Style(QUIET, "2px 3px", "circle-open"), Style(QUIET, "7px 3px", "square-open"))
"""How they are drawn: in one space, or the first and the second modality."""
_DECADES = 0.75
"""From this spread on, in powers of ten, the values of a figure are drawn on a logarithmic axis."""
_MOST_SYMBOLS = 12
"""Points of a line that get a symbol; more would hide the dashes."""
MARGIN = {"l": 52, "r": 12, "t": 8, "b": 44}


def spaces_of(diagnosis: Diagnosis) -> dict[str, SpaceResult]:
    """The losses, best first, and behind them the frozen features: in one space, or modality by modality."""
    frozen = {f"{FROZEN}, {name}": space for name, space in diagnosis.views.items()}
    if diagnosis.features is not None:
        frozen = {FROZEN: diagnosis.features}
    return {**diagnosis.ranked(), **frozen}


def styles_of(diagnosis: Diagnosis) -> dict[str, Style]:
    """How each loss is drawn, and the frozen features beside them."""
    frozen = [name for name in spaces_of(diagnosis) if name not in diagnosis.losses]
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

    Args:
        curves: Positions and values of each loss.
        styles: How each loss is drawn.
        places: What the horizontal axis shows.
        sizes: Whether the vertical axis is logarithmic, if the values differ by more than a few times.
        reference: The value of the frozen features, a line across; left out where it is so far off that it would press
            the curves together.
        alt: What the figure shows.
    """
    drawn = {name: curve for name, curve in curves.items() if curve.at}
    every = [place for curve in drawn.values() for place in curve.at]
    reached = [value for curve in drawn.values() for value in curve.values]
    if reference is not None and _near(reference, reached):
        drawn[FROZEN] = Curve((min(every), max(every)), (reference, reference))
    positive = [place for place in every if place > 0]
    # Before the first update lies at zero, which a logarithmic axis does not have: half of the first place instead.
    least = min(positive, default=1) / 2
    later = [rounded(np.maximum(curve.at, least)) for curve in drawn.values()]
    even = [rounded(curve.at) for curve in drawn.values()]
    layout = {
        "xaxis": {"title": {"text": places}, "type": "linear", "rangemode": "tozero"},
        "yaxis": _scale(reached) if sizes else {},
        "showlegend": False,
        "margin": MARGIN,
    }
    views = {
        "even steps": {"x": even, "layout": _along("x", {"type": "linear", "tickmode": "auto"})},
        "logarithmic steps": {"x": later, "layout": _along("x", _logarithmic(least, max(positive, default=1)))},
    }
    traces = [_line(name, curve, styles[name], places) for name, curve in drawn.items()]
    return Figure(traces, alt, layout, height=280, views=views if len(set(positive)) > 2 else {})


def _near(reference: float, values: Sequence[float]) -> bool:
    """Whether a value lies among others, or no further off than half of their range."""
    if not values:
        return False
    low, high = min(values), max(values)
    return low - (high - low) / 2 <= reference <= high + (high - low) / 2


def _line(name: str, curve: Curve, style: Style, places: str) -> dict[str, Any]:
    reference = name == FROZEN
    return {
        "type": "scatter",
        "mode": "lines" if reference else "lines+markers" if len(curve.at) > 1 else "markers",
        "name": label(name),
        "legendgroup": group("loss", name),
        "x": rounded(curve.at),
        "y": rounded(curve.values),
        "line": {"color": style.colour, "width": 1.5 if reference else 2, "dash": style.dash or "solid"},
        "marker": {"color": style.colour, "symbol": style.symbol, "size": 7, "maxdisplayed": _MOST_SYMBOLS},
        "hovertemplate": f"%{{y:.4~g}}, {label(places)} %{{x:,}}<extra>{label(name)}</extra>",
    }


def plane(
    points: Mapping[str, tuple[Measured, Measured]], styles: Mapping[str, Style], *, axes: tuple[str, str], alt: str
) -> Figure:
    """Two quantities against each other, a point a loss with its name and the intervals of both.

    Args:
        points: The horizontal and the vertical quantity of each loss.
        styles: How each loss is drawn.
        axes: What the axes show.
        alt: What the figure shows.
    """
    across_hover, up_hover = (f"{label(title)} %{{{axis}:.4~g}}" for title, axis in zip(axes, "xy"))
    traces = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": label(name),
            "legendgroup": group("loss", name),
            "x": rounded(np.array([across.mean], dtype=float)),
            "y": rounded(np.array([up.mean], dtype=float)),
            "text": [f" {label(name)}"],
            "textposition": "middle right",
            "cliponaxis": False,
            "marker": {"color": styles[name].colour, "symbol": styles[name].symbol, "size": 12},
            "error_x": _whisker(across, styles[name]),
            "error_y": _whisker(up, styles[name]),
            "hovertemplate": f"{across_hover}<br>{up_hover}<extra>{label(name)}</extra>",
        }
        for name, (across, up) in points.items()
    ]
    reached = [end for across, _ in points.values() for end in (across.mean, *(across.ci95 or ())) if end is not None]
    layout = {
        "xaxis": {"title": {"text": axes[0]}, **_scale(reached)},
        "yaxis": {"title": {"text": axes[1]}, "zeroline": False, "automargin": True},
        "showlegend": False,
        "margin": {**MARGIN, "l": 60, "r": 80, "t": 24},
    }
    return Figure(traces, alt, layout, height=360)


def strips(rows: Mapping[str, Mapping[str, float]], styles: Mapping[str, Style], *, axis: str, alt: str) -> Figure:
    """A row a loss and a tick a class: how wide, and how alike, the classes of each loss are.

    Args:
        rows: Loss to class to value.
        styles: How each loss is drawn.
        axis: What the horizontal axis shows.
        alt: What the figure shows.
    """
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(name),
            "legendgroup": group("loss", name),
            "x": rounded(list(values.values())),
            "y": [at] * len(values),
            "text": [label(one) for one in values],
            "marker": {
                "color": styles[name].colour,
                "symbol": "line-ns",
                "size": 16,
                "line": {"width": 2, "color": styles[name].colour},
            },
            "hovertemplate": f"%{{text}}: %{{x:.4~g}}<extra>{label(name)}</extra>",
        }
        for at, (name, values) in enumerate(rows.items())
    ]
    layout = {
        "xaxis": {"title": {"text": axis}, **_scale([value for values in rows.values() for value in values.values()])},
        "yaxis": _names(list(rows)),
        "showlegend": False,
        "margin": {**MARGIN, "l": 20},
    }
    return Figure(traces, alt, layout, height=80 + 34 * len(rows))


def dots(
    names: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    styles: Mapping[str, Style],
    *,
    axis: str,
    alt: str,
) -> Figure:
    """A row a name and a point a loss in it.

    Args:
        names: What the rows are, top to bottom.
        values: Loss to one value per row, None where there is none.
        styles: How each loss is drawn.
        axis: What the horizontal axis shows.
        alt: What the figure shows.
    """
    shown = [label(name) for name in names]
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(loss),
            "legendgroup": group("loss", loss),
            "x": rounded(np.array(several, dtype=float)),
            "y": list(range(len(names))),
            "text": shown,
            "marker": {"color": styles[loss].colour, "symbol": styles[loss].symbol, "size": 9, "opacity": 0.9},
            "hovertemplate": f"%{{text}}: %{{x:.4~g}}<extra>{label(loss)}</extra>",
        }
        for loss, several in values.items()
    ]
    every = [value for several in values.values() for value in several if value is not None]
    layout = {
        "xaxis": {"title": {"text": axis}, **_scale(every)},
        "yaxis": _names(names),
        "showlegend": False,
        "margin": {**MARGIN, "l": 20},
    }
    return Figure(traces, alt, layout, height=80 + 26 * len(names))


def _names(names: Sequence[str]) -> dict[str, Any]:
    """A vertical axis with a name at each row, top to bottom."""
    return {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [label(name) for name in names],
        "automargin": True,
        "zeroline": False,
    }


def _scale(values: Sequence[float]) -> dict[str, Any]:
    """Logarithmic where positive values span more than a few sizes, which a linear axis would press together."""
    if values and min(values) > 0 and np.log10(max(values) / min(values)) > _DECADES:
        return _logarithmic(min(values), max(values))
    return {"type": "linear"}


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
    low, high = one.ci95
    return {
        "type": "data",
        "symmetric": False,
        "array": rounded([high - one.mean]),
        "arrayminus": rounded([one.mean - low]),
        "color": faded(style.colour),
        "thickness": 1.5,
        "width": 4,
    }
