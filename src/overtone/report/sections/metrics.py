"""The metrics of a run, both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.facts import RunFacts
from overtone.report.markup import markup
from overtone.report.page import Section, paragraphs
from overtone.report.tables import Column, table
from overtone.report.words import listed, metric_name, plural, reading_order, span, writer


def metrics(facts: RunFacts) -> Section:
    """Every metric of the evaluation, per direction and on average, with its interval where it has one."""
    first, second = facts.arrows.values()
    columns = [
        Column("metric", "name"),
        Column(first),
        Column(second),
        Column("mean"),
        Column("95 % interval"),
        Column("what it says", "words"),
    ]
    rows = []
    for key, entry in measured(facts.evaluation).items():
        name, meaning = metric_name(key)
        values = [writer(key)(entry.get(way)) for way in ("a2v", "v2a", "mean")]
        rows.append([name, *values, span(entry.get("ci95")), meaning])
    return Section(
        "How well do the modalities find each other?", markup(paragraphs(_setting(facts)), table(columns, rows))
    )


def measured(evaluation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The entries of an evaluation that are numbers per direction, in reading order."""
    return {
        key: entry
        for key, entry in sorted(evaluation.items(), key=lambda item: reading_order(item[0]))
        if isinstance(entry, Mapping) and {"a2v", "v2a"} <= entry.keys() and key != "skipped_queries"
    }


def _setting(facts: RunFacts) -> str:
    first, second = facts.modalities
    gallery = int(facts.evaluation.get("gallery", len(facts.ids)))
    relevant = (
        "An item is relevant if it shares a class with the query."
        if facts.targets is not None
        else "Without labels only one item is known to be relevant: the query's own partner."
    )
    return (
        f"Each test item of one modality asks for items of the other among all {gallery:,} of them, by cosine "
        f"similarity. {relevant} Intervals come from drawing the queries again, with replacement. {_skipped(facts)}"
        f"{first} → {second} means: {first} asks, {second} answers."
    )


def _skipped(facts: RunFacts) -> str:
    skipped = facts.evaluation.get("skipped_queries") or {}
    parts = [
        f"{plural(int(skipped[key]), 'query', 'queries')} of {arrow}"
        for key, arrow in facts.arrows.items()
        if skipped.get(key)
    ]
    return f"Left out, because nothing is relevant to them: {listed(parts)}. " if parts else ""
