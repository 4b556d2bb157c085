"""Files that a graph is learnt from: tables of numbers, and soft labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.features.arrays import Array, Column
from overtone.features.formats import find_format, report_damage
from overtone.features.keys import LABELS
from overtone.features.label_reading import NO_LABEL, read_labels
from overtone.features.layout import join_parts
from overtone.features.messages import name_of_row
from overtone.features.parsed_table import SPLITS, list_some, name_splits
from overtone.features.split_flags import name_by_flags
from overtone.features.text_files import SUFFIXES, open_text
from overtone.graphs.checks import check_classes, check_size
from overtone.graphs.columns import TableOptions
from overtone.graphs.soft_labels import Kind, Representation, check_soft_labels
from overtone.graphs.tables import ROWS, TableRows

if TYPE_CHECKING:
    import pyarrow

Chunks = Iterator[NDArray[Any]]

_CLASS_NAMES = ("class_names", "classes")


@dataclass(frozen=True)
class NumericTable:
    """A table of numbers in a file.

    Attributes:
        names: Its variables.
        chunks: Gives the rows, some thousands at a time; the file is never in memory as a whole.
        rows: Rows behind a covariance; None where the chunks are rows.
        covariance: (p, p), if that is what the file holds.
        notes: What was decided and what looks doubtful, in sentences; all there once the rows were read.
    """

    names: tuple[str, ...]
    chunks: Callable[[], Chunks]
    rows: float | None = None
    covariance: NDArray[Any] | None = None
    notes: list[str] = field(default_factory=list)


def read_table(path: str | Path, options: TableOptions | None = None) -> NumericTable:
    """Open a table: an npz with ``data`` and optional ``names``, or ``covariance`` and ``rows``; text; or Parquet.

    Args:
        path: The file. Text (.csv, .tsv, .txt) has a header; separator, decimal mark and encoding are found out.
        options: Which columns are variables, and what becomes of text and of missing values.

    Returns:
        The table, whose rows are not read yet.

    Raises:
        InputError: It is no table of numbers.
    """
    file, options = _existing(path), options or TableOptions()
    if file.suffix.lower() in SUFFIXES:
        text = open_text(file)
        rows = TableRows(str(file), list(text.names), text.batches, options, text.decimal_comma, list(text.notes))
        return NumericTable(rows.names, rows.chunks, notes=rows.notes)
    if file.suffix.lower() in (".parquet", ".pq"):
        names, notes = _parquet_names(file)
        rows = TableRows(str(file), list(names), lambda: _parquet_batches(file, names), options, notes=notes)
        return NumericTable(rows.names, rows.chunks, notes=rows.notes)
    arrays = find_format(file).read(file).arrays
    names = arrays["names"].text() if "names" in arrays else ()
    if "covariance" in arrays and "rows" in arrays:
        check_size(max(arrays["covariance"].shape, default=0))
        covariance = arrays["covariance"].read()
        return NumericTable(names or _number(covariance), lambda: iter(()), _count(arrays["rows"]), covariance)
    if "data" not in arrays:
        raise InputError(
            f"{file}: no key 'data'",
            got=f"keys {list_some([repr(key) for key in arrays])}",
            valid="data (rows × variables) with optional names, or covariance and rows",
            fix="name what the file holds with --soft for soft labels",
        )
    values = arrays["data"]
    if len(values.shape) != 2 or not (values.numeric or values.textual):
        raise InputError(f"{file}, key 'data': must be (rows, variables), of numbers or text", got=str(values))
    columns = list(names or _number(values))
    if len(columns) != values.shape[1]:
        got = f"{len(columns)} names, {values.shape[1]} variables"
        raise InputError(f"{file}: there must be one name a variable", got=got)
    split = next((arrays[key] for key in ("split", "is_test") if key in arrays), None)
    if split is not None:
        if math.prod(split.shape) != values.shape[0] or not (split.numeric or split.textual):
            valid = f"{values.shape[0]} words or flags, one per row"
            raise InputError(f"{split.where}: does not say which rows to train on", got=str(split), valid=valid)
        columns.append("split" if "split" in arrays else "is_test")
    rows = TableRows(str(file), columns, lambda: _array_batches(values, split), options)
    return NumericTable(rows.names, rows.chunks, notes=rows.notes)


def _existing(path: str | Path) -> Path:
    """A path to a file that is there, or an error."""
    found = Path(path)
    if not found.is_file():
        raise InputError(f"{found}: no such file", valid="an .npz, .csv, .tsv, .txt or .parquet file")
    return found


def _count(rows: Array) -> float:
    """How many rows a covariance is of."""
    if not rows.numeric or math.prod(rows.shape) != 1:
        raise InputError(f"{rows.where}: must be the number of rows of the table", got=str(rows), valid="one number")
    return float(rows.read().item())


def _number(values: Array | NDArray[Any]) -> tuple[str, ...]:
    """Names for columns without."""
    return tuple(f"x{at}" for at in range(values.shape[-1]))


def _array_batches(values: Array, split: Array | None) -> Iterator[list[NDArray[Any]]]:
    """The columns of a matrix, and of the split beside it."""
    for start in range(0, values.shape[0], ROWS):
        block = slice(start, start + ROWS)
        yield [*values.read(block).T, *([] if split is None else [split.read()[block].ravel()])]


def _parquet_names(path: Path) -> tuple[tuple[str, ...], list[str]]:
    """The columns of a Parquet file that can be variables, and notes on the others."""
    import pyarrow
    import pyarrow.parquet

    with report_damage(path, "a Parquet file", also=(pyarrow.ArrowException,)):
        schema = pyarrow.parquet.read_schema(path)
    pandas = schema.pandas_metadata or {}
    index = [name for name in pandas.get("index_columns", ()) if isinstance(name, str)]
    index += [name for name in schema.names if name.startswith("__index_level_")]
    notes = [f"column {name!r} holds the rows' index and is left out" for name in dict.fromkeys(index)]
    nested = [column.name for column in schema if pyarrow.types.is_nested(column.type)]
    if nested:
        notes.append(f"columns of lists are no variables and left out: {list_some(nested)}")
    return tuple(name for name in schema.names if name not in (*index, *nested)), notes


def _parquet_batches(path: Path, names: Sequence[str]) -> Iterator[list[NDArray[Any]]]:
    """The columns of a Parquet file, block by block; nulls are NaN, or empty in text."""
    import pyarrow
    import pyarrow.parquet

    with report_damage(path, "a Parquet file", also=(pyarrow.ArrowException,)):
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(ROWS, columns=list(names)):
            yield [_plain_column(batch.column(name)) for name in names]


def _plain_column(column: pyarrow.Array) -> NDArray[Any]:
    """One column as numbers or text."""
    import pyarrow

    kinds = pyarrow.types
    if kinds.is_dictionary(column.type):
        column = column.dictionary_decode()
    numeric = kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_decimal(column.type)
    if numeric or kinds.is_boolean(column.type):
        return np.asarray(column.cast("float64").to_numpy(zero_copy_only=False))
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=str)


@dataclass(frozen=True)
class SoftLabelFile:
    """Soft labels as a file holds them.

    Attributes:
        parts: Modality to (n, C) soft labels, of the rows that were asked for.
        classes: C names; empty if the file has none.
        labels: Annotated labels of these rows; None if the file has none.
        ids: Names of these rows; their numbers in the file if it has none.
        rows: Numbers of these rows in the file.
        source: The file.
    """

    parts: dict[str, NDArray[Any]]
    classes: tuple[str, ...]
    labels: NDArray[Any] | None
    ids: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    source: str = ""

    def check(self, kind: Kind, representation: Representation = "auto") -> None:
        """Refuse rows that are not what ``kind`` says; InputError names the file's row and id."""
        for name, part in self.parts.items():

            def place(row: int, name: str = name) -> str:
                own, number = self.ids[row], str(self.rows[row])
                return f"{self.source}, key {name!r}, row {number}" + name_of_row("" if own == number else own)

            check_soft_labels(part, kind, representation, place)


