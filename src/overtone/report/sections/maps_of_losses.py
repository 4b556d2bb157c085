"""Maps of the test rows, one a loss, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.report.diagnosed import Diagnosed
from overtone.report.figures import Figure, label, rounded
from overtone.report.key import key_of_classes, named
from overtone.report.lines import group
from overtone.report.maps import neighbours, principal, spaced
from overtone.report.markup import Child, el, markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.palette import QUIET, class_colour
from overtone.report.retrieval import Floats
from overtone.report.words import listed, percent, plural

MOST_POINTS = 500
"""Rows on each map; of more, so many evenly spaced ones. t-SNE takes a second for as many, once for each loss."""
MOST_NAMED = 24
"""Classes that have a colour of their own."""
BY_VARIANCE, BY_NEIGHBOURS = "directions of most variance (PCA)", "neighbourhoods (t-SNE)"


def maps_of_losses(diagnosed: Diagnosed) -> Section | None:
    """The test rows of the first seed under each loss, by class, all maps made the same way."""
    given = diagnosed.details.get("embeddings") or {}
    rows = {name: np.asarray(given[name], dtype=np.float64) for name in diagnosed.losses if name in given}
    total = min((len(points) for points in rows.values()), default=0)
    if total < 3:
        return None
    chosen = spaced(total, MOST_POINTS)
    classes, names = _classes(diagnosed, total)
    plans = {name: _plan(points[chosen]) for name, points in rows.items()}
    reach = 1.05 * max(float(np.abs(plan[BY_VARIANCE]).max()) for plan, _ in plans.values()) or 1.0
    maps = [
        draw(_map(name, plan, classes[chosen], names, reach), [named(name, diagnosed.styles), _shown(share)])
        for name, (plan, share) in plans.items()
    ]
    colours = {names[code]: _colour(code) for code in sorted(set(classes[chosen].tolist()))}
    key = key_of_classes(colours) if 1 < len(colours) <= MOST_NAMED else None
    body = [
        paragraphs(_text(diagnosed, total, len(chosen), len(colours))),
        key,
        el("div", el("div", maps, class_="grid"), class_="together"),
    ]
    return Section("Where do the classes lie?", markup(body))


def _classes(diagnosed: Diagnosed, total: int) -> tuple[NDArray[np.int64], dict[int, str]]:
    """The class number of each row, -1 for none, and the names of all that occur."""
    labels = diagnosed.details.get("labels")
    known = labels is not None and len(labels) >= total
    codes = np.asarray(labels, dtype=np.int64)[:total] if known else np.full(total, -1)
    given = [str(name) for name in diagnosed.details.get("class_names") or ()]
    names = {code: given[code] if 0 <= code < len(given) else f"class {code}" for code in set(codes.tolist())}
    return codes, {**names, -1: "no class"}


def _plan(points: Floats) -> tuple[dict[str, Floats], float]:
    """Places of rows by each method, and the share of the variance that PCA shows."""
    unit = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    by_variance, share = principal(unit)
    by_neighbours = neighbours(unit)
    views = {BY_VARIANCE: by_variance}
    return views if by_neighbours is None else {**views, BY_NEIGHBOURS: by_neighbours}, share


def _map(loss: str, plan: dict[str, Floats], codes: NDArray[np.int64], names: dict[int, str], reach: float) -> Figure:
    present = sorted(set(codes.tolist()))
    members = [np.flatnonzero(codes == code) for code in present]
    views: dict[str, dict[str, Any]] = {
        name: {axis: [rounded(points[some, at]) for some in members] for at, axis in enumerate("xy")}
        for name, points in plan.items()
    }
    # One scale for all losses, or a compact space would look as wide as any other.
    views[BY_VARIANCE]["layout"] = {"xaxis.range": [-reach, reach], "yaxis.range": [-reach, reach]}
    first = views[BY_VARIANCE]
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(names[code]),
            "legendgroup": group("class", names[code]),
            "x": first["x"][at],
            "y": first["y"][at],
            "marker": {"size": 5, "color": _colour(code), "opacity": 0.75},
            "hovertemplate": f"{label(names[code])}<extra></extra>",
        }
        for at, code in enumerate(present)
    ]
    axis: dict[str, Any] = {"showticklabels": False, "zeroline": False, "showgrid": False}
    axis |= {"showline": True, "mirror": True, "range": [-reach, reach]}
    layout = {
        "xaxis": axis,
        "yaxis": {**axis, "scaleanchor": "x"},
        "showlegend": False,
        "margin": {"l": 1, "r": 1, "t": 1, "b": 1},
    }
    alt = f"Map of {len(codes)} test rows under {loss}, coloured by class"
    return Figure(traces, alt, layout, height=300, views=views if len(views) > 1 else {})


def _colour(code: int) -> str:
    return class_colour(code) if code >= 0 else QUIET


def _shown(share: float) -> Child:
    return el("span", f" {percent(share)} of the variance", class_="small muted")


def _text(diagnosed: Diagnosed, total: int, drawn: int, classes: int) -> str:
    rows = plural(total, "test embedding") + (f" of {listed(views)}" if len(views := diagnosed.modalities) > 1 else "")
    some = f"{drawn:,} evenly spaced of {rows}" if drawn < total else rows
    again = " There are more classes than colours: point at a dot for its class." if classes > MOST_NAMED else ""
    return (
        f"{some}, of the first seed, coloured by class. PCA keeps distances, and has one scale for all losses, so "
        "that compact classes look compact; but two directions show only a part of the variance (beside each name), "
        "and classes that are apart may overlap. t-SNE shows who is next to whom; distances and sizes mean nothing: "
        f"the width of a class cannot be read there.{again}"
    )
