"""What the classes have to do with it: how well each is found, and which are taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np

from overtone.report.facts import RunFacts
from overtone.report.figures import grouped_bars, heat
from overtone.report.markup import Child, el, markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.retrieval import confusion
from overtone.report.tables import Column, table
from overtone.report.words import has_number, number, plural

MOST_BARS = 40
"""Classes drawn as bars; of more, the best and the worst."""
MOST_CELLS = 60
"""Classes of a drawn confusion matrix; of more, only the table of the greatest confusions is given."""
ROOM_FOR_NUMBERS = 12
"""Classes up to which numbers fit into the cells."""


def per_class(facts: RunFacts) -> Section | None:
    """mAP of each class in both directions, best first."""
    classes = facts.evaluation.get("per_class") or {}
    if not classes:
        return None
    asked = [name for name, entry in classes.items() if has_number(entry, "mean")]
    order, unasked = (
        sorted(asked, key=lambda name: -classes[name]["mean"]),
        [name for name in classes if name not in asked],
    )
    if not order:
        return None
    shown, remark = order, ""
    if len(order) > MOST_BARS:
        half = MOST_BARS // 2
        shown, remark = (
            order[:half] + order[-half:],
            f" Drawn are the {half} best and the {half} worst of {len(order)}.",
        )
    if unasked:
        remark += f" {plural(len(unasked), 'class has', 'classes have')} no test query."
    bars = grouped_bars(
        shown,
        {arrow: [_or_zero(classes[name].get(key)) for name in shown] for key, arrow in facts.arrows.items()},
        axis="mAP",
        alt=f"mAP of {len(shown)} classes in both directions",
    )
    columns = [Column("class", "name"), *map(Column, facts.arrows.values()), Column("mean"), Column("queries")]
    rows = [[name, *(classes[name].get(key) for key in ("a2v", "v2a", "mean", "queries"))] for name in order + unasked]
    best, worst = order[0], order[-1]
    text = (
        f"Best found is class {best} ({number(classes[best].get('mean'))} mAP), worst found is class {worst} "
        f"({number(classes[worst].get('mean'))}).{remark}"
        if len(order) > 1
        else f"There is one class, {best}."
    )
    numbers = el("details", el("summary", "The same as a table"), table(columns, rows))
    return Section("Which classes are found, and which are not?", markup(paragraphs(text), draw(bars), numbers))


def confusions(facts: RunFacts) -> Section | None:
    """Of what class the first hit is, by the class of the query."""
    if facts.present is None or facts.present.shape[1] < 2:
        return None
    shares = {key: _shares(facts, key) for key in facts.arrows}
    seen = [
        at for at in range(len(facts.class_names)) if any(not np.isnan(matrix[at, at]) for matrix in shares.values())
    ]
    body: list[Child] = [
        paragraphs(
            "Each row is the class of the query, each column the class of the first item it finds; a row adds up to "
            "one. On the diagonal, query and first hit agree. A clip of several classes counts for each in equal parts."
        )
    ]
    names = [facts.class_names[at] for at in seen]
    if 2 <= len(seen) <= MOST_CELLS:
        first, second = facts.modalities
        fits = len(seen) <= ROOM_FOR_NUMBERS
        matrices: list[Child] = []
        for key, (asks, answers) in {"a2v": (first, second), "v2a": (second, first)}.items():
            matrix = heat(
                names,
                names,
                shares[key][np.ix_(seen, seen)],
                row_title=f"{asks} asks",
                column_title=f"{answers} found first",
                alt=f"Confusion of classes, {facts.arrows[key]}",
                numbers=fits,
            )
            matrices.append(draw(matrix, facts.arrows[key]))
        body.append(el("div", matrices, class_="pair" if fits else "wide"))
    body.append(_greatest(facts, shares))
    return Section("Which classes are taken for which?", markup(body))


def _shares(facts: RunFacts, key: str) -> Any:
    assert facts.present is not None
    direction = facts.directions[key]
    return confusion(facts.present[direction.rows], facts.present[direction.first_hits])


def _greatest(facts: RunFacts, shares: dict[str, Any], most: int = 8) -> Child:
    """The confusions that happen most, over both directions."""
    found = [
        (float(matrix[asked, got]), facts.arrows[key], facts.class_names[asked], facts.class_names[got])
        for key, matrix in shares.items()
        for asked, got in np.argwhere(np.nan_to_num(matrix) > 0)
        if asked != got
    ]
    found.sort(key=lambda one: (-one[0], *one[1:]))
    columns = [
        Column("asked for", "name"),
        Column("found first instead", "text"),
        Column("direction", "text"),
        Column("share"),
    ]
    rows = [[asked, got, arrow, share] for share, arrow, asked, got in found[:most]]
    return table(columns, rows, caption="The most frequent confusions") if rows else None


def _or_zero(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and value == value else 0.0
