"""Results as people read them in a terminal: aligned tables with intervals, and a plain sentence under them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from overtone.report.contest import Contest
from overtone.report.verdict import verdicts
from overtone.report.words import DASH, difference_in_words, duration, metric_name, number, plural, span

INTERVAL = "95 %\ninterval"
SHOWN = ("map", "map_events", "map_running", "map@r", "ndcg", "recall@1", "recall@5", "recall@10")
LOOK: dict[str, Any] = {
    "box": box.SIMPLE_HEAD,
    "title_justify": "left",
    "title_style": "bold",
    "pad_edge": False,
    "padding": (0, 1, 0, 0),
}
SENTENCES = ("notes", "warnings", "problems")
SHOWN_OF_PARTNERS = ("instance_recall@1", "instance_recall@10", "median_rank")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], title: str | None = None, *, numbers: bool = True
) -> Table:
    """A table; all columns but the first are numbers, aligned on the right, unless said otherwise."""
    made, rows = Table(title=title, **LOOK), list(rows)
    for index, column in enumerate(columns):
        fixed = numbers or not index
        width = max(len(line) for cell in (column, *(row[index] for row in rows)) for line in str(cell).split("\n"))
        justify: Literal["left", "right"] = "right" if index and numbers else "left"
        made.add_column(column, justify=justify, no_wrap=fixed, min_width=width if fixed else None)
    for row in rows:
        made.add_row(*row)
    return made


def arrows(modalities: Sequence[str]) -> tuple[str, str]:
    """The two directions as narrow headings: ``audio →`` above ``visual``, and back."""
    first, second = modalities
    return f"{first} →\n{second}", f"{second} →\n{first}"


def evaluation_table(evaluation: Mapping[str, Any]) -> list[RenderableType]:
    """One evaluation: a row per metric, both directions, the interval where there is one, chance as the last row."""
    rows: list[Sequence[str | Text]] = []
    for key in (*SHOWN, *SHOWN_OF_PARTNERS, "chance_map"):
        values = evaluation.get(key)
        if isinstance(values, Mapping):
            cells = [number(values.get(way)) for way in ("a2v", "v2a", "mean")]
            rows.append((metric_name(key)[0], *cells, span(values["ci95"]) if "ci95" in values else ""))
    title = f"Retrieval, {plural(evaluation['queries'], 'query', 'queries')} in each direction"
    shown: list[RenderableType] = [table(("", *arrows(evaluation["modalities"]), "mean", INTERVAL), rows, title)]
    skipped = sum(evaluation.get("skipped_queries", {}).values())
    if skipped:
        were = "query has" if skipped == 1 else "queries have"
        shown.append(f"{skipped:,} {were} nothing relevant in the gallery and count in no mean.")
    return shown


def class_table(evaluation: Mapping[str, Any]) -> list[RenderableType]:
    """The mAP of each class, the best first; nothing without labels."""
    classes: Mapping[str, Any] = evaluation.get("per_class", {})
    ranked = sorted(classes, key=lambda name: -(classes[name]["mean"] or 0.0))
    rows = [
        [name, *(number(classes[name][way]) for way in ("a2v", "v2a", "mean")), number(classes[name]["queries"])]
        for name in ranked
    ]
    columns = ("class", *arrows(evaluation["modalities"]), "mean", "queries")
    return [table(columns, rows, "mAP per class")] if rows else []


def comparison_table(comparison: Mapping[str, Any]) -> list[RenderableType]:
    """The table of a paper: the best method first and marked, mean ± std over seeds, intervals, ablations, chance."""
    contest, metric = Contest(comparison), comparison["metric"]
    columns = ["method", f"{metric_name(metric)[0]}\n± std", INTERVAL, *arrows(comparison["modalities"]), "R@1", "time"]
    rows = [method_row(name, found, metric, best=name == contest.winner) for name, found in contest.methods.items()]
    rows += [method_row(name, found, metric) for name, found in contest.ablation.items()]
    chance = comparison.get("chance_map")
    if chance:
        ways = [number(chance[way]) for way in ("a2v", "v2a")]
        rows.append([Text(cell, style="dim") for cell in ("chance", number(chance["mean"]), "", *ways, "", "")])
    entries = {**contest.methods, **contest.ablation}
    if all("map_events" in found for found in entries.values()):  # the full truth is known
        columns.insert(-2, "mAP,\nall events")
        cells = [number(found["map_events"]["mean"]) for found in entries.values()]
        for row, cell in zip(rows, [*cells, *[""] * (len(rows) - len(cells))]):
            row.insert(-2, cell)
    title = (
        f"{comparison['corpus']}: {plural(comparison['queries'], 'test query', 'test queries')} in each direction, "
        f"mean over {plural(len(contest.seeds), 'seed')}"
    )
    tests = [difference_in_words(test["a"], test["b"], test) for test in comparison.get("paired_tests", [])]
    return [table(columns, rows, title), *tests, *verdicts(contest)]


def method_row(name: str, found: Mapping[str, Any], metric: str, best: bool = False) -> list[str | Text]:
    """A row of the comparison; the best is marked with a star, and bold where the terminal can."""
    values = found[metric]
    recall = found.get("recall@1") or found.get("instance_recall@1") or {}
    spread = values.get("std")
    cells = [
        f"{name} *" if best else name,
        number(values["mean"]) + (f" ± {number(spread)}" if spread is not None else ""),
        span(values.get("ci95")),
        number(values["a2v"]),
        number(values["v2a"]),
        number(recall.get("mean")),
        duration(found.get("seconds")),
    ]
    return [Text(cell, style="bold" if best else "") for cell in cells]


def inspection(found: Mapping[str, Any]) -> list[RenderableType]:
    """What is in a source: a line for every fact, a line for every part of one; then warnings and problems."""
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column()
    for key, value in found.items():
        if key not in (*SENTENCES, "checksum") and value not in (None, {}, [], ""):
            parts = [f"{name}: {plainly(part)}" for name, part in value.items()] if isinstance(value, Mapping) else []
            facts.add_row(key.replace("_", " "), Text("\n".join(parts) or plainly(value)))
    shown: list[RenderableType] = [facts]
    for kind in SENTENCES:
        shown += [f"{kind.removesuffix('s')}: {sentence}" for sentence in found.get(kind, ())]
    if not found.get("problems"):
        alone = "a single view, for overtone diagnose; training takes two modalities"
        use = alone if len(found["modalities"]) == 1 else "this can be trained on"
        shown.append(f"No problems: {use}.")
    return shown


def plainly(value: Any) -> str:
    """A value without brackets and quotes.

    Example:
        >>> plainly({"train": 3, "sizes": [2, 4]}), plainly(["a", "b"]), plainly([])
        ('train 3, sizes 2 × 4', 'a, b', '–')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plainly(item)}" for name, item in value.items()) or DASH
    if isinstance(value, (list, tuple)):
        sizes = bool(value) and all(isinstance(item, int) for item in value)
        return (" × " if sizes else ", ").join(plainly(item) for item in value) or DASH
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def settings_table(rows: Iterable[tuple[str, str, str, str]], title: str) -> Table:
    """Settings with type, default and description, as :meth:`overtone.core.Settings.table` gives them."""
    made = Table(title=title, **LOOK)
    for column, fixed in (("setting", True), ("default", True), ("what it does", False)):
        made.add_column(column, no_wrap=fixed)
    for name, _, default, description in rows:
        made.add_row(Text(name), Text("by corpus" if default == "None" else default), Text(description))
    return made
