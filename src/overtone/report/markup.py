"""Elements and tables of HTML; text is escaped unless it was made here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from overtone.report.words import number

VOID = frozenset({"br", "hr", "meta", "line", "circle", "rect", "path"})
"""Elements that have no end tag in this report (the shapes are written self-closing, as SVG wants them)."""


_PERCENT = re.compile(r"(?<=\d) %")
"""Per cent and its number stay on one line."""
_WHOLE_NAME = 24
"""Letters of a name up to which it stands on one line."""


class Markup(str):
    """A piece of finished HTML; every other string is text, and is escaped when it is put into an element."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]
"""What an element may hold: markup, text, numbers, nothing, or any nesting of these."""


def markup(*children: Child) -> Markup:
    """Join children into one piece of HTML, escaping whatever is not markup.

    Example:
        >>> markup("a < b ", el("b", "c & d"))
        'a &lt; b <b>c &amp; d</b>'
        >>> markup("2.2 % of the rows")  # the space is one that no line ends at
        '2.2\\xa0% of the rows'
    """
    return Markup("".join(_render(child) for child in children))


def el(tag: str, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """One element. A trailing or inner underscore in an attribute's name is dropped or becomes a hyphen.

    None and False leave an attribute out, True writes it without a value.

    Example:
        >>> el("td", "<script>", class_="number", data_row=3)
        '<td class="number" data-row="3">&lt;script&gt;</td>'
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{markup(*children)}</{tag}>")


def link_to_media(path: str, text: Child) -> Markup:
    """A link to a media file on this machine; an address with a scheme stays text, so that the report opens nothing.

    Example:
        >>> link_to_media("clips/a b.wav", "clip"), link_to_media("javascript:alert(1)", "clip")
        ('<a href="clips/a%20b.wav">clip</a>', '<span title="javascript:alert(1)">clip</span>')
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\\\", path):
        return el("span", text, title=path)
    place = PurePath(path)
    return el("a", text, href=place.as_uri() if place.is_absolute() else quote(path))


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        kind: ``"name"`` (the row's heading), ``"number"`` (to the right), ``"text"``, or ``"words"`` (a remark, which
            a narrow screen hides).
        best: Whether the greatest (``"high"``) or the smallest (``"low"``) number is printed in bold.
        write: How its numbers are written.
    """

    title: str
    kind: str = "number"
    best: str | None = None
    write: Callable[[Any], str] = number


Cell = str | float | None
Columns = list[Column | str]
"""What the columns of a table are; a title alone is the rows' name if it comes first, otherwise a number."""


def texts(*titles: str) -> list[Column]:
    """Columns of text."""
    return [Column(title, "text") for title in titles]


def table(columns: Columns, rows: Iterable[Sequence[Cell]], *, caption: Child = None) -> Markup:
    """A table, in a box that scrolls sideways where the page is narrow.

    Args:
        columns: See :data:`Columns`.
        rows: Cells, as many per row as there are columns: text, finished markup, or a number, which is formatted; None
            becomes a dash.
        caption: What stands above the table.
    """
    kinds = [Column(one, "number" if at else "name") if isinstance(one, str) else one for at, one in enumerate(columns)]
    lines = [list(row) for row in rows]
    champions = [_best(column, [line[at] for line in lines]) for at, column in enumerate(kinds)]
    classes = [None if column.kind == "name" else column.kind for column in kinds]
    head = el("tr", [el("th", one.title, scope="col", class_=class_) for one, class_ in zip(kinds, classes)])
    body = [el("tr", map(_cell, kinds, line, champions)) for line in lines]
    title = None if caption is None else el("caption", el("span", caption))
    return el("div", el("table", title, el("thead", head), el("tbody", body)), class_="scroll")


def _attribute(name: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'


def _render(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, (str, int, float)):
        return escape(_PERCENT.sub("\u00a0%", str(child)))
    return "".join(_render(item) for item in child)


def _best(column: Column, cells: Sequence[Cell]) -> float | None:
    numbers = [cell for cell in cells if isinstance(cell, (int, float)) and cell == cell]
    if column.best is None or len(numbers) < 2:
        return None
    return max(numbers) if column.best == "high" else min(numbers)


def _cell(column: Column, cell: Cell, champion: float | None) -> Markup:
    written = cell if isinstance(cell, str) else column.write(cell)
    if column.kind == "name":
        # a hyphen in a short name is no place to break it; a long one must not push the numbers out of sight
        whole = isinstance(cell, Markup) or len(written) <= _WHOLE_NAME
        return el("th", written, scope="row", class_="whole" if whole else None)
    best = champion is not None and isinstance(cell, (int, float)) and cell == champion
    return el("td", written, class_=f"{column.kind} best" if best else column.kind)
