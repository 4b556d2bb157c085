"""Tables: words to the left, numbers to the right, the best of a column in bold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from overtone.report.markup import Child, Markup, el
from overtone.report.words import number


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        kind: ``"name"`` (the row's heading), ``"number"`` (to the right) or ``"words"`` (a remark).
        best: Whether the greatest (``"high"``) or the smallest (``"low"``) number is printed in bold.
        write: How its numbers are written.
    """

    title: str
    kind: str = "number"
    best: str | None = None
    write: Callable[[Any], str] = number


def table(columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, caption: Child = None) -> Markup:
    """A table. A cell is text, finished markup, or a number, which is formatted; None becomes a dash.

    Args:
        columns: What the columns are.
        rows: Cells, as many per row as there are columns.
        caption: What stands above the table.

    Returns:
        The table in a box that scrolls sideways where the page is narrow.
    """
    lines = [list(row) for row in rows]
    champions = [_best(column, [line[at] for line in lines]) for at, column in enumerate(columns)]
    head = el("tr", [el("th", column.title, scope="col", class_=_class(column)) for column in columns])
    body = [
        el("tr", [_cell(column, cell, champion) for column, cell, champion in zip(columns, line, champions)])
        for line in lines
    ]
    title = None if caption is None else el("caption", caption)
    return el("div", el("table", title, el("thead", head), el("tbody", body)), class_="scroll")


def _best(column: Column, cells: Sequence[Any]) -> float | None:
    numbers = [cell for cell in cells if isinstance(cell, (int, float)) and cell == cell]
    if column.best is None or len(numbers) < 2:
        return None
    return max(numbers) if column.best == "high" else min(numbers)


def _class(column: Column) -> str | None:
    return None if column.kind == "name" else column.kind


def _cell(column: Column, cell: Any, champion: float | None) -> Markup:
    written = cell if isinstance(cell, str) else column.write(cell)
    if column.kind == "name":
        return el("th", written, scope="row")
    best = champion is not None and isinstance(cell, (int, float)) and cell == champion
    return el("td", written, class_=f"{column.kind} best" if best else column.kind)
