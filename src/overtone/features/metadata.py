"""Metadata: a table of further columns beside the features, whose rows are joined to the clips by id or by order."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np

from overtone.core import InputError
from overtone.core.printable import has_half_characters, suffix_of, uncomputed
from overtone.core.sources import check_names, read_text, require_file
from overtone.features.arrays import Column, Values
from overtone.features.base import Scalar
from overtone.features.formats import report_damage
from overtone.features.formats.parquet import check_parquet
from overtone.features.keys import IDS
from overtone.features.messages import LONGEST
from overtone.features.plain_values import plain_values, spell_out
from overtone.features.text_files import SUFFIXES, open_text

Columns = dict[str, tuple[Scalar, ...]]
"""Column to a value for each row."""

_SHOWN = 5
_INT = re.compile(r"[+-]?(0|[1-9]\d*)")
_DIGITS = 19
"""Of the largest number of 64 bits; longer ones stay words, which keep all of them."""
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOTHING = frozenset(("", "NA", "N/A", "NaN", "nan", "null", "None"))
"""Words for a missing value in a column of numbers or flags; in one of text only the empty word is."""


@dataclass(frozen=True)
class MetadataTable:
    """A table as it was read.

    Attributes:
        path: The file, as the user named it.
        columns: All columns but the ids, none without a value.
        id_column: Name of the column of ids; None where there is none.
        ids: The ids; empty where there is no such column.
        rows: Number of rows.
        notes: What was found out or left out, in sentences.
    """

    path: str
    columns: Columns
    id_column: str | None
    ids: tuple[str, ...]
    rows: int
    notes: tuple[str, ...] = ()


def read_metadata(
    path: str | Path, id_column: str | None = None, *, words: bool = False, what: str = "a table of metadata"
) -> MetadataTable:
    """Read a table of metadata.

    Args:
        path: A text file with a header (.csv, .tsv, .txt; separator, decimal mark and encoding are found out), JSON
            lines (.jsonl, .ndjson: an object a line) or Parquet.
        id_column: The column of ids, where it has none of the usual names (``id``, ``ids``, ``clip_id``, ...).
        words: Whether all values of a text file stay words.
        what: What it should hold, for messages.

    Returns:
        Columns of text, whole numbers, numbers or flags; what is nested is left out with a note.

    Raises:
        InputError: There is no such file, or it is no such table; the sentence names the line.
    """
    file = require_file(path, what)
    read = _READERS.get(file.suffix.lower())
    if read is None:
        valid = f"{', '.join(sorted(_READERS))}"
        raise InputError(f"{path}: unknown kind of table", got=suffix_of(file), valid=valid)
    found, notes = read(file, words)
    _check_text(found, path)
    rows = max(map(len, found.values()), default=0)
    if not rows:
        raise InputError(f"{path}: there are no rows")
    name = next((name for name in (id_column, *IDS) if name in found), None)
    ids = tuple(spell_out(to_array(found.pop(name)))) if name is not None else ()
    empty = [column for column, values in found.items() if all(value is None for value in values)]
    if empty:
        notes.append(f"{path}: no value in {list_names(empty)}: left out")
    columns = {column: values for column, values in found.items() if column not in empty}
    return MetadataTable(str(path), columns, name, ids, rows, tuple(notes))


def _check_text(columns: Columns, path: str | Path) -> None:
    """Refuse halves of characters, which JSON can hold and no other file."""
    for name, values in columns.items():
        row = next((row for row, text in enumerate((name, *values)) if has_half_characters(str(text))), None)
        if row is not None:
            where = f"{path}, column {name!r}" + (f", row {row - 1}" if row else "")
            raise InputError(f"{where}: text that is not UTF-8, as names of files can be", fix="rename what it names")


def list_names(names: Sequence[str]) -> str:
    """The first few of many names, for messages."""
    shown = ", ".join(repr(name[:LONGEST]) for name in names[:_SHOWN])
    return shown + (f", ... {len(names):,} in all" if len(names) > _SHOWN else "")


def _read_text_table(path: Path, as_words: bool) -> tuple[Columns, list[str]]:
    table = open_text(path)
    check_names(table.names, path)
    notes, words = [f"{path}: {note}" for note in table.notes], [list[str]() for _ in table.names]
    for batch in table.columns():
        for column, part in zip(words, batch):
            column += part.to_pylist()
    if "" in table.names:
        notes.append(f"{path}: a column without a name is left out")
    named = [(name, column) for name, column in zip(table.names, words) if name]
    comma = table.decimal_comma
    return {name: _as_text(column) if as_words else type_words(column, comma) for name, column in named}, notes


def _read_json_lines(path: Path, _: bool) -> tuple[Columns, list[str]]:
    rows: list[Mapping[str, object]] = []
    for number, line in enumerate(read_text(path, "JSON lines").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: not JSON ({str(error)[:80]})", valid="an object a line") from None
        if not isinstance(row, dict):
            what = f"{path}, line {number}: not an object"
            raise InputError(what, got=type(row).__name__, valid='{"id": "clip3", "title": "a dog"}')
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return _plain({name: [row.get(name) for row in rows] for name in names}, path)


def _read_parquet(path: Path, _: bool) -> tuple[Columns, list[str]]:
    import pyarrow.parquet
    import pyarrow.types as kinds

    with report_damage(path, "a Parquet file"):
        check_parquet(path)
        table = pyarrow.parquet.read_table(path)
        index = [column for column in (table.schema.pandas_metadata or {}).get("index_columns", ()) if column != "id"]
        found: dict[str, list[object]] = {}
        for number, name in enumerate(table.column_names):
            column = table.column(number)
            if not name or (name in index and name.startswith("__index_level")):
                continue
            if kinds.is_date(column.type) or kinds.is_timestamp(column.type) or kinds.is_time(column.type):
                column = column.cast(pyarrow.string())  # ISO 8601, which sorts by time
            found[name] = column.to_pylist()
    return _plain(found, path)


_READERS: dict[str, Callable[[Path, bool], tuple[Columns, list[str]]]] = {
    **dict.fromkeys(SUFFIXES, _read_text_table),
    **dict.fromkeys((".jsonl", ".ndjson"), _read_json_lines),
    **dict.fromkeys((".parquet", ".pq"), _read_parquet),
}
"""Suffix to reader."""


def type_words(words: Sequence[str], decimal_comma: bool = False) -> tuple[Scalar, ...]:
    """Words of a column as what all of them are: flags, whole numbers, numbers, or text.

    Example:
        >>> type_words(["1", "NA", "3"]), type_words(["1.5", "2"]), type_words(["007", ""]), type_words(["true", ""])
        ((1, None, 3), (1.5, 2.0), ('007', None), (True, None))
    """
    known = [word for word in words if word not in _NOTHING]
    if all(map(_INT.fullmatch, known)) and not all(len(word) <= _DIGITS + 1 and _is_int64(int(word)) for word in known):
        return _as_text(words)
    kinds: tuple[tuple[Callable[[str], object], Callable[[str], Scalar]], ...] = (
        (lambda word: word in _FLAGS, _FLAGS.__getitem__),
        (_INT.fullmatch, int),
        (lambda word: _number(word, decimal_comma) is not None, lambda word: _number(word, decimal_comma)),
    )
    for fits, convert in kinds if known else ():
        if all(map(fits, known)):
            return tuple(None if word in _NOTHING else convert(word) for word in words)
    return _as_text(words)


def _as_text(words: Sequence[str]) -> tuple[Scalar, ...]:
    return tuple(uncomputed(word) if word else None for word in words)


def _number(word: str, decimal_comma: bool) -> float | None:
    """A word as a number, unless it is none or a code that would lose its zeros."""
    word = word.replace(",", ".") if decimal_comma else word
    if re.match(r"[+-]?0\d", word) or not word.isascii() or "_" in word:
        return None
    try:
        found = float(word)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _plain(found: Mapping[str, Sequence[object]], path: Path) -> tuple[Columns, list[str]]:
    """Columns of Python values as scalars of one kind; those of lists, bytes and the like are left out."""
    columns: Columns = {}
    nested: list[str] = []
    for name, values in found.items():
        column = _scalars(values)
        if column is None:
            nested.append(name)
        else:
            columns[name] = column
    return columns, ([f"{path}: lists, bytes and the like are not taken: {list_names(nested)}"] if nested else [])


def _scalars(values: Sequence[Any]) -> tuple[Scalar, ...] | None:
    """Values of one kind, None for none; of several kinds their words; None where one is no scalar."""
    there = [None if value is None or value != value or value == "" else value for value in values]
    known = [value for value in there if value is not None]
    if all(isinstance(value, bool) for value in known):
        return tuple(there)
    numbers = [value for value in known if hasattr(value, "__float__") and not isinstance(value, (bool, str))]
    if len(numbers) == len(known):
        if not all(isinstance(value, int) for value in known):
            return tuple(None if value is None else _finite(value) for value in there)
        if all(map(_is_int64, known)):
            return tuple(there)
    if all(isinstance(value, (str, int, float)) for value in known):
        return tuple(None if value is None else str(value) for value in there)
    return None


def _is_int64(value: int) -> bool:
    return abs(value) < 1 << 63


def _finite(value: SupportsFloat) -> float | None:
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def to_array(values: Sequence[Scalar]) -> Values:
    """Values of a column as an array: text, numbers with NaN for none, whole numbers or flags where all are known.

    Whole numbers that NaN would cost digits are text.

    Example:
        >>> to_array(["a", None]).tolist(), to_array([1, None]).tolist(), to_array([True, False]).tolist()
        (['a', ''], [1.0, nan], [True, False])
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values) and all(isinstance(value, bool) for value in known):
        return np.array(["" if value is None else str(value).lower() for value in values], dtype=str)
    found = plain_values(values)
    assert found is not None  # as none is a list or another object
    return found


def from_column(column: Column) -> tuple[Scalar, ...]:
    """Values of a column of a file that :func:`to_array` wrote, or of any other with one value a row."""
    if any(part.textual for part in column.parts):
        return tuple(word or None for word in column.text())
    return tuple(None if value != value else value for value in column.read().ravel().tolist())
