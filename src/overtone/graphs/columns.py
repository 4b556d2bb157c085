"""Columns of a table, judged by its first rows: variables, text, codes, an index, or the rows' split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, unknown_name
from overtone.core.errors import refuse_repeated
from overtone.features.parsed_table import SHOWN, SPLITS, list_some
from overtone.features.text_files import to_numbers

MissingValues = Literal["refuse", "drop", "impute"]
SPLIT_KEYS = ("split", "is_test")
"""Columns that say which rows to train on."""

_WORDS = ("", "na", "n/a", "nan", "null", "none", "?", ".", "-", "<na>", "#n/a", "nil")
"""Words for a missing value, in small letters."""
_INDEX = ("", "index", "unnamed: 0", "__index_level_0__", "level_0")
_FEW = 10
"""Whole numbers of so many kinds or fewer may be codes."""
_MOST_KINDS = 20
"""Kinds of text that are coded by a column each."""
_RECURS = 3


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


@dataclass(frozen=True)
class ColumnInfo:
    """What the first rows say about a column."""

    name: str
    place: int
    textual: bool = False
    kinds: tuple[str, ...] = ()
    """Of a column that is coded."""
    mean: float = 0.0

    @property
    def coded(self) -> tuple[str, ...]:
        """Kinds that become a variable each: all but the first, unless there is only one."""
        return self.kinds[1:] or self.kinds

    @property
    def variables(self) -> list[str]:
        """Names of the variables that the column becomes."""
        return [f"{self.name}={kind}" for kind in self.coded] or [self.name]

    @property
    def means(self) -> list[float]:
        """What stands in for a missing value of each variable."""
        return [0.0] * len(self.coded) or [self.mean]


@dataclass(frozen=True)
class Columns:
    """The columns of a table, and how their values are read.

    Attributes:
        where: The table, for messages.
        names: Of all its columns.
        options: What becomes of columns and values.
        decimal_comma: Whether 1,5 means 1.5.
    """

    where: str
    names: Sequence[str]
    options: TableOptions
    decimal_comma: bool = False

    def check_options(self) -> None:
        """Refuse options that name no column, and two columns of one name."""
        for name in (*self.options.only, *self.options.drop, *self.options.one_hot):
            if name not in self.names and not (name == "text" and name in self.options.one_hot):
                raise unknown_name(f"column of {self.where}", name, list(self.names[:50]))
        named = [name for name in self.names if name and name not in self.options.drop]
        fix = "give each a name of its own, or leave both out with --drop {name}"
        refuse_repeated("variables", named, where=self.where, fix=fix)

    def judge(self, sample: Sequence[NDArray[Any]], notes: list[str]) -> list[ColumnInfo]:
        """The columns that become variables.

        Args:
            sample: Each column's first rows.
            notes: Gets a sentence on each column that is left out, coded or doubtful.

        Raises:
            InputError: A column is text, and nothing is said about it.
        """
        chosen = []
        for at, name in enumerate(self.names):
            if name in self.options.drop or (self.options.only and name not in self.options.only):
                continue
            if name in SPLIT_KEYS and name not in self.options.only and holds_splits(sample[at]):
                continue
            column = self._judge_column(name, at, sample[at], notes)
            if column is not None:
                chosen.append(column)
        texts = [column.name for column in chosen if column.textual and not column.kinds]
        if texts:
            raise self._text(texts, sample)
        return chosen

    def as_numbers(self, values: NDArray[Any]) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
        """A column as numbers, None where some are none, and which values are missing."""
        if values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
            missing = np.isnan(numbers)
            for word in self.options.missing_values:
                if (mark := parse_number(word)) is not None:
                    missing |= numbers == mark
            return np.where(missing, np.nan, numbers), missing
        words = words_of(values)
        small = np.char.lower(words)
        missing = np.isin(small, (*_WORDS, *(word.lower() for word in self.options.missing_values)))
        if np.isin(small, ("true", "false"))[~missing].all() and not missing.all():
            flags: NDArray[np.float64] = np.where(missing, np.nan, small == "true").astype(np.float64)
            return flags, missing
        found = to_numbers(words, missing, self.decimal_comma)
        if found is not None:
            for word in self.options.missing_values:
                if (mark := parse_number(word)) is not None:
                    missing = missing | (found == mark)
            found = np.where(missing, np.nan, found)
        return found, missing

    def _judge_column(self, name: str, at: int, values: NDArray[Any], notes: list[str]) -> ColumnInfo | None:
        """One column; None where it is no variable."""
        numbers, missing = self.as_numbers(values)
        asked = bool(name) and name in self.options.only
        if not asked and len(values) and missing.all():
            notes.append(f"column {name or at + 1!r} is empty and left out" if name else "an empty column is left out")
            return None
        if not asked and name.lower() in _INDEX and (numbers is None or _is_index(numbers) or not name):
            notes.append(
                f"column {name!r} holds the rows' index and is left out"
                if name
                else "the first column, without a name, is the rows' index and left out"
            )
            return None
        wanted = name in self.options.one_hot or ("text" in self.options.one_hot and numbers is None)
        if not wanted and numbers is None:
            return ColumnInfo(name, at, True)
        if wanted:
            kinds = np.unique(words_of(values)[~missing])
            if len(kinds) < 2:
                what, got = (
                    f"{self.where}, column {name!r}: nothing to tell apart by codes",
                    quoted(tuple(map(str, kinds))),
                )
                raise InputError(what, got=got or "no values", valid="two kinds or more", fix=f"--drop {name}")
            if len(kinds) > _MOST_KINDS:
                what = f"{self.where}, column {name!r}: too many kinds to code"
                raise InputError(what, got=f"{len(kinds):,}", valid=f"up to {_MOST_KINDS}", fix=f"--drop {name}")
            coded = tuple(map(str, kinds))
            notes.append(f"column {name!r} is coded as 0 and 1 for {quoted(coded[1:])}; all 0 means {coded[0]!r}")
            return ColumnInfo(name, at, True, coded)
        assert numbers is not None
        known = numbers[~missing & np.isfinite(numbers)]
        notes += _hints(name, known)
        return ColumnInfo(name, at, mean=float(known.mean()) if len(known) else 0.0)

    def _text(self, names: list[str], sample: Sequence[NDArray[Any]]) -> InputError:
        column = self.names.index(names[0])
        _, missing = self.as_numbers(sample[column])
        words = words_of(sample[column])
        row = next(at for at in range(len(words)) if not missing[at] and parse_number(words[at]) is None)
        kinds = len(np.unique(words[~missing]))
        what = f"{self.where}, row {row}, column {names[0]!r}: text"
        others = f"; also {quoted(names[1:])}" if len(names) > 1 else ""
        got = f"{str(words[row])[:40]!r} ({kinds:,} different values{others})"
        listed = ",".join(names[:SHOWN])
        fix = f"leave it out with --drop {listed}, or code it with --one-hot {listed}"
        return InputError(what, got=got, fix=fix)


def holds_splits(values: NDArray[Any]) -> bool:
    """Whether a column says which rows to train on."""
    words = np.unique(np.char.lower(words_of(values)))
    return bool(np.isin(words, [*SPLITS, "", "true", "false", "0", "1", "0.0", "1.0"]).all())


def words_of(values: NDArray[Any]) -> NDArray[Any]:
    """A column as text; whole numbers without a point."""
    if values.dtype.kind == "f":
        return np.array([f"{value:g}" for value in values.tolist()])
    return values.astype(str)


def parse_number(word: object) -> float | None:
    """A word as a number; None if it is none."""
    try:
        return float(str(word))
    except ValueError:
        return None


def quoted(names: Sequence[str]) -> str:
    """The first few names, for messages."""
    return list_some([repr(name[:40]) for name in names])


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
