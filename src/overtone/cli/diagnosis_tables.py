"""A diagnosis as people read it in a terminal: one table, then the verdict in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from overtone.cli.tables import table
from overtone.report.words import number, plural

COLUMNS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "within-class\nvariance": lambda entry: entry["intra_variance"],
    "centroid\ndistance": lambda entry: entry["centroid_distance"]["mean"],
    "smallest\ngap": lambda entry: entry["smallest_gap"],
    "effective\nrank": lambda entry: entry["effective_rank"],
    "active\nratio": lambda entry: _last(entry.get("active_ratio")),
    "gradient\nnorm": lambda entry: _last(entry.get("gradient_norm")),
    "R@1": lambda entry: entry.get("recall@1"),
    "mAP@R": lambda entry: entry.get("map@r"),
    "mAP": lambda entry: entry.get("map"),
}
WITH_SPREAD = {"within-class\nvariance": "intra_variance", "R@1": "recall@1", "mAP": "map"}
"""Columns that show ± one standard deviation over the seeds."""


def diagnosis_tables(diagnosis: Mapping[str, Any]) -> list[RenderableType]:
    """The table of losses, the verdict on each, and which to take for what."""
    features = diagnosis["features"]
    rows = [[name, *(_cell(entry, column) for column in COLUMNS)] for name, entry in diagnosis["losses"].items()]
    if "intra_variance" in features:
        rows.append(["(features)", *(_cell(features, column) for column in COLUMNS)])
    judged = "across " + " and ".join(diagnosis["modalities"]) if diagnosis["protocol"] == "across" else "one view"
    title = (
        f"{plural(diagnosis['rows']['test'], 'test row')} of "
        f"{plural(diagnosis['classes']['test'], 'class', 'classes')}, {judged}"
    )
    if diagnosis["seeds"]:
        title += f"; mean of {plural(len(diagnosis['seeds']), 'seed')} ± standard deviation, last epoch"
    shown: list[RenderableType] = [table(("loss", *COLUMNS), rows, title)] if rows else []
    for name, entry in {**diagnosis["losses"], "features": features}.items():
        shown += [f"{name}: {hit['says']} {hit['advice']}" for hit in entry.get("verdict", ())]
    sentences: Sequence[str] = diagnosis["recommendation"].get("sentences", ())
    return [*shown, *(["", *sentences] if sentences else ())]


def _cell(entry: Mapping[str, Any], column: str) -> str:
    value = number(COLUMNS[column](entry))
    spread = entry.get("over_seeds", {}).get(WITH_SPREAD.get(column), {}).get("std")
    return value if spread is None else f"{value} ± {number(spread)}"


def _last(values: Sequence[float | None] | None) -> float | None:
    return values[-1] if values else None
