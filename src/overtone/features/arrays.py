"""Named arrays of a source before they are tensors: read by blocks of rows, with the place of each row for messages."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from zipfile import BadZipFile

import numpy as np

from overtone.core import InputError, require_kind
from overtone.core.scratch import empty_rows
from overtone.core.sources import check_characters, check_declared
from overtone.features.plain_values import ArrayLike as ArrayLike
from overtone.features.plain_values import Values as Values
from overtone.features.plain_values import as_array, plain_values, spell_out

if TYPE_CHECKING:
    from types import EllipsisType

    import scipy.sparse

RowIndex: TypeAlias = "slice | Values | tuple[EllipsisType | slice, ...] | str"
"""What picks rows: a slice, row numbers, ``()`` for all, slices of the last axes, or a field of structured rows."""

BLOCK_BYTES = 32 << 20
"""Conversion holds about this much of a source in memory at a time, whatever the size of the file."""

_NAME_THEM = 'give a mapping of names to arrays, such as {"audio": ..., "visual": ...}'

_OF_PYTHON = (OSError, EOFError, RuntimeError, ValueError, KeyError, MemoryError, SystemError, OverflowError)
READ_ERRORS: tuple[type[Exception], ...] = (*_OF_PYTHON, BadZipFile, zlib.error, TokenError)
"""Raised by the libraries if the bytes of a file do not fit its header; SystemError by h5py, TokenError by numpy."""


class Rows(Protocol):
    """Anything with a shape, a dtype and slices of rows: an array, a memory map, a dataset in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, rows: RowIndex, /) -> Values: ...


@dataclass(frozen=True)
class LazyRows:
    """Rows that a function reads when they are asked for."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[RowIndex], Values]

    def __getitem__(self, rows: RowIndex) -> Values:
        return self.read(rows)


@dataclass(frozen=True)
class SparseRows:
    """The rows of a sparse matrix, dense once they are read; the matrix itself is made on first use."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stored: int
    """Number of entries that are stored; all others are 0."""
    build: Callable[[], scipy.sparse.spmatrix]
    """Gives the matrix in any of SciPy's formats."""

    @classmethod
    def of(cls, matrix: scipy.sparse.spmatrix) -> SparseRows:
        """The rows of one of SciPy's matrices."""
        return cls(matrix.shape, matrix.dtype, matrix.nnz, lambda: matrix)

    @cached_property
    def matrix(self) -> scipy.sparse.csr_matrix:
        """The matrix by rows."""
        return self.build().tocsr()

    def transpose(self) -> SparseRows:
        """The rows of the transposed matrix."""
        return SparseRows(self.shape[::-1], self.dtype, self.stored, lambda: self.matrix.T)

    def __getitem__(self, rows: RowIndex) -> Values:
        values: Values = (self.matrix if isinstance(rows, tuple) else self.matrix[rows]).toarray()
        return values

    def __str__(self) -> str:
        percent = 100 * self.stored / max(1, self.shape[0] * self.shape[1])
        return f"sparse, {percent:.2g} % of entries" if percent < 10 else f"sparse, {percent:.0f} % of entries"


