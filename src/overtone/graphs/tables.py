"""Tables of any source as rows of numbers, read block by block: rows of a split, coded text, missing values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, unknown_name
from overtone.features.parsed_table import SPLITS
from overtone.graphs.checks import check_size
from overtone.graphs.columns import (
    SPLIT_KEYS,
    ColumnInfo,
    Columns,
    MissingValues,
    TableOptions,
    holds_splits,
    parse_number,
    quoted,
    words_of,
)

Batches = Callable[[], Iterator[list[NDArray[Any]]]]
"""Gives the columns of a table, some thousands of rows at a time: numbers, NaN where missing, or text, '' there."""

ROWS = 4096
"""Rows that are in memory at once."""

_PEEKED = 100_000
"""Rows by which columns are judged before the table is read."""


@dataclass
class TableRows:
    """Rows of numbers of a table, read block by block.

    Attributes:
        names: Its variables.
        notes: What was decided and what looks doubtful, in sentences; all there once the rows were read.
    """

    where: str
    columns: list[str]
    batches: Batches
    options: TableOptions
    decimal_comma: bool = False
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.options.missing not in get_args(MissingValues):
            raise unknown_name("way with missing values", self.options.missing, get_args(MissingValues))
        self._judge = Columns(self.where, self.columns, self.options, self.decimal_comma)
        self._judge.check_options()
        check_size(len(self.options.only) or len(self.columns) - len(self.options.drop))
        whole = self.options.missing == "impute"
        self.chosen = self._judge.judge(self._sample(None if whole else _PEEKED), self.notes)
        if not self.chosen:
            raise InputError(f"{self.where}: no variable is left", got=quoted(self.columns))
        self.names = tuple(name for column in self.chosen for name in column.variables)

    def chunks(self) -> Iterator[NDArray[np.float64]]:
        """The rows: finite numbers, in blocks."""
        dropped = filled = first = 0
        for batch in self.batches():
            size = len(batch[0]) if batch else 0
            taken = self._of_split(batch, size)
            parts = [self._numbers(batch[column.place], column, first, taken) for column in self.chosen]
            rows = np.column_stack(parts) if parts else np.empty((size, 0))
            infinite = np.isinf(rows) & taken[:, None]
            if infinite.any():
                row, at = np.argwhere(infinite)[0]
                what = f"{self._place(first + int(row))}, variable {self.names[at]!r}: {rows[row, at]}"
                raise InputError(what, valid="finite numbers", fix="leave the row or the variable out")
            gaps = np.isnan(rows)
            holes = gaps.any(axis=1) & taken
            if holes.any() and self.options.missing == "refuse":
                raise self._missing(gaps & taken[:, None], first)
            if self.options.missing == "impute":
                filled += int(gaps[taken].sum())
                means = np.array([mean for column in self.chosen for mean in column.means])
                rows = np.where(gaps, means, rows)
            else:
                dropped += int(holes.sum())
                taken = taken & ~holes
            first += size
            yield from (part for part in [rows[taken]] if len(part))
        if dropped:
            self.notes.append(f"{dropped:,} of {first:,} rows lack a value and were dropped")
        if filled:
            self.notes.append(f"{filled:,} missing values were filled with the mean of their column")

    def _sample(self, most: int | None) -> list[NDArray[Any]]:
        parts: list[list[NDArray[Any]]] = []
        rows = 0
        for batch in self.batches():
            parts.append(batch)
            rows += len(batch[0]) if batch else 0
            if most is not None and rows >= most:
                break
        if not rows:
            raise InputError(f"{self.where}: there are no rows")
        return [np.concatenate([part[at] for part in parts]) for at in range(len(self.columns))]

    def _numbers(
        self, values: NDArray[Any], column: ColumnInfo, first: int, taken: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """One column of a block as one or more columns of numbers."""
        numbers, missing = self._judge.as_numbers(values)
        if column.kinds:
            words = words_of(values)
            strange = ~missing & ~np.isin(words, column.kinds) & taken
            if strange.any():
                row = int(np.flatnonzero(strange)[0])
                what = f"{self._place(first + row)}, column {column.name!r}: a kind that the first rows lack"
                raise InputError(what, got=repr(str(words[row])[:40]), valid=quoted(column.kinds))
            coded: NDArray[np.float64] = (words[:, None] == np.array(column.coded)).astype(np.float64)
            coded[missing] = np.nan
            return coded
        if numbers is None:
            words = words_of(values)
            row = next(at for at in range(len(words)) if not missing[at] and parse_number(words[at]) is None)
            what = f"{self._place(first + row)}, column {column.name!r}: not a number"
            fix = f"if it means missing say --missing-values {words[row]!r}, or leave the column out with --drop"
            raise InputError(what, got=repr(str(words[row])[:40]), fix=fix)
        return numbers

    def _missing(self, gaps: NDArray[np.bool_], first: int) -> InputError:
        row, at = (int(number) for number in np.argwhere(gaps)[0])
        what = f"{self._place(first + row)}, variable {self.names[at]!r}: missing"
        more = int(gaps.any(axis=1).sum())
        got = f"{more} such rows in the first {first + len(gaps):,}"
        return InputError(what, got=got, fix="--missing drop leaves such rows out, --missing impute fills in means")

    def _place(self, row: int) -> str:
        return f"{self.where}, row {row}"

    def _of_split(self, batch: list[NDArray[Any]], size: int) -> NDArray[np.bool_]:
        """(n,) which rows of a block are of the split that is wanted."""
        wanted = self.options.split
        at = next((self.columns.index(name) for name in SPLIT_KEYS if name in self.columns), None)
        if at is None or self.columns[at] in self.options.only or not holds_splits(batch[at]):
            if wanted not in (None, "all"):
                raise InputError(f"{self.where}: has no splits", got=f"split {wanted!r}", fix="leave it out")
            return np.ones(size, dtype=bool)
        if wanted == "all":
            return np.ones(size, dtype=bool)
        note = f"rows of the split {wanted or 'train'!r} alone are used; all with --split all"
        if note not in self.notes:
            self.notes.append(note)
        words = np.char.lower(words_of(batch[at]))
        if self.columns[at] == "is_test":
            names = np.where(np.isin(words, ("true", "1", "1.0")), "test", "train")
        else:
            names = np.array([SPLITS.get(word, word) for word in words.tolist()])
        return np.asarray(names == SPLITS.get(wanted or "train", wanted))
