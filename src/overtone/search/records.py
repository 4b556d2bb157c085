"""What a store takes and gives back: items with an id, a unit vector per modality, and metadata; checked once, here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.core.printable import has_half_characters
from overtone.features.arrays import ArrayLike
from overtone.features.base import Scalar as Scalar

Vectors = NDArray[np.float32]
"""(N, d) rows."""

COLUMN_TYPES = {
    "string": pyarrow.string(),
    "int64": pyarrow.int64(),
    "double": pyarrow.float64(),
    "bool": pyarrow.bool_(),
}
"""Types of metadata columns by name."""

RESERVED = "id"
"""The column of the ids, which metadata cannot have."""


@dataclass(frozen=True, eq=False)
class Records:
    """N items of a store.

    Attributes:
        ids: N unique names.
        vectors: Modality to (N, d) float32 rows of unit length; a row of zeros where the item lacks the modality.
        metadata: N rows of named columns; the types are those of :data:`COLUMN_TYPES`.
    """

    ids: tuple[str, ...]
    vectors: dict[str, Vectors]
    metadata: pyarrow.Table

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def present(self) -> dict[str, NDArray[np.bool_]]:
        """Modality to (N,): which items have it."""
        return {name: has_vector(rows) for name, rows in self.vectors.items()}

    @property
    def columns(self) -> dict[str, str]:
        """Metadata column to the name of its type."""
        return {field.name: str(field.type) for field in self.metadata.schema}

    def take(self, rows: NDArray[np.integer[Any]] | slice) -> Records:
        """Only these rows, in this order."""
        chosen = np.arange(len(self))[rows]
        vectors = {name: part[rows] for name, part in self.vectors.items()}
        return Records(tuple(self.ids[row] for row in chosen), vectors, self.metadata.take(pyarrow.array(chosen)))


def make_records(
    ids: Sequence[str],
    vectors: Mapping[str, ArrayLike],
    metadata: Mapping[str, Sequence[Scalar]] | pyarrow.Table | None = None,
    present: Mapping[str, ArrayLike] | None = None,
) -> Records:
    """Check items and scale their vectors to unit length.

    Args:
        ids: N unique, non-empty names.
        vectors: Modality to (N, d) finite rows, none of them zero.
        metadata: Column to N values; None and NaN are null.
        present: Modality to (N,) flags of the items that have it; all of them, if a modality is not named. The rows
            of the others are not looked at.

    Returns:
        The items.

    Raises:
        InputError: An id is empty or stands twice, a vector is NaN, infinite or zero, or numbers of rows differ; names
            row and id.
    """
    names = tuple(map(str, ids))
    _check_ids(names)
    if not vectors:
        raise InputError("items need a vector of at least one modality", got="none")
    for name in vectors:
        if not re.fullmatch(r"[\w-]+", name):
            raise InputError("modalities need plain names", got=repr(name), valid="letters, digits, _ and -")
    flags = {name: np.asarray(values, dtype=bool) for name, values in (present or {}).items()}
    for name in flags:
        if name not in vectors:
            raise InputError(f"present names the modality {name!r}", valid=", ".join(vectors))
    rows = {name: unit_rows(values, name, names, flags.get(name)) for name, values in vectors.items()}
    lacking = np.flatnonzero(~np.any([part.any(axis=1) for part in rows.values()], axis=0))
    if len(lacking):
        raise InputError(f"row {lacking[0]}, id {names[lacking[0]]!r}: has no modality at all", fix="leave it out")
    return Records(names, rows, make_table(metadata, len(names)))


def unit_rows(
    values: ArrayLike, what: str, ids: Sequence[str] | None = None, present: NDArray[np.bool_] | None = None
) -> Vectors:
    """(N, d) rows as float32 of unit length; those that are not ``present`` become zero.

    Raises:
        InputError: No matrix, another number of rows than ids, or a row that is NaN, infinite or zero.
    """
    try:
        rows = np.array(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{what}: not a matrix of numbers", valid="one row of numbers per item") from None
    if rows.ndim != 2 or not rows.shape[1]:
        raise InputError(f"{what}: vectors must be a matrix", got=f"shape {rows.shape}", valid="shape (N, d)")
    if ids is not None and len(rows) != len(ids):
        raise InputError(f"{what}: needs one vector per id", got=f"{len(rows)} vectors and {len(ids)} ids")
    if present is not None:
        if present.shape != (len(rows),):
            raise InputError(f"{what}: present needs one flag per id", got=f"shape {present.shape}")
        rows[~present] = 0
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    bad = ~np.isfinite(norms) | (norms == 0)
    if present is not None:
        bad &= present
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        kind = "a vector of zeros" if norms[row] == 0 else "NaN or infinite"
        name = f", id {ids[row]!r}" if ids is not None else ""
        others = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise InputError(f"{what}, row {row}{name}: {kind}{others}", fix="leave it out or extract it again")
    rows /= np.where(norms == 0, 1, norms).astype(np.float32)[:, None]
    return rows


def has_vector(rows: Vectors) -> NDArray[np.bool_]:
    """(N,) flags of the (N, d) rows that are not zero."""
    flags: NDArray[np.bool_] = np.any(rows, axis=1)
    return flags


def make_table(metadata: Mapping[str, Sequence[Scalar]] | pyarrow.Table | None, rows: int) -> pyarrow.Table:
    """Metadata as a table of :data:`COLUMN_TYPES`; InputError where a column has other values or another length."""
    table = _gather(metadata or {}, rows) if not isinstance(metadata, pyarrow.Table) else metadata
    if table.num_rows != rows:
        raise InputError("metadata: needs one row per id", got=f"{table.num_rows} rows and {rows} ids")
    if RESERVED in table.column_names:
        raise InputError(f"metadata: the column {RESERVED!r} is taken by the ids", fix="give it another name")
    # A column without any value has no type yet.
    named = [name for name in table.column_names if not pyarrow.types.is_null(table[name].type)]
    columns = {name: _plain(name, table[name]) for name in named}
    return pyarrow.table(columns) if columns else empty_table(rows)


def _gather(metadata: Mapping[str, Sequence[Scalar]], rows: int) -> pyarrow.Table:
    """Columns of Python values as a table."""
    arrays = {name: _column(name, values) for name, values in metadata.items()}
    for name, column in arrays.items():
        if len(column) != rows:
            raise InputError(f"metadata {name!r}: needs one value per id", got=f"{len(column)} and {rows} ids")
    return pyarrow.table(arrays) if arrays else empty_table(rows)


def empty_table(rows: int) -> pyarrow.Table:
    """A table of so many rows and no columns."""
    return pyarrow.table({"": pyarrow.nulls(rows)}).select([])


def cast_table(table: pyarrow.Table, columns: Mapping[str, str]) -> pyarrow.Table:
    """A table with exactly these columns and types, in this order; null where it lacks one."""
    rows = table.num_rows
    found = {
        name: table[name].cast(COLUMN_TYPES[kind])
        if name in table.column_names
        else pyarrow.nulls(rows, COLUMN_TYPES[kind])
        for name, kind in columns.items()
    }
    return pyarrow.table(found) if found else empty_table(rows)


def join_columns(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Columns of a store after items with other columns came; InputError where the types do not go together."""
    joined = dict(old)
    for name, kind in new.items():
        before = joined.get(name, kind)
        if before != kind and {before, kind} != {"int64", "double"}:
            raise InputError(f"metadata {name!r}: another type than in the store", got=kind, valid=before)
        joined[name] = kind if before == kind else "double"
    return joined


