"""In the report of a run of interactions: the events that nobody annotated, how much they count, how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from overtone.interactions.event_calibration import EventCalibration
from overtone.interactions.missing_events import MissingEvents, find_missing_events, has_event_chances
from overtone.methods.event_gate import Gate
from overtone.plots.colours import FIRST, QUIET, SECOND
from overtone.report.figures import LEGEND, Figure, error_bars, points, rounded
from overtone.report.markup import Child, Columns, table, texts
from overtone.report.page import Section, draw, section
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
    said = (expected_in_words(found), found.doubt, found.effect_said)
    parts = (*said, shown, *_calibration(found.calibration), *_gate(found.gate))
    return section("Which events did nobody annotate?", *parts)


def _gate(gate: Gate | None) -> Sequence[Child]:
    """How much event chances count in the embedding, in words, and what each weight does to annotated mAP."""
    if gate is None:
        return []
    weights = list(gate.curve)
    changes = [100 * change for change, _ in gate.curve.values()]
    spans = [(100 * (change - error), 100 * (change + error)) for change, error in gate.curve.values()]
    traces = [
        points(
            weights, rounded(changes), "weight %{x}: %{y} points of mAP<extra></extra>",
            mode="lines+markers", name="trials", line={"color": FIRST}, marker={"size": 7},
            error_y=error_bars(changes, spans, FIRST, thickness=1, width=4),
        )
    ]  # fmt: skip
    if gate.weight is not None:
        marker = {"size": 14, "color": SECOND, "symbol": "circle-open", "line": {"width": 3}}
        traces.append(points([gate.weight], rounded([100 * gate.change]), None, name="chosen", marker=marker))
    layout = {
        "xaxis": {"title": {"text": "weight of event chances"}, "zeroline": False},
        "yaxis": {"title": {"text": "change of annotated mAP, points"}, "rangemode": "tozero", "zeroline": True},
        "legend": LEGEND,
        "margin": {"l": 60, "r": 20, "t": 34, "b": 46},
    }
    pairs = ", ".join(f"{weight:g}: {change:+.1f}" for weight, change in zip(weights, changes))
    alt = f"Points of annotated mAP that each weight of event chances changes in trials: {pairs}"
    return [gate.said, draw(Figure(traces, alt, layout))]


def _calibration(found: EventCalibration | None) -> Sequence[Child]:
    """How far the chances can be believed, in words and as a reliability diagram."""
    if found is None:
        return []
    chances, shares = [one.chance for one in found.bins], [one.share for one in found.bins]
    counts = [f"{one.pairs:,}" for one in found.bins]
    traces = [
        points([0, 1], [0, 1], None, mode="lines", name="as believed", line={"color": QUIET, "dash": "dot"}),
        points(
            rounded(chances), rounded(shares), "chance %{x}, there %{y}, %{text} pairs<extra></extra>",
            mode="lines+markers", name="chances", text=counts, line={"color": FIRST}, marker={"size": 9},
        ),
    ]  # fmt: skip
    axes = {"xaxis": "mean chance of an unannotated event", "yaxis": "share that is there"}
    layout: dict[str, Any] = {name: {"title": {"text": text}, "range": [-0.02, 1.02]} for name, text in axes.items()}
    layout |= {"legend": LEGEND, "margin": {"l": 60, "r": 20, "t": 34, "b": 46}}
    pairs = ", ".join(f"{number(one.chance)}: {number(one.share)}" for one in found.bins)
    alt = f"Mean chance and share of events that are there, in bins: {pairs}"
    return [found.said, draw(Figure(traces, alt, layout))]


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
