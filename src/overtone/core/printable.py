"""Names from files as they may be shown: on a terminal, in a table for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

_UNSEEN = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
"""Control characters but for tab and newline, marks that turn the direction of text, and halves of characters."""
_UNPRINTABLE = re.compile(f"[{_UNSEEN}]")
_HALF = re.compile("[\ud800-\udfff]")
_FORMULA = re.compile(r"\s*[=@\t\r]|\s*[+\-](?![\w.,+\-]*$)")
"""What a spreadsheet would compute; numbers, and names such as -3DGy5Kn6ug, are none."""


def printable(text: str, *, lines: bool = True) -> str:
    r"""A text in which no character can move the cursor, change colours or hide others; those are written out.

    Args:
        text: Any text.
        lines: Whether newlines and tabs stay as they are.

    Returns:
        The text with ``\x1b`` and its like as four or six characters.

    Example:
        >>> printable("a\x1b[31mb"), printable("a\nb", lines=False)
        ('a\\x1b[31mb', 'a\\nb')
    """
    shown = _UNPRINTABLE.sub(lambda found: _escaped(found[0]), text)
    return shown if lines else shown.replace("\n", "\\n").replace("\t", "\\t")


def has_half_characters(text: str) -> bool:
    r"""Whether a text has halves of characters, as Python reads file names that are not UTF-8; no file can hold it.

    Example:
        >>> has_half_characters("caf\udce9.wav"), has_half_characters("café.wav")
        (True, False)
    """
    return _HALF.search(text) is not None


def printable_json(text: str) -> str:
    r"""A JSON document that means the same, without unprintable characters.

    Example:
        >>> printable_json('{"a": "\x9b"}')
        '{"a": "\\u009b"}'
    """
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def format_csv(rows: Iterable[Sequence[object]]) -> str:
    r"""Rows as CSV that no spreadsheet takes for formulas: such a text gets a ``'`` in front.

    Args:
        rows: The heading and the rows below it.

    Example:
        >>> format_csv([["id", "n"], ["=1+2", -3], ["-3DGy", 0.5]])
        "id,n\n'=1+2,-3\n-3DGy,0.5\n"
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(map(_cell, row)) for row in rows])
    return text.getvalue()


def uncomputed(cell: str) -> str:
    r"""A text from a table as it was before :func:`format_csv` kept it from being a formula.

    Example:
        >>> uncomputed("'=1+2"), uncomputed("'tis")
        ('=1+2', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    shown = _UNPRINTABLE.sub(lambda found: _escaped(found[0]), value)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def suffix_of(path: PurePath) -> str:
    """The suffix of a name, as a message says what it got.

    Example:
        >>> suffix_of(PurePath("clips.doc")), suffix_of(PurePath("clips"))
        ("suffix '.doc'", 'no suffix')
    """
    return f"suffix {path.suffix!r}" if path.suffix else "no suffix"