class Array:
    """One named array of a source.

    Args:
        rows: Its values.
        where: Its file and key, for messages (``"clips.h5, key 'audio'"``).
        stored: Size of the file in bytes, by which a declared size is judged; None where there is no file.
    """

    def __init__(self, rows: Rows, where: str, stored: int | None = None) -> None:
        self.rows = rows
        self.where = where
        self.stored = stored
        self.shape = tuple(int(size) for size in rows.shape)
        self.dtype = np.dtype(rows.dtype)

    @property
    def numeric(self) -> bool:
        """Whether the values are real numbers (bool, integer or float)."""
        return self.dtype.kind in "biuf"

    @property
    def textual(self) -> bool:
        """Whether the values are strings."""
        return self.dtype.kind in "US"

    def __str__(self) -> str:
        sparse = f", {self.rows}" if isinstance(self.rows, SparseRows) else ""
        return f"{self.shape} {'str' if self.textual else self.dtype}{sparse}"

    def read(self, rows: RowIndex = ()) -> Values:
        """Some or (by default) all of the values; InputError where the file is damaged at this place."""
        if self.dtype.kind == "O":
            raise pickle_error(self)
        self.check_size()
        try:
            values = np.asarray(self.rows[rows])
        except InputError:
            raise
        except READ_ERRORS as error:
            what = f"{self.where}: cannot be read whole ({str(error).splitlines()[0] if str(error) else error!r})"
            raise InputError(what, fix="the file is damaged: copy or export it again") from None
        values = np.char.decode(values, "utf-8", "surrogateescape") if values.dtype.kind == "S" else values
        check_characters(values, self.where)
        return values

    def check_size(self) -> None:
        """Refuse values that the file cannot hold, before anything is allocated for them."""
        if self.stored is not None and not isinstance(self.rows, (np.ndarray, SparseRows)):
            check_declared(self.dtype.itemsize * math.prod(self.shape), self.stored, self.where)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[Values]:
        """The values from row ``start`` to ``stop`` in blocks of rows of about :data:`BLOCK_BYTES`."""
        step = max(1, BLOCK_BYTES // max(1, self.dtype.itemsize * int(np.prod(self.shape[1:]))))
        stop = self.shape[0] if stop is None else stop
        for at in range(start, stop, step):
            yield self.read(slice(at, min(at + step, stop)))

    def text(self) -> tuple[str, ...]:
        """The values as strings; numbers are written out, NaN is an empty string."""
        return tuple(spell_out(self.read().ravel()))


def pickle_error(array: Array) -> InputError:
    """The refusal of an array of Python objects."""
    return InputError(
        f"{array.where}: holds Python objects (a pickle), which are never loaded",
        valid="arrays of numbers or strings",
        fix="save it as one plain array, for example with numpy.stack(rows) or names.astype(str)",
    )


class Column:
    """One quantity of the corpus: an array, or one for each of some splits (``audio_train``, ``audio_test``)."""

    def __init__(self, parts: Sequence[Array], splits: Sequence[str] = ()) -> None:
        self.parts = tuple(parts)
        self.splits = tuple(splits)
        self.counts = tuple(part.shape[0] if part.shape else 0 for part in parts)

    @property
    def rows(self) -> int:
        """Number of rows of all parts."""
        return sum(self.counts)

    @property
    def single(self) -> bool:
        """Whether a row is one value: (N,) or (N, 1)."""
        return all(part.shape[1:] in ((), (1,)) and part.shape for part in self.parts)

    @property
    def where(self) -> str:
        """File and key(s), for messages."""
        return " and ".join(part.where for part in self.parts)

    def place(self, row: int) -> str:
        """File, key and row number (from 0, within its part), for messages."""
        for part, count in zip(self.parts, self.counts):
            if row < count:
                return f"{part.where}, row {row}"
            row -= count
        return self.where

    def number(self, row: int) -> str:
        """Row number, from 0 within its part, and of several parts the part's split, for messages."""
        for split, count in zip(self.splits, self.counts):
            if row < count:
                return f"{row} of {split}"
            row -= count
        return str(row)

    def read(self) -> Values:
        """All values, parts joined."""
        return np.concatenate([np.atleast_1d(part.read()) for part in self.parts])

    def text(self) -> tuple[str, ...]:
        """All values as strings, parts joined."""
        return tuple(value for part in self.parts for value in part.text())

    def float32(self, change: Callable[[Values], Values] | None = None) -> Values:
        """All rows as float32, converted and changed block by block; a memory map of float32 stays a memory map."""
        only = self.parts[0].rows
        if len(self.parts) == 1 and change is None and isinstance(only, np.ndarray) and _shareable(only):
            return only
        for part in self.parts:
            part.check_size()
        result: Values | None = None
        start = 0
        for part in self.parts:
            for block in part.blocks():
                with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes Inf and is reported as such
                    values = block.astype(np.float32)
                values = values if change is None else change(values)
                if result is None:
                    result = empty_rows((self.rows, *values.shape[1:]))
                result[start : start + len(values)] = values
                start += len(values)
        return np.empty((0, *self.parts[0].shape[1:]), np.float32) if result is None else result


def _shareable(array: Values) -> bool:
    """Whether a tensor can share the array's memory."""
    plain = array.dtype == np.float32 and array.dtype.isnative and array.flags.c_contiguous
    return bool(plain and array.flags.writeable and array.flags.aligned)


@dataclass(frozen=True)
class Table:
    """What a reader finds in a source: named arrays, nothing interpreted."""

    source: str
    """As the user named it."""
    reader: str
    arrays: dict[str, Array]
    notes: tuple[str, ...] = ()
    """What the reader decided, in sentences."""
    unread: dict[str, str] = field(default_factory=dict)
    """Keys that the reader cannot read, each with the reason."""
    close: Callable[[], None] = field(default=lambda: None)
    """Gives the file back."""

    @classmethod
    def of(
        cls,
        source: object,
        reader: str,
        rows: Mapping[str, Rows],
        *,
        notes: tuple[str, ...] = (),
        unread: Mapping[str, str] | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> Table:
        """The table of rows by key."""
        path = Path(str(source))
        stored = path.stat().st_size if path.is_file() else None
        arrays: dict[str, Array] = {}
        for key, values in rows.items():
            fields = np.dtype(values.dtype).names or ()
            for name in fields:  # of a structured array: each is a key
                field = name if name not in rows else f"{key}.{name}"
                arrays[field] = Array(values[name], f"{source}, key {field!r}", stored)
            if not fields:
                arrays[key] = Array(values, f"{source}, key {key!r}", stored)
        return cls(str(source), reader, arrays, notes, dict(unread or {}), close)


def make_table(values: Mapping[str, ArrayLike], source: str, reader: str) -> Table:
    """A table of arrays in memory.

    Raises:
        InputError: They have no names, or rows of different lengths.
    """
    require_kind(values, Mapping, f"{source}: arrays need names", fix=_NAME_THEM)
    arrays: dict[str, Rows] = {}
    for key, value in values.items():
        require_kind(key, str, f"{source}: the name of an array is text", fix=_NAME_THEM)
        if hasattr(value, "tocsr"):
            arrays[key] = SparseRows.of(value)
            continue
        try:
            array = as_array(value)
        except ValueError:
            what = f"{source}, key {key!r}: rows of different lengths"
            raise InputError(what, fix="all rows need the same shape") from None
        plain = plain_values(array.ravel().tolist()) if array.dtype.kind == "O" else array
        arrays[key] = np.asarray(value) if plain is None else plain.reshape(array.shape)
    return Table.of(source, reader, arrays)
