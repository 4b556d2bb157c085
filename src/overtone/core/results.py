"""What every result offers: a few lines of text, the same as HTML, and its rows for pandas or polars."""

from __future__ import annotations

import importlib.util
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any, ClassVar, Literal

from overtone.core.errors import InputError, unknown_name
from overtone.core.printable import printable

Record = dict[str, Any]
"""One row: column to a plain value; None where there is none."""
FrameLibrary = Literal["pandas", "polars"]

_ROWS = 10
"""Rows that are shown at most."""
_WIDTH, _CELL, _HEAD = 110, 36, 240
"""Characters of a line, of a cell, and of a headline."""
_NOTHING = "–"


class Result(ABC):
    """Base of results: ``print`` and a notebook show a headline and a few rows, :meth:`to_frame` gives all of them.

    A result says what it is in :meth:`headline` and what it holds in :meth:`iter_records`; a dataclass among them is
    declared with ``repr=False``.
    """

    more: ClassVar[str] = "… and more: .to_frame() or .records() has all rows"
    """What stands below rows that are not all."""

    @abstractmethod
    def headline(self) -> str:
        """What this is, in one line."""

    @abstractmethod
    def iter_records(self) -> Iterator[Record]:
        """The rows of :meth:`to_frame`, one after the other."""

    def records(self) -> list[Record]:
        """All rows as dictionaries of plain values, the same as in :meth:`to_frame`."""
        return list(self.iter_records())

    def to_frame(self, library: FrameLibrary | None = None) -> Any:
        """All rows as a data frame.

        Args:
            library: ``"pandas"`` or ``"polars"``; by default the one that is imported already, or else the one that is
                installed, pandas first.

        Returns:
            A ``pandas.DataFrame`` or a ``polars.DataFrame``.

        Raises:
            InputError: There is no such library, or it is not installed.
        """
        return make_frame(self.records(), library)

    def shown_records(self) -> Iterator[Record]:
        """The rows that ``print`` and a notebook show the first ten of; all rows unless a result chooses."""
        return self.iter_records()

    def __repr__(self) -> str:
        rows, more = _first(self.shown_records())
        lines = text_table(rows)
        return "\n".join(
            [f"{type(self).__name__}({_cut(self.headline(), _HEAD)})", *lines, *([self.more] if more else [])]
        )

    def _repr_html_(self) -> str:
        rows, more = _first(self.shown_records())
        head = f"<strong>{type(self).__name__}</strong> · {escape(_cut(self.headline(), _HEAD))}"
        below = f"<p>{escape(self.more)}</p>" if more else ""
        return f"<div><p>{head}</p>{html_table(rows)}{below}</div>"


def make_frame(records: Sequence[Mapping[str, Any]], library: FrameLibrary | None = None) -> Any:
    """A data frame of rows; see :meth:`Result.to_frame`.

    Raises:
        InputError: There is no such library, or it is not installed.
    """
    known = ("pandas", "polars")
    if library is not None and library not in known:
        raise unknown_name("library of data frames", library, known)
    choices = [library] if library else sorted(known, key=lambda name: name not in sys.modules)
    chosen = next((name for name in choices if importlib.util.find_spec(name) is not None), None)
    if chosen is None:
        what = f"{library} is not installed" if library else "neither pandas nor polars is installed"
        raise InputError(what, fix="pip install 'overtone[frames]'; .records() needs neither")
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [record.get(name) for record in records] for name in names}
    frames = importlib.import_module(chosen)
    return frames.DataFrame(columns) if chosen == "pandas" else frames.DataFrame(columns, strict=False)


def text_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows as aligned lines with their heading; columns that a line has no room for are left out.

    Example:
        >>> print(*text_table([{"name": "a", "mAP": 0.51234}, {"name": "bb", "mAP": None}]), sep="\\n")
        name     mAP
        a     0.5123
        bb         –
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = {name: [_cut(name, _CELL), *(format_cell(row.get(name)) for row in rows)] for name in names}
    widths = {name: max(map(len, cells[name])) for name in names}
    kept, room = [], _WIDTH
    for name in names:
        room -= widths[name] + 2
        if room < 0:
            break
        kept.append(name)
    right = {name for name in kept if all(is_number(row.get(name)) or row.get(name) is None for row in rows)}
    aligned = [
        [cell.rjust(widths[name]) if name in right else cell.ljust(widths[name]) for cell in cells[name]]
        for name in kept
    ]
    cut = "  …" if len(kept) < len(names) else ""
    return [("  ".join(line) + cut).rstrip() for line in zip(*aligned)]


def html_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as an HTML table; every text in it is escaped."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return ""
    head = "".join(f"<th>{escape(_cut(name, _CELL))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(format_cell(row.get(name)))}</td>" for name in names) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def format_cell(value: object) -> str:
    """A value as a table shows it: numbers with four digits, long texts cut.

    Example:
        >>> format_cell(0.123456), format_cell(1234), format_cell(None), format_cell(("a", "b"))
        ('0.1235', '1234', '–', 'a, b')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _NOTHING
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return _cut(str(value), _CELL)


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "seed"), counted(1200, "query", "queries")
        ('1 seed', '1,200 queries')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def is_number(value: object) -> bool:
    """Whether a value is a number, and no flag."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cut(text: str, most: int) -> str:
    """A text on one line, without characters that nobody sees, and not longer than it may be."""
    shown = printable(text, lines=False)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _first(records: Iterable[Record]) -> tuple[list[Record], bool]:
    """The rows to show, and whether there are more."""
    rows = list(islice(records, _ROWS + 1))
    return rows[:_ROWS], len(rows) > _ROWS
