"""The single classes under each loss: how wide each is, which two lie closest, and a map of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.experiments import Diagnosis
from overtone.report.diagnosis_figures import dots, spaces_of, strips, styles_of
from overtone.report.figures import Figure, label, rounded
from overtone.report.maps import Floats, neighbours, principal, spaced
from overtone.report.markup import Child, Column, el, markup, table
from overtone.report.page import Section, draw, paragraphs
from overtone.report.palette import QUIET, class_colour, group, key_of_classes, named
from overtone.report.quantities import quantity
from overtone.report.words import listed, percent, plural, significant

MOST_ROWS = 40
"""Classes drawn as rows; of more, the most compact and the widest."""
MOST_POINTS = 500
"""Rows on each map; of more, so many evenly spaced ones. t-SNE takes a second for as many, once for each loss."""
MOST_NAMED = 24
"""Classes that have a colour of their own."""
BY_VARIANCE, BY_NEIGHBOURS = "directions of most variance (PCA)", "neighbourhoods (t-SNE)"

Variances = Mapping[str, Mapping[str, float]]
"""Loss to class to its variance."""


def class_variances(diagnosis: Diagnosis) -> Section | None:
    """The variance of each class by loss: a strip a loss, and a row a class; the closest pair of classes."""
    rows = {
        name: {one: about.variance for one, about in space.per_class.items() if about.variance is not None}
        for name, space in spaces_of(diagnosis).items()
    }
    rows = {name: values for name, values in rows.items() if values}
    pairs = _closest(diagnosis)
    if not rows:
        return Section("Which classes are closest?", markup(pairs)) if pairs else None
    about, styles = quantity("intra_variance").name, styles_of(diagnosis)
    strip = strips(rows, styles, axis=f"{about} of a class", alt=f"{about} of each class by loss")
    of_losses = {name: values for name, values in rows.items() if name in diagnosis.losses}
    text = (
        "Each stroke is a class; point at it for its name. Strokes close together are classes of similar variance. A "
        f"stroke far to the right is a class that was not compacted. {_most_uneven(of_losses or rows)}"
    )
    body = [paragraphs(text), draw(strip), _by_class(diagnosis, rows), pairs]
    return Section("How compact is each class, and which are closest?", markup(body))


def _most_uneven(rows: Variances) -> str:
    """The loss whose classes differ most, by the widest against the most compact."""
    factors = {
        name: max(values.values()) / min(values.values())
        for name, values in rows.items()
        if len(values) > 1 and min(values.values()) > 0
    }
    if not factors:
        return ""
    name = max(factors, key=lambda one: factors[one])
    values = rows[name]
    low, high = (pick(values, key=lambda one: values[one]) for pick in (min, max))
    most, times = "Classes differ most under" if len(rows) > 1 else "Under", significant(factors[name], 2)
    return (
        f"{most} {name}: the variance of class {high} ({significant(values[high])}) is {times} times that of class "
        f"{low} ({significant(values[low])})."
    )


def _by_class(diagnosis: Diagnosis, rows: Variances) -> Child:
    names = _ordered(rows)
    if len(names) < 2:
        return None
    shown, remark = names, ""
    if len(names) > MOST_ROWS:
        half = MOST_ROWS // 2
        shown = [*names[:half], *names[-half:]]
        remark = f", the {half} lowest and the {half} highest of {len(names)}"
    figure = dots(
        shown,
        {loss: [values.get(name) for name in shown] for loss, values in rows.items()},
        styles_of(diagnosis),
        axis=f"{quantity('intra_variance').name} of a class",
        alt=f"Variance of {len(shown)} classes by loss",
    )
    return el("div", draw(figure, f"Variance by class, the lowest on top{remark}"), class_="wide")


def _ordered(rows: Variances) -> list[str]:
    """Classes by their variance, averaged over the losses after each was divided by its own mean."""
    scales = {loss: sum(values.values()) / len(values) or 1.0 for loss, values in rows.items()}
    names = dict.fromkeys(name for values in rows.values() for name in values)
    places = {name: [values[name] / scales[loss] for loss, values in rows.items() if name in values] for name in names}
    return sorted(names, key=lambda name: (sum(places[name]) / len(places[name]), name))


def _closest(diagnosis: Diagnosis) -> Child:
    uneven, styles = diagnosis.has("unevenness"), styles_of(diagnosis)
    columns = [Column("loss", "name"), Column("closest classes", "text"), Column(quantity("smallest_gap").name)]
    columns += [Column(quantity("centroid_distance").name), Column("gap as a share of it")]
    columns += [Column("unevenness")] if uneven else []
    rows: list[list[Any]] = []
    for name, space in spaces_of(diagnosis).items():
        gap, mean = space.measured("smallest_gap").mean, space.measured("centroid_distance").mean
        if len(space.smallest_gap_classes) == 2 and gap is not None:
            share = gap / mean if mean else None
            rows.append([named(name, styles), listed(space.smallest_gap_classes), gap, mean, share])
            rows[-1] += [space.measured("unevenness").mean] if uneven else []
    return table(columns, rows, caption="The two classes whose means are closest") if rows else None


def maps(diagnosis: Diagnosis) -> Section | None:
    """The test rows of the first seed under each loss, by class, all maps made the same way."""
    given = diagnosis.embeddings
    rows = {name: np.asarray(given[name], dtype=np.float64) for name in diagnosis.ranked() if name in given}
    total = min((len(points) for points in rows.values()), default=0)
    if total < 3:
        return None
    chosen, styles = spaced(total, MOST_POINTS), styles_of(diagnosis)
    classes, names = _classes(diagnosis, total)
    plans = {name: _plan(points[chosen]) for name, points in rows.items()}
    reach = 1.05 * max(float(np.abs(plan[BY_VARIANCE]).max()) for plan, _ in plans.values()) or 1.0
    drawn = []
    for name, (plan, share) in plans.items():
        shown = el("span", f" {percent(share)} of the variance", class_="small muted")
        drawn.append(draw(_map(name, plan, classes[chosen], names, reach), [named(name, styles), shown]))
    colours = {names[code]: _colour(code) for code in sorted(set(classes[chosen].tolist()))}
    key = key_of_classes(colours) if 1 < len(colours) <= MOST_NAMED else None
    figures = el("div", el("div", drawn, class_="grid"), class_="together")
    body = markup(paragraphs(_text(diagnosis, total, len(chosen), len(colours))), key, figures)
    return Section("What do the embeddings look like?", body)


def _classes(diagnosis: Diagnosis, total: int) -> tuple[NDArray[np.int64], dict[int, str]]:
    """The class number of each row, -1 for none, and the names of all that occur."""
    known, given = len(diagnosis.labels) >= total, diagnosis.class_names
    codes = np.asarray(diagnosis.labels, dtype=np.int64)[:total] if known else np.full(total, -1)
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


def _text(diagnosis: Diagnosis, total: int, drawn: int, classes: int) -> str:
    of = f" of {listed(diagnosis.modalities)}" if len(diagnosis.modalities) > 1 else ""
    rows = plural(total, "test embedding") + of
    some = f"{drawn:,} evenly spaced of {rows}" if drawn < total else rows
    many = " There are more classes than colours: point at a dot for its class." if classes > MOST_NAMED else ""
    return (
        f"{some}, of the first seed, coloured by class. PCA keeps distances, and has one scale for all losses, so that "
        "compact classes look compact. But two directions show only a part of the variance (beside each name), and "
        "separate classes may overlap. t-SNE shows which rows are neighbours. Its distances and sizes mean nothing, so "
        f"the width of a class cannot be read there.{many}"
    )