def read_soft_labels(path: str | Path, modality: tuple[str, ...], split: str | None = None) -> SoftLabelFile:
    """Read soft labels: an array (n, C) per modality, with optional class_names, labels, ids and splits.

    Args:
        path: An npz, HDF5 or safetensors file.
        modality: Its keys.
        split: Rows to take, by the file's ``split``, ``is_test`` or parts such as ``audio_train``; by default ``train``
            where there is a split, else all.

    Returns:
        The soft labels.

    Raises:
        InputError: A key is missing, or there is no such split.
    """
    file = _existing(path)
    table = find_format(file).read(file)
    columns = join_parts(table.arrays)
    for name in modality:
        if name not in columns:
            got = f"keys {list_some([repr(key) for key in columns])}"
            raise InputError(f"{file}: no soft labels under {name!r}", got=got, fix="name the keys with --modalities")
        first = columns[name].parts[0]
        if len(first.shape) != 2 or not first.numeric:
            raise InputError(f"{first.where}: not soft labels", got=str(first), valid="(rows, classes) numbers")
        check_classes(first.shape[1], len(modality))
    count = columns[modality[0]].rows
    for key in (*modality, "split", "ids", *LABELS):
        if key in columns and columns[key].rows != count:
            raise InputError(f"{columns[key].where}: {columns[key].rows} rows", valid=f"{count}, one per clip")
    by_flags = {} if "split" in columns else name_by_flags(columns)
    if by_flags:
        columns["split"] = next(iter(by_flags.values()))
    chosen = _rows_of_split(columns, split, file, columns[modality[0]])
    ids = columns["ids"].text() if "ids" in columns else ()
    classes = next((columns[key].text() for key in _CLASS_NAMES if key in columns), ())
    labels = next((columns[key] for key in LABELS if key in columns), None)
    read = None
    if labels is not None:
        codes, named = read_labels(labels.read(), labels.where, labels.place).encode(classes)
        width = columns[modality[0]].parts[0].shape[-1]
        numbered = codes.ndim == 1 and not classes and all(name.isdecimal() for name in named)
        if numbered:  # class numbers are columns, also where some classes have no row
            most = max(map(int, named), default=0)
            if most >= width:
                what, valid = (
                    f"{labels.where}: labels do not fit the soft labels",
                    f"class numbers from 0 to {width - 1}",
                )
                raise InputError(what, got=most, valid=valid)
            codes = np.append([int(name) for name in named], NO_LABEL)[codes]
        read = codes[chosen]
    return SoftLabelFile(
        {name: columns[name].read()[chosen] for name in modality},
        classes,
        read,
        tuple(ids[row] if ids else str(row) for row in chosen.tolist()),
        tuple(chosen.tolist()),
        str(file),
    )


def _rows_of_split(columns: Mapping[str, Column], split: str | None, file: Path, first: Column) -> NDArray[Any]:
    """Which rows a split means."""
    given = name_splits(columns.get("split"), columns.get("is_test"), first)
    if not given or split == "all":
        if split not in (None, "all"):
            raise InputError(f"{file}: has no splits", got=f"split {split!r}", fix="leave it out")
        return np.arange(first.rows)
    names = np.array([SPLITS.get(name, name) for name in given])
    rows = np.flatnonzero(names == SPLITS.get(split or "train", split))
    if not len(rows):
        valid = list_some([*sorted(set(given)), "all"])
        raise InputError(f"{file}: no row of split {split or 'train'!r}", valid=valid)
    return rows
