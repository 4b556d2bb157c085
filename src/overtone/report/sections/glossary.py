"""What the quantities mean."""

from __future__ import annotations

from overtone.report.diagnosed import Diagnosed
from overtone.report.markup import markup
from overtone.report.page import Section, paragraphs
from overtone.report.quantities import QUANTITIES, Quantity
from overtone.report.tables import Column, table


def glossary(diagnosed: Diagnosed) -> Section | None:
    """A line per quantity of this page: how it is taken, its unit, what low and high say."""
    shown = {key: one for key, one in QUANTITIES.items() if _occurs(diagnosed, key)}
    if not shown:
        return None
    columns = [Column("quantity", "name"), *(Column(title, "text") for title in ("how it is taken", "low", "high"))]
    text = "All are taken on rows scaled to length one, so that the numbers of different losses can be compared."
    return Section("What do the quantities mean?", markup(paragraphs(text), table(columns, map(_row, shown.values()))))


def _row(one: Quantity) -> list[str]:
    return [one.name, f"{one.means} ({one.unit})", one.low, one.high]


def _occurs(diagnosed: Diagnosed, key: str) -> bool:
    recorded = (
        any(value is not None for value in (entry.get(kind) or {}).get(key) or ())
        for entry in diagnosed.losses.values()
        for kind in ("series", "looks")
    )
    return diagnosed.has(key) or any(recorded)
