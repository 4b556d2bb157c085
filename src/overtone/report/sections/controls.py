"""What a method with a class graph owes to the graph: beside its controls, by annotation and by all events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.contest import Contest
from overtone.report.markup import markup
from overtone.report.page import Section, paragraphs
from overtone.report.tables import Column, table
from overtone.report.verdict import FULLY, points, verdicts
from overtone.report.words import DASH, known_interval, metric_name

MEANT = {
    "no-graph": "the metric loss alone",
    "shuffled-graph": "the same pull along edges that were exchanged at random, every class with as many as before",
    "pairs-only": "a pull of the same weight between the two halves of each clip",
    "planted-graph": "the same pull along the edges that the corpus is known to have",
}
"""What the controls are."""


def controls(contest: Contest) -> Section | None:
    """Whether the graph helped, in words, and the differences to each control."""
    groups: Mapping[str, list[str]] = contest.comparison.get("controls") or {}
    if not groups:
        return None
    metrics = [metric for metric in (contest.metric, FULLY) if any(metric in one for one in contest.methods.values())]
    columns = [Column("method", "name"), Column("what it is", "text")]
    for metric in metrics:
        name = metric_name(metric)[0]
        columns += [Column(name, best="high"), Column("lead over it, points", "number")]
    parts: list[Any] = [paragraphs(*verdicts(contest))]
    for method, names in groups.items():
        rows = [[method, "the inferred graph", *_cells(contest, method, None, metrics)]]
        rows += [[name, MEANT.get(name, ""), *_cells(contest, method, name, metrics)] for name in names]
        parts.append(table(columns, rows, caption=f"{method} and its controls; leads with 95 % intervals over queries"))
    return Section("Did the graph help?", markup(parts))


def _cells(contest: Contest, method: str, control: str | None, metrics: list[str]) -> list[Any]:
    """The numbers of a row: each metric, and how far the method is ahead by it."""
    cells: list[Any] = []
    for metric in metrics:
        entry = contest.methods.get(control or method, {})
        test = contest.test(method, control, metric) if control else None
        cells += [(entry.get(metric) or {}).get("mean"), _lead(test)]
    return cells


def _lead(test: Mapping[str, Any] | None) -> str:
    if not test or not known_interval(test.get("ci95")):
        return DASH
    low, high = test["ci95"]
    return f"{points(test['difference'])} ({points(low)} to {points(high)})"
