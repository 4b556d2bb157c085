"""In the report of a run of interactions: the events that nobody annotated, and how much they count."""

from __future__ import annotations

from overtone.interactions.missing_events import MissingEvents, find_missing_events, has_event_chances
from overtone.report.markup import Columns, table, texts
from overtone.report.page import Section, section
from overtone.report.run_result import RunResult
from overtone.report.words import number, plural, prose

_SHOWN = 10  # events in the table
_CLASSES = 5  # classes that are named


def unannotated_events(result: RunResult) -> Section | None:
    """The surest events without an annotation, and how many are expected; None where none were inferred."""
    folder = result.run.folder
    if folder is None or not has_event_chances(folder):
        return None
    found = find_missing_events(folder)
    columns: Columns = [*texts("clip", "event"), "chance", *result.test.names, *texts("annotated", "brought by")]
    rows: list[list[str | float | None]] = []
    for one in found.events[:_SHOWN]:
        annotated = ", ".join(one.annotated) or "nothing"
        rows.append([one.id, one.event, one.chance, *one.modalities.values(), annotated, one.brought_by or ""])
    shown = table(columns, rows, caption="The surest; overtone events lists all") if rows else None
    return section("Which events did nobody annotate?", expected_in_words(found), found.effect_said, found.gate, shown)


def expected_in_words(found: MissingEvents) -> str:
    """How many events are missing in the annotation, and of which classes."""
    most = sorted(found.expected.items(), key=lambda item: -item[1])[:_CLASSES]
    named = ", ".join(f"{name} ({count:,.0f})" for name, count in most if count >= 1)
    mostly = f", most of them {named}" if named else ""
    total = sum(found.expected.values())
    clips, least = plural(found.clips, "training clip"), number(found.chance)
    sure = plural(len(found.events), "event has", "events have")
    return prose(
        f"{total:,.0f} events are expected in {clips} beside what is annotated{mostly}.",
        f"{sure} a chance of {least} or more.",
    )
