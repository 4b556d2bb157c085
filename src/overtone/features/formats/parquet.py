"""``.parquet``: one row per clip; features as list columns, whatever is not per clip as JSON in the file's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from overtone.core import InputError
from overtone.core.atomic import atomic_path
from overtone.core.sources import check_declared, check_names
from overtone.features.arrays import Rows, Table, Values
from overtone.features.formats import Format, formats, report_damage
from overtone.features.formats.parquet_columns import names_of_hugging_face, numbers_of_bytes, words_of_lists
from overtone.features.formats.safetensors import from_metadata, to_metadata
from overtone.features.plain_values import plain_values

if TYPE_CHECKING:
    import pyarrow


def _read_parquet(path: Path) -> Table:
    """Read a Parquet file; a column of another kind than numbers, text, and lists and bytes of numbers is not read."""
    import pyarrow.parquet

    with report_damage(path, "a Parquet file"):
        texts_as_codes = check_parquet(path)  # a long text that many rows share is then read once
        table = pyarrow.parquet.read_table(path, memory_map=True, read_dictionary=texts_as_codes)
        return read_columns(table, path, "parquet", path.stat().st_size)


def read_columns(table: pyarrow.Table, source: str | Path, reader: str, stored: int) -> Table:
    """The columns of an Arrow table as arrays; see :func:`_read_parquet`.

    Args:
        table: A row per clip.
        source: What messages call it.
        reader: What the provenance calls the way it was read.
        stored: Bytes that hold it, by which lies about sizes are told.
    """
    import pyarrow

    found: dict[str, Rows] = {}
    metadata = table.schema.metadata or {}
    while any(pyarrow.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()  # a field of a column of structs is a column
    notes: list[str] = []
    unread: dict[str, str] = {}
    for number, key in enumerate(table.column_names):
        column, where = table.column(number).combine_chunks(), f"{source}, key {key!r}"
        if isinstance(column, pyarrow.ExtensionArray):
            column = column.storage
        if key in found or key in unread:
            unread[f"{key} (column {number})"] = "a second column of this name"
        elif (words := words_of_lists(column, key)) is not None:
            found[key], found["class_names"] = words
            notes.append(f"{key}: lists of labels, several a clip")
        elif (numbers := numbers_of_bytes(column)) is not None:
            found[key] = numbers
            notes.append(f"{key}: bytes read as {numbers.shape[1]} numbers of type {numbers.dtype}")
        elif (values := _values(column, where, stored)) is not None:
            found[key] = values
        else:
            unread[key] = f"{str(column.type)[:40]}, which is not read"
    texts = {key.decode(): text.decode("utf-8", "replace") for key, text in metadata.items()}
    found |= from_metadata({key: text for key, text in texts.items() if key not in found})
    if "class_names" not in found and (names := names_of_hugging_face(texts, found)):
        found["class_names"] = np.array(names)
    return Table.of(source, reader, found, notes=tuple(notes), unread=unread)


def _write_parquet(path: Path, arrays: Mapping[str, Values]) -> None:
    """Write arrays with one row per clip as columns and the others as metadata."""
    import pyarrow
    import pyarrow.parquet

    rows = len(next(iter(arrays.values())))
    columns = {key: values for key, values in arrays.items() if len(values) == rows}
    table = pyarrow.table({key: _column(values) for key, values in columns.items()})
    others = to_metadata({key: values for key, values in arrays.items() if key not in columns})
    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(table.replace_schema_metadata(others), temporary)


formats.register("parquet")(Format(_read_parquet, _write_parquet, suffixes=(".parquet", ".pq")))


def check_parquet(path: Path) -> list[str]:
    """Refuse a file that declares far more values than it can hold, or a name twice; its columns of text by name."""
    import pyarrow.parquet
    import pyarrow.types as kinds

    with pyarrow.parquet.ParquetFile(path, memory_map=True) as file:
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        columns = [group.column(number) for group in groups for number in range(group.num_columns)]
        schema = file.schema_arrow
    check_names(schema.names, path)
    declared = sum(max(8 * column.num_values, column.total_uncompressed_size) for column in columns)
    check_declared(declared, path.stat().st_size, path)
    return [column.name for column in schema if kinds.is_string(column.type) or kinds.is_large_string(column.type)]


def _values(column: pyarrow.Array, where: str, stored: int) -> Values | None:
    """A column as an array: lists of equal length become further axes."""
    import pyarrow.types as kinds

    shape = [len(column)]
    if column.null_count and _holds_floats(column.type):
        there = column.is_valid().to_numpy(zero_copy_only=False)
        known = _values(column.drop_null(), where, stored) if there.any() else None
        if known is None:
            return None
        spread = np.full((len(column), *known.shape[1:]), np.nan, known.dtype)
        spread[there] = known
        return spread  # rows of NaN, which mean a missing modality where that is asked for
    while kinds.is_list(column.type) or kinds.is_large_list(column.type) or kinds.is_fixed_size_list(column.type):
        inner = int(np.prod(shape[1:], dtype=np.int64))
        if column.null_count:
            row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0]) // inner
            raise InputError(f"{where}, row {row}: null instead of a list", fix="leave these clips out")
        lengths = column.value_lengths().to_numpy(zero_copy_only=False)
        odd = np.flatnonzero(lengths != lengths[0]) if len(lengths) else lengths
        if len(odd):
            got, valid = (f"{int(length)} values" for length in (lengths[odd[0]], lengths[0]))
            what = f"{where}, row {int(odd[0]) // inner}: a list of another length than row 0's"
            raise InputError(what, got=got, valid=valid, fix="all rows need the same number of values")
        shape.append(int(lengths[0]) if len(lengths) else 0)
        column = column.flatten()
    if kinds.is_dictionary(column.type):
        if kinds.is_string(column.type.value_type) or kinds.is_large_string(column.type.value_type):
            _check_texts(column.dictionary, len(column), where, stored)
        column = column.dictionary_decode()
    if kinds.is_string_view(column.type) or kinds.is_date(column.type) or kinds.is_timestamp(column.type):
        column = column.cast("string")
    if kinds.is_decimal(column.type):
        column = column.cast("float64")
    if kinds.is_string(column.type) or kinds.is_large_string(column.type):
        _check_texts(column, len(column), where, stored)
        return np.array(column.fill_null("").to_pylist(), dtype=str).reshape(shape)
    if kinds.is_boolean(column.type) or kinds.is_integer(column.type) or kinds.is_floating(column.type):
        exact = column.null_count and not kinds.is_floating(column.type)
        values = plain_values(column.to_pylist()) if exact else column.to_numpy(zero_copy_only=False)
        return None if values is None else values.reshape(shape)
    return None


def _holds_floats(kind: pyarrow.DataType) -> bool:
    """Whether a column has lists, maybe of lists, of floating-point numbers."""
    import pyarrow.types as kinds

    nested = False
    while kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        kind, nested = kind.value_type, True
    return nested and bool(kinds.is_floating(kind))


def _check_texts(texts: pyarrow.Array, rows: int, where: str, stored: int) -> None:
    """Refuse texts that as an array of numpy, all as long as the longest, would be far larger than the file."""
    import pyarrow.compute

    longest = pyarrow.compute.max(pyarrow.compute.utf8_length(texts)).as_py() or 0
    check_declared(4 * longest * rows, stored, f"{where}, texts of up to {longest:,} characters")


def _column(values: Values) -> pyarrow.Array:
    import pyarrow

    column = pyarrow.array(values.ravel())
    for size in reversed(values.shape[1:]):
        column = pyarrow.FixedSizeListArray.from_arrays(column, size)
    return column