def join_records(parts: Sequence[Records], modalities: Mapping[str, int], columns: Mapping[str, str]) -> Records:
    """Items one after the other; the modalities and columns say what there is if there are none."""
    tables = [cast_table(part.metadata, columns) for part in parts] or [cast_table(empty_table(0), columns)]
    vectors: dict[str, NDArray[np.float32]] = {
        name: np.concatenate([np.zeros((0, width), np.float32), *(part.vectors[name] for part in parts)])
        for name, width in modalities.items()
    }
    rows = sum(map(len, parts))
    metadata = pyarrow.concat_tables(tables) if columns else empty_table(rows)
    return Records(tuple(name for part in parts for name in part.ids), vectors, metadata)


def _check_ids(ids: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name:
            raise InputError(f"row {row}: an empty id", fix="give every item a name")
        if has_half_characters(name):
            raise InputError(f"row {row}, id {name!r}: not UTF-8, as names of files can be", fix="rename the item")
        if first.setdefault(name, row) != row:
            raise InputError(f"row {row}, id {name!r}: stands in row {first[name]}, too", fix="ids must be unique")


def _column(name: str, values: Sequence[Scalar]) -> pyarrow.Array:
    try:
        return pyarrow.array(np.asarray(values).tolist() if hasattr(values, "dtype") else values, from_pandas=True)
    except UnicodeEncodeError as error:
        what, got = f"metadata {name!r}: text that is not UTF-8, as names of files can be", repr(str(error.object))
        raise InputError(what, got=got, fix="rename these files, or leave the column out") from None
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, TypeError) as error:
        reason = str(error).split("\n")[0]
        what = f"metadata {name!r}: values of one kind are needed ({reason})"
        raise InputError(what, valid="text, numbers or true and false, and null") from None


def _plain(name: str, column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """A column as one of :data:`COLUMN_TYPES`."""
    kinds = pyarrow.types
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return column.cast(pyarrow.string())
    if kinds.is_boolean(kind):
        return column
    if kinds.is_integer(kind):
        return column.cast(pyarrow.int64())
    if kinds.is_floating(kind):
        doubles = column.cast(pyarrow.float64())
        return pyarrow.compute.if_else(pyarrow.compute.is_nan(doubles), None, doubles)
    if kinds.is_date(kind) or kinds.is_timestamp(kind):
        return column.cast(pyarrow.string())  # ISO 8601, which sorts by time
    raise InputError(f"metadata {name!r}: cannot be stored", got=str(kind), valid="text, numbers, booleans, dates")
