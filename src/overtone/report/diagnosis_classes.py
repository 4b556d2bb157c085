"""The single classes under each loss: how wide each is, which two lie closest, and a map of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.experiments import Diagnosis, quantity
from overtone.plots.colours import QUIET
from overtone.report.diagnosis_figures import dots, strips, styles_of
from overtone.report.figures import Figure, label, points, rounded
from overtone.report.maps import BY_VARIANCE, Floats, spaced, unit, views
from overtone.report.markup import Child, Columns, el, table, texts
from overtone.report.page import Section, draw, section
from overtone.report.palette import class_colour, group, key_of_classes, named
from overtone.report.words import class_of, listed, percent, plural, significant

MOST_ROWS = 40  # classes drawn as rows; of more, the most compact and the widest
MOST_POINTS = 500  # rows on each map, evenly spaced: t-SNE takes a second for as many, once for each loss
MOST_NAMED = 24  # classes that have a colour of their own

Variances = Mapping[str, Mapping[str, float]]
"""Loss to class to its variance."""


def class_variances(diagnosis: Diagnosis) -> Section | None:
    """The variance of each class by loss: a strip a loss, and a row a class; the closest pair of classes."""
    rows = {
        name: {one: about.variance for one, about in space.per_class.items() if about.variance is not None}
        for name, space in diagnosis.spaces().items()
    }
    rows = {name: values for name, values in rows.items() if values}
    pairs = _closest(diagnosis)
    if not rows:
        return section("Which classes are closest?", pairs) if pairs else None
    about, styles = quantity("intra_variance").name, styles_of(diagnosis)
    strip = strips(rows, styles, axis=f"{about} of a class", alt=f"{about} of each class by loss")
    of_losses = {name: values for name, values in rows.items() if name in diagnosis.losses}
    text = (
        "Each stroke is a class; point at it for its name. Strokes close together are classes of similar variance. A "
        f"stroke far to the right is a class that was not compacted. {_most_uneven(of_losses or rows)}"
    )
    question = "How compact is each class, and which are closest?"
    return section(question, text, draw(strip), _by_class(diagnosis, rows), pairs)


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
        f"{most} {name}: the variance of {class_of(high)} ({significant(values[high])}) is {times} times that of "
        f"{class_of(low)} ({significant(values[low])})."
    )


def _by_class(diagnosis: Diagnosis, rows: Variances) -> Child:
    names = shown = _ordered(rows)
    if len(names) < 2:
        return None
    remark, half = "", MOST_ROWS // 2
    if len(names) > MOST_ROWS:
        shown, remark = [*names[:half], *names[-half:]], f", the {half} lowest and the {half} highest of {len(names)}"
    values = {loss: [values.get(name) for name in shown] for loss, values in rows.items()}
    axis, alt = f"{quantity('intra_variance').name} of a class", f"Variance of {len(shown)} classes by loss"
    figure = dots(shown, values, styles_of(diagnosis), axis=axis, alt=alt)
    return el("div", draw(figure, f"Variance by class, the lowest on top{remark}"), class_="wide")


def _ordered(rows: Variances) -> list[str]:
    """Classes by their variance, averaged over the losses after each was divided by its own mean."""
    scales = {loss: sum(values.values()) / len(values) or 1.0 for loss, values in rows.items()}
    names = dict.fromkeys(name for values in rows.values() for name in values)
    places = {name: [values[name] / scales[loss] for loss, values in rows.items() if name in values] for name in names}
    return sorted(names, key=lambda name: (sum(places[name]) / len(places[name]), name))


def _closest(diagnosis: Diagnosis) -> Child:
    uneven, styles = diagnosis.has("unevenness"), styles_of(diagnosis)
    measured = [quantity(key).name for key in ("smallest_gap", "centroid_distance")]
    columns: Columns = ["loss", *texts("closest classes"), *measured, "gap as a share of it"]
    rows: list[list[Any]] = []
    for name, space in diagnosis.spaces().items():
        gap, mean = space.measured("smallest_gap").mean, space.measured("centroid_distance").mean
        if len(space.smallest_gap_classes) == 2 and gap is not None:
            share = gap / mean if mean else None
            rows.append([named(name, styles), listed(space.smallest_gap_classes), gap, mean, share])
            rows[-1] += [space.measured("unevenness").mean] if uneven else []
    columns += ["unevenness"] if uneven else []
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
    plans = {name: views(unit(points[chosen])) for name, points in rows.items()}
    reach = 1.05 * max(float(np.abs(plan[BY_VARIANCE]).max()) for plan, _ in plans.values()) or 1.0
    drawn = []
    for name, (plan, share) in plans.items():
        shown = el("span", f" {percent(share)} of the variance", class_="small muted")
        drawn.append(draw(_map(name, plan, classes[chosen], names, reach), [named(name, styles), shown]))
    colours = {names[code]: _colour(code) for code in sorted(set(classes[chosen].tolist()))}
    key = key_of_classes(colours) if 1 < len(colours) <= MOST_NAMED else None
    figures = el("div", el("div", drawn, class_="grid"), class_="together")
    text = _text(diagnosis, total, len(chosen), len(colours))
    return section("What do the embeddings look like?", text, key, figures)


def _classes(diagnosis: Diagnosis, total: int) -> tuple[NDArray[np.int64], dict[int, str]]:
    """The class number of each row, -1 for none, and the names of all that occur."""
    known, given = len(diagnosis.labels) >= total, diagnosis.class_names
    codes = np.asarray(diagnosis.labels, dtype=np.int64)[:total] if known else np.full(total, -1)
    names = {code: given[code] if 0 <= code < len(given) else f"class {code}" for code in set(codes.tolist())}
    return codes, {**names, -1: "no class"}


def _map(loss: str, plan: dict[str, Floats], codes: NDArray[np.int64], names: dict[int, str], reach: float) -> Figure:
    present = sorted(set(codes.tolist()))
    members = [np.flatnonzero(codes == code) for code in present]
    views: dict[str, dict[str, Any]] = {
        name: {axis: [rounded(places[some, at]) for some in members] for at, axis in enumerate("xy")}
        for name, places in plan.items()
    }
    # One scale for all losses, or a compact space would look as wide as any other.
    views[BY_VARIANCE]["layout"] = {"xaxis.range": [-reach, reach], "yaxis.range": [-reach, reach]}
    first = views[BY_VARIANCE]
    traces = [
        points(
            first["x"][at], first["y"][at], f"{label(names[code])}<extra></extra>", name=label(names[code]),
            legendgroup=group("class", names[code]), marker={"size": 5, "color": _colour(code), "opacity": 0.75},
        )
        for at, code in enumerate(present)
    ]  # fmt: skip
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
