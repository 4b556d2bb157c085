"""How wide the single classes are, and which two lie closest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.diagnosed import Diagnosed, is_number
from overtone.report.key import named
from overtone.report.lines import dots, strips
from overtone.report.markup import Child, el, markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.quantities import quantity
from overtone.report.tables import Column, table
from overtone.report.words import listed, significant

MOST_ROWS = 40
"""Classes drawn as rows; of more, the tightest and the widest."""


def spread(diagnosed: Diagnosed) -> Section | None:
    """The variance of each class by loss: a strip a loss, and a row a class; the closest pair of classes."""
    rows = {name: _variances(entry) for name, entry in diagnosed.entries.items()}
    rows = {name: values for name, values in rows.items() if values}
    pairs = _pairs(diagnosed)
    if not rows:
        return Section("Which classes lie closest?", markup(pairs)) if pairs else None
    about, of_losses = quantity("intra_variance").name, {name: rows[name] for name in diagnosed.losses if name in rows}
    strip = strips(rows, diagnosed.styles, axis=f"{about} of a class", alt=f"{about} of each class by loss")
    text = (
        "Each stroke is a class; point at it for its name. Strokes close together are classes that are equally wide; "
        f"a lone one far to the right is a class that was not pulled together. {_uneven(of_losses or rows)}"
    )
    body = [paragraphs(text), draw(strip), _by_class(diagnosed, rows), pairs]
    return Section("Are the classes equally wide, and which lie closest?", markup(body))


def _variances(entry: Mapping[str, Any]) -> dict[str, float]:
    classes: Mapping[str, Any] = entry.get("per_class") or {}
    return {
        str(name): float(one["variance"])
        for name, one in classes.items()
        if isinstance(one, Mapping) and is_number(one.get("variance"))
    }


def _uneven(rows: Mapping[str, Mapping[str, float]]) -> str:
    """The loss whose classes differ most, by the widest against the tightest."""
    factors = {
        name: max(values.values()) / min(values.values())
        for name, values in rows.items()
        if len(values) > 1 and min(values.values()) > 0
    }
    if not factors:
        return ""
    name = max(factors, key=lambda one: factors[one])
    values = rows[name]
    tightest, widest = (pick(values, key=lambda one: values[one]) for pick in (min, max))
    most, times = "Most uneven is" if len(rows) > 1 else "With", significant(factors[name], 2)
    return (
        f"{most} {name}: class {widest} ({significant(values[widest])}) is {times} times as wide as class {tightest} "
        f"({significant(values[tightest])})."
    )


def _by_class(diagnosed: Diagnosed, rows: Mapping[str, Mapping[str, float]]) -> Child:
    names = _ordered(rows)
    if len(names) < 2:
        return None
    shown, remark = names, ""
    if len(names) > MOST_ROWS:
        half = MOST_ROWS // 2
        shown = [*names[:half], *names[-half:]]
        remark = f", the {half} tightest and the {half} widest of {len(names)}"
    figure = dots(
        shown,
        {loss: [values.get(name) for name in shown] for loss, values in rows.items()},
        diagnosed.styles,
        axis=f"{quantity('intra_variance').name} of a class",
        alt=f"Variance of {len(shown)} classes by loss",
    )
    return el("div", draw(figure, f"Variance by class, the tightest on top{remark}"), class_="wide")


def _ordered(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Classes by their variance, averaged over the losses after each was brought to its own mean."""
    scales = {loss: sum(values.values()) / len(values) or 1.0 for loss, values in rows.items()}
    names = dict.fromkeys(name for values in rows.values() for name in values)
    places = {name: [values[name] / scales[loss] for loss, values in rows.items() if name in values] for name in names}
    return sorted(names, key=lambda name: (sum(places[name]) / len(places[name]), name))


def _pairs(diagnosed: Diagnosed) -> Child:
    columns = [Column("loss", "name"), Column("closest classes", "text"), Column(quantity("smallest_gap").name)]
    columns += [Column(quantity("centroid_distance").name), Column("gap as a share of it")]
    columns += [Column("unevenness")] if diagnosed.has("unevenness") else []
    rows: list[list[Child]] = []
    for name, entry in diagnosed.entries.items():
        pair = entry.get("smallest_gap_classes") or ()
        gap, mean = (diagnosed.measured(name, key).mean for key in ("smallest_gap", "centroid_distance"))
        if len(pair) == 2 and gap is not None:
            share = gap / mean if mean else None
            rows.append([named(name, diagnosed.styles), listed([str(one) for one in pair]), gap, mean, share])
            rows[-1] += [diagnosed.measured(name, "unevenness").mean] if diagnosed.has("unevenness") else []
    return table(columns, rows, caption="The two classes whose means lie closest") if rows else None
