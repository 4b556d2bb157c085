"""Tables in text files: encoding, separator, decimal mark and header are found out, then rows are read in blocks."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.features.formats import report_damage
from overtone.features.messages import LONGEST

SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".dat")

_SAMPLE = 1 << 16
"""Bytes by which the layout is judged."""
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_MOST_COLUMNS = 100_000
_LINE_END = re.compile(r"\r\n|\n|\r")
_MOST_CHARACTERS = 1 << 26


@dataclass(frozen=True)
class TextTable:
    """A table in a text file; nothing but its first lines is read yet.

    Attributes:
        path: The file.
        names: One for each column, as the header has it; empty where it has none.
        separator: Between two values.
        decimal_comma: Whether 1,5 means 1.5.
        encoding: Of the characters.
        notes: What was found out and is not the usual, in sentences.
        skipped: Lines above the first row: the header and comments.
    """

    path: Path
    names: tuple[str, ...]
    separator: str
    decimal_comma: bool
    encoding: str
    notes: tuple[str, ...]
    skipped: int = 1

    def batches(self) -> Iterator[list[NDArray[Any]]]:
        """The columns, some thousands of rows at a time, as text without the blanks around it."""
        import pyarrow.compute as compute

        for columns in self.columns():
            for name, column in zip(self.names, columns):
                longest = compute.max(compute.utf8_length(column)).as_py() or 0
                if longest * len(column) > _MOST_CHARACTERS:  # an array of numpy has all texts as long as the longest
                    what = f"{self.path}, column {name[:LONGEST]!r}: a text of {longest:,} characters"
                    raise InputError(what, fix="leave it out: a table of numbers has none")
            yield [column.to_numpy(zero_copy_only=False).astype(str) for column in columns]

    def columns(self) -> Iterator[list[Any]]:
        """The columns, some thousands of rows at a time, as pyarrow's text without the blanks around it."""
        import pyarrow
        import pyarrow.compute as compute
        import pyarrow.csv as arrow

        keys = [f"column {at}" for at in range(len(self.names))]
        blanks, encoding = self.separator == " ", self.encoding.replace("-sig", "")
        skipped = 0 if blanks else self.skipped
        reading = arrow.ReadOptions(column_names=keys, skip_rows=skipped, encoding=encoding)
        parsing = arrow.ParseOptions(delimiter=self.separator)
        converting = arrow.ConvertOptions(column_types=dict.fromkeys(keys, pyarrow.string()), strings_can_be_null=False)
        try:
            with self.path.open("rb") as file:
                source = cast(Any, _Squeezed(file, self.skipped) if blanks else file)
                reader = arrow.open_csv(source, read_options=reading, parse_options=parsing, convert_options=converting)
                for batch in reader:
                    yield [compute.utf8_trim_whitespace(column) for column in batch.columns]
        except (pyarrow.ArrowException, UnicodeError, OSError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> InputError:
        reason = str(error).split("\n")[0][:200]
        odd = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", reason)
        if odd:
            line, wanted, got = odd.groups()
            what = f"{self.path}, line {line}: {got} values, but there are {wanted} columns"
            return InputError(what, fix="mend the line; values that hold the separator need quotes")
        if "Empty CSV" in reason:
            return InputError(f"{self.path}: there are no rows")
        return InputError(f"{self.path}: cannot be read as a table ({reason})", fix="save it as UTF-8 with one header")


def open_text(path: Path) -> TextTable:
    """Find out how a text file holds a table.

    Raises:
        InputError: It has no header, or is no text.
    """
    with report_damage(path, "a table"), path.open("rb") as file:
        head = file.read(_SAMPLE)
    encoding = _find_encoding(path, head)
    text = head.decode(encoding, "ignore")
    if "\0" in text:
        raise InputError(f"{path}: not a text file", valid="a table with a header in .csv, .tsv or .txt, or .parquet")
    comments, lines = _part_comments(_LINE_END.split(text)[: 200 if len(head) < _SAMPLE else 100])
    if not lines:
        raise InputError(f"{path}, line 1: not a header", got="nothing", fix="name the columns there")
    separator = _find_separator(lines)
    skipped = comments + 1
    if comments and all(map(_is_number, _split(lines[0], separator))):  # the last comment is the header
        skipped, lines = comments, [_LINE_END.split(text)[comments - 1].lstrip().lstrip("#"), *lines]
    rows = [_split(line, separator) for line in lines]
    names, notes = [name.strip() for name in rows[0]], []
    if len(rows) > 1 and len(rows[1]) == len(names) + 1 and separator != "," and names[0]:
        names = ["", *names]  # as R writes row names: the header has no name for them
    if len(names) > _MOST_COLUMNS:
        raise InputError(f"{path}: too many columns", got=len(names), valid=f"up to {_MOST_COLUMNS:,}")
    if not any(names) or any(_is_number(name) for name in names if name):
        got = ", ".join(name[:40] for name in names[:5]) or "nothing"
        raise InputError(f"{path}, line 1: not a header", got=got, fix="name the columns there")
    cells = [cell.strip() for row in rows[1:] for cell in row]
    comma = separator != "," and any(map(_DECIMAL_COMMA.fullmatch, cells)) and not _decimal_points(cells)
    if separator != {".tsv": "\t", ".tab": "\t"}.get(path.suffix.lower(), ",") or comma:
        notes.append(f"values are separated by {_SEPARATORS[separator]}{', with decimal commas' if comma else ''}")
    if encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"not UTF-8: read as {encoding}")
    if comments:
        notes.append(f"{comments} lines of comments above the table are passed over")
    return TextTable(path, tuple(names), separator, comma, encoding, tuple(notes), skipped)


