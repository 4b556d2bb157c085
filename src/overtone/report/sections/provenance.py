"""Where everything came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overtone.report.facts import RunFacts
from overtone.report.markup import Child, el, markup
from overtone.report.page import Section, fact_list, paragraphs
from overtone.report.tables import Column, table
from overtone.report.words import duration, listed


def provenance(facts: RunFacts) -> Section:
    """Data, versions, settings and time: what is needed to do it again."""
    rows = [f"{count:,} {name}" for name, count in facts.counts.items()]
    known: list[tuple[str, Child]] = [
        ("method", facts.method),
        ("corpus", facts.corpus),
        ("modalities", listed(facts.modalities)),
        ("rows", listed(rows) or None),
    ]
    body = [
        fact_list(known + recorded(facts.provenance)),
        remarks(facts.notes, facts.warnings),
        settings_table(facts.settings),
    ]
    return Section("How was this made?", markup(body))


def recorded(values: Mapping[str, Any]) -> list[tuple[str, Child]]:
    """What a run has written down about itself, in words."""
    return [
        (name.replace("_", " "), _written(name, value))
        for name, value in values.items()
        if value not in (None, "", {}, [])
    ]


def remarks(decided: Sequence[str], warned: Sequence[str]) -> Child:
    """What the reader of the data decided, and what it warned of."""
    parts: list[Child] = []
    for title, sentences in (("Decided while reading the data", decided), ("Warned of while reading the data", warned)):
        if sentences:
            parts += [el("h3", title), el("ul", [el("li", sentence) for sentence in sentences])]
    return parts or paragraphs("Reading the data gave no warning.")


def settings_table(settings: Mapping[str, Any]) -> Child:
    """All settings, folded away."""
    if not settings:
        return None
    rows = [[el("code", name), el("code", _plain(value))] for name, value in settings.items()]
    count = f"All {len(rows)} settings"
    return el("details", el("summary", count), table([Column("setting", "name"), Column("value", "text")], rows))


def _plain(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _written(name: str, value: Any) -> Child:
    if name.endswith("seconds") and isinstance(value, (int, float)):
        return duration(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return listed([_plain(item) for item in value])
    return el("code", value) if name == "checksum" else _plain(value)
