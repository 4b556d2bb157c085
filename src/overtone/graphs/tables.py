"""Tables of any source as rows of numbers: which columns are variables, what becomes of text and of missing values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, unknown_name
from overtone.features.parsed_table import SPLITS
from overtone.graphs.text_files import to_numbers

MissingValues = Literal["refuse", "drop", "impute"]
Batches = Callable[[], Iterator[list[NDArray[Any]]]]
"""Gives the columns of a table, some thousands of rows at a time: numbers, NaN where missing, or text, '' there."""

ROWS = 4096
"""Rows that are in memory at once."""

_PEEKED = 100_000
"""Rows by which columns are judged before the table is read."""
_WORDS = ("", "na", "n/a", "nan", "null", "none", "?", ".", "-", "<na>", "#n/a", "nil")
"""Words for a missing value, in small letters."""
_INDEX = ("", "index", "unnamed: 0", "__index_level_0__", "level_0")
_FEW = 10
"""Whole numbers of so many kinds or fewer may be codes."""
_MOST_KINDS = 20
"""Kinds of text that are coded by a column each."""
_RECURS = 3
_SHOWN = 5


@dataclass(frozen=True)
class TableOptions:
    """What becomes of the columns and values of a table.

    Attributes:
        only: Names of the columns that are variables; by default all.
        drop: Names of columns that are left out.
        missing: ``"refuse"`` a missing value, ``"drop"`` rows with one, or ``"impute"`` the mean of the column.
        missing_values: Numbers or words that mean missing, such as ``-999``, besides the usual words.
        one_hot: Names of columns of text or codes that become a column of 0 and 1 for each kind but the first; or
            ``text``: all columns of text.
        split: Rows to take, by a column ``split`` or ``is_test``; by default those to train on.
    """

    only: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: MissingValues = "refuse"
    missing_values: tuple[str, ...] = ()
    one_hot: tuple[str, ...] = ()
    split: str | None = None


@dataclass
class ColumnInfo:
    """What the first rows say about a column."""

    name: str
    place: int
    textual: bool = False
    kinds: tuple[str, ...] = ()
    """Of a column that is coded."""
    mean: float = 0.0


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
        self._check_options()
        self.chosen = self._judge()
        if not self.chosen:
            raise InputError(f"{self.where}: no variable is left", got=_listed(self.columns))
        self.names = tuple(name for column in self.chosen for name in _variables(column))

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
                means = np.array([mean for column in self.chosen for mean in _means(column)])
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

    def _check_options(self) -> None:
        """Refuse options that name no column, and two columns of one name."""
        for name in (*self.options.only, *self.options.drop, *self.options.one_hot):
            if name not in self.columns and not (name == "text" and name in self.options.one_hot):
                raise unknown_name(f"column of {self.where}", name, self.columns[:50])
        named = [name for name in self.columns if name and name not in self.options.drop]
        if len(set(named)) < len(named):
            twice = next(name for at, name in enumerate(named) if name in named[:at])
            fix = f"give each a name of its own, or leave both out with --drop {twice}"
            raise InputError(f"{self.where}: two variables are called {twice!r}", fix=fix)

    def _judge(self) -> list[ColumnInfo]:
        """The columns that become variables, by the first rows; notes on the others."""
        whole = self.options.missing == "impute"
        sample = self._sample(None if whole else _PEEKED)
        chosen = []
        for at, name in enumerate(self.columns):
            if name in self.options.drop or (self.options.only and name not in self.options.only):
                continue
            if name in ("split", "is_test") and name not in self.options.only and self._splits(sample[at]):
                continue
            column = self._judge_column(name, at, sample[at])
            if column is not None:
                chosen.append(column)
        texts = [column.name for column in chosen if column.textual and not column.kinds]
        if texts:
            raise self._text(texts, sample)
        return chosen

    def _judge_column(self, name: str, at: int, values: NDArray[Any]) -> ColumnInfo | None:
        """One column; None where it is no variable."""
        numbers, missing = self._as_numbers(values)
        asked = bool(name) and name in self.options.only
        if not asked and len(values) and missing.all():
            self.notes.append(
                f"column {name or at + 1!r} is empty and left out" if name else "an empty column is left out"
            )
            return None
        if not asked and name.lower() in _INDEX and (numbers is None or _is_index(numbers) or not name):
            self.notes.append(
                f"column {name!r} holds the rows' index and is left out"
                if name
                else "the first column, without a name, is the rows' index and left out"
            )
            return None
        wanted = name in self.options.one_hot or ("text" in self.options.one_hot and numbers is None)
        if not wanted and numbers is None:
            return ColumnInfo(name, at, True)
        if wanted:
            kinds = np.unique(_words(values)[~missing])
            if len(kinds) > _MOST_KINDS:
                what = f"{self.where}, column {name!r}: too many kinds to code"
                raise InputError(what, got=f"{len(kinds):,}", valid=f"up to {_MOST_KINDS}", fix=f"--drop {name}")
            coded = tuple(map(str, kinds))
            self.notes.append(f"column {name!r} is coded as 0 and 1 for {_listed(coded[1:])}; all 0 means {coded[0]!r}")
            return ColumnInfo(name, at, True, coded)
        assert numbers is not None
        known = numbers[~missing & np.isfinite(numbers)]
        self.notes += _hints(name, known)
        return ColumnInfo(name, at, mean=float(known.mean()) if len(known) else 0.0)

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

    def _as_numbers(self, values: NDArray[Any]) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
        """A column as numbers, None where some are none, and which values are missing."""
        if values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
            missing = np.isnan(numbers)
            for word in self.options.missing_values:
                if (mark := _number(word)) is not None:
                    missing |= numbers == mark
            return np.where(missing, np.nan, numbers), missing
        words = _words(values)
        small = np.char.lower(words)
        missing = np.isin(small, (*_WORDS, *(word.lower() for word in self.options.missing_values)))
        if np.isin(small, ("true", "false"))[~missing].all() and not missing.all():
            flags: NDArray[np.float64] = np.where(missing, np.nan, small == "true").astype(np.float64)
            return flags, missing
        found = to_numbers(words, missing, self.decimal_comma)
        if found is not None:
            for word in self.options.missing_values:
                if (mark := _number(word)) is not None:
                    missing = missing | (found == mark)
            found = np.where(missing, np.nan, found)
        return found, missing

    def _numbers(
        self, values: NDArray[Any], column: ColumnInfo, first: int, taken: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """One column of a block as one or more columns of numbers."""
        numbers, missing = self._as_numbers(values)
        if column.kinds:
            words = _words(values)
            strange = ~missing & ~np.isin(words, column.kinds) & taken
            if strange.any():
                row = int(np.flatnonzero(strange)[0])
                what = f"{self._place(first + row)}, column {column.name!r}: a kind that the first rows lack"
                raise InputError(what, got=repr(str(words[row])[:40]), valid=_listed(column.kinds))
            coded: NDArray[np.float64] = (words[:, None] == np.array(column.kinds[1:] or column.kinds)).astype(
                np.float64
            )
            coded[missing] = np.nan
            return coded
        if numbers is None:
            words = _words(values)
            row = next(at for at in range(len(words)) if not missing[at] and _number(words[at]) is None)
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

    def _text(self, names: list[str], sample: list[NDArray[Any]]) -> InputError:
        column = self.columns.index(names[0])
        _, missing = self._as_numbers(sample[column])
        words = _words(sample[column])
        row = next(at for at in range(len(words)) if not missing[at] and _number(words[at]) is None)
        kinds = len(np.unique(words[~missing]))
        what = f"{self._place(row)}, column {names[0]!r}: text"
        others = f"; also {_listed(names[1:])}" if len(names) > 1 else ""
        got = f"{str(words[row])[:40]!r} ({kinds:,} different values{others})"
        listed = ",".join(names[:_SHOWN])
        fix = f"leave it out with --drop {listed}, or code it with --one-hot {listed}"
        return InputError(what, got=got, fix=fix)

    def _place(self, row: int) -> str:
        return f"{self.where}, row {row}"

    def _splits(self, values: NDArray[Any]) -> bool:
        """Whether a column says which rows to train on."""
        words = np.unique(np.char.lower(_words(values)))
        return bool(np.isin(words, [*SPLITS, "", "true", "false", "0", "1", "0.0", "1.0"]).all())

    def _of_split(self, batch: list[NDArray[Any]], size: int) -> NDArray[np.bool_]:
        """(n,) which rows of a block are of the split that is wanted."""
        wanted = self.options.split
        at = next((self.columns.index(name) for name in ("split", "is_test") if name in self.columns), None)
        if at is None or self.columns[at] in self.options.only or not self._splits(batch[at]):
            if wanted not in (None, "all"):
                raise InputError(f"{self.where}: has no splits", got=f"split {wanted!r}", fix="leave it out")
            return np.ones(size, dtype=bool)
        if wanted == "all":
            return np.ones(size, dtype=bool)
        note = f"rows of the split {wanted or 'train'!r} alone are used; all with --split all"
        if note not in self.notes:
            self.notes.append(note)
        words = np.char.lower(_words(batch[at]))
        if self.columns[at] == "is_test":
            names = np.where(np.isin(words, ("true", "1", "1.0")), "test", "train")
        else:
            names = np.array([SPLITS.get(word, word) for word in words.tolist()])
        return np.asarray(names == SPLITS.get(wanted or "train", wanted))


def _words(values: NDArray[Any]) -> NDArray[Any]:
    """A column as text; whole numbers without a point."""
    if values.dtype.kind == "f":
        return np.array([f"{value:g}" for value in values.tolist()])
    return values.astype(str)


def _number(word: object) -> float | None:
    try:
        return float(str(word))
    except ValueError:
        return None


def _variables(column: ColumnInfo) -> list[str]:
    """Names of the variables that a column becomes."""
    return [f"{column.name}={kind}" for kind in column.kinds[1:] or column.kinds] or [column.name]


def _means(column: ColumnInfo) -> list[float]:
    return [0.0] * len(column.kinds[1:] or column.kinds) or [column.mean]


def _is_index(numbers: NDArray[np.float64]) -> bool:
    """Whether numbers count up by one."""
    return bool(len(numbers) > 1 and (np.diff(numbers) == 1).all())


def _hints(name: str, values: NDArray[np.float64]) -> list[str]:
    """What may be wrong with a column: a mark of missing values, codes of categories."""
    kinds, counts = np.unique(values, return_counts=True)
    found = []
    for end, near in ((-1, -2), (0, 1)) if len(kinds) > 3 else ():
        rest = np.delete(kinds, end)
        spread = float(rest[-1] - rest[0])
        if counts[end] >= _RECURS and abs(kinds[end] - kinds[near]) > spread:
            mark = f"{kinds[end]:g}"
            found.append(
                f"column {name!r}: {mark} occurs {counts[end]} times, far outside the others ({rest[0]:.4g} to "
                f"{rest[-1]:.4g}); if it means missing say --missing-values={mark} --missing drop"
            )
    whole = bool((kinds == np.round(kinds)).all())
    if not found and whole and 2 < len(kinds) <= _FEW and len(values) >= 3 * len(kinds):
        listed = ", ".join(f"{kind:g}" for kind in kinds)
        found.append(
            f"column {name!r}: only the whole numbers {listed}; if they are codes of categories, their order means "
            f"nothing: --one-hot {name}"
        )
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown}, ... {len(names)} in all"