def _part_comments(lines: list[str]) -> tuple[int, list[str]]:
    """How many lines at the top begin with ``#``, and the lines below that are not empty."""
    count = next((at for at, line in enumerate(lines) if not line.lstrip().startswith("#")), len(lines))
    return count, [line for line in lines[count:] if line.strip()]


def _find_encoding(path: Path, head: bytes) -> str:
    """The encoding: by its mark, UTF-8 where the whole file is that, else that of Western Windows."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
        except UnicodeDecodeError:
            return "cp1252" if not any(code in head for code in (0x81, 0x8D, 0x8F, 0x90, 0x9D)) else "latin-1"
    return "utf-8"


def _find_separator(lines: list[str]) -> str:
    """The separator that parts the most lines alike, the header's included; blanks only where nothing else does."""
    best, score = ",", (0.0, 0)
    for separator in _SEPARATORS:
        counts = [len(_split(line, separator)) for line in lines[:50]]
        width = counts[1] if len(counts) > 1 else counts[0]
        if counts[0] < 2:
            continue
        alike = sum(count == width for count in counts[1:]) / max(1, len(counts) - 1)
        alike *= 0.5 if separator == " " else 1.0 if abs(counts[0] - width) < 2 else 0.3
        if (alike, counts[0]) > score and (score[0] < 0.9 or separator in ";\t|"):
            best, score = separator, (alike, counts[0])
    return best


def _split(line: str, separator: str) -> list[str]:
    if separator == " ":
        return line.split()
    with suppress(csv.Error):
        return next(csv.reader(io.StringIO(line), delimiter=separator), [])
    return line.split(separator)


def _decimal_points(cells: list[str]) -> bool:
    return any(re.fullmatch(r"[+-]?\d+\.\d+", cell) for cell in cells)


def _is_number(word: str) -> bool:
    """Whether a word of a header is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return word.lower() not in ("nan", "inf", "infinity")


class _Squeezed(io.RawIOBase):
    """A file of values between any number of blanks, with one blank between two, without its first lines."""

    def __init__(self, file: io.BufferedReader, skipped: int) -> None:
        super().__init__()
        self.file, self.waiting = file, b""
        for _ in range(skipped):
            while (line := file.readline()) and not line.strip():
                continue

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.waiting:
            line = self.file.readline()
            if not line:
                return 0
            self.waiting = b" ".join(line.split()) + b"\n" if line.strip() else b""
        size = min(len(buffer), len(self.waiting))
        buffer[:size], self.waiting = self.waiting[:size], self.waiting[size:]
        return size


def to_numbers(words: NDArray[Any], missing: NDArray[np.bool_], decimal_comma: bool) -> NDArray[np.float64] | None:
    """Words as numbers, NaN where one is missing; None if any other is no number."""
    words = np.where(missing, "nan", words)
    if decimal_comma:
        words = np.char.replace(words, ",", ".")
    try:
        return words.astype(np.float64)
    except ValueError:
        return None
