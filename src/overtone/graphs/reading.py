"""Files that a graph is learnt from: tables of numbers, and soft labels."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.features.arrays import Array
from overtone.features.formats import find_format, report_damage

if TYPE_CHECKING:
    import pyarrow

Chunks = Iterator[NDArray[Any]]

_CHUNK = 4096
"""Rows that are in memory at once."""
_CLASS_NAMES = ("class_names", "classes")
_LABELS = ("y", "labels")


@dataclass(frozen=True)
class NumericTable:
    """A table of numbers in a file.

    Attributes:
        names: Its variables.
        chunks: Gives the rows, some thousands at a time; the file is never in memory as a whole.
        rows: Rows behind a covariance; None where the chunks are rows.
        covariance: (p, p), if that is what the file holds.
    """

    names: tuple[str, ...]
    chunks: Callable[[], Chunks]
    rows: float | None = None
    covariance: NDArray[Any] | None = None


def read_table(path: str | Path) -> NumericTable:
    """Open a table: an npz with ``data`` and optional ``names``, or ``covariance`` and ``rows``; a CSV or Parquet file.

    Args:
        path: The file. A CSV file has a header; all columns are variables.

    Returns:
        The table, whose rows are not read yet.

    Raises:
        InputError: It is no table of numbers.
    """
    file = _existing(path)
    if file.suffix.lower() == ".csv":
        header = _csv_header(file)
        return NumericTable(header, lambda: _csv_chunks(file, header))
    if file.suffix.lower() in (".parquet", ".pq"):
        return NumericTable(_parquet_names(file), lambda: _parquet_chunks(file))
    arrays = find_format(file).read(file).arrays
    names = arrays["names"].text() if "names" in arrays else ()
    if "covariance" in arrays and "rows" in arrays:
        covariance = arrays["covariance"].read()
        return NumericTable(names or _number(covariance), lambda: iter(()), float(arrays["rows"].read()), covariance)
    if "data" not in arrays:
        raise InputError(
            f"{file}: no key 'data'",
            got=f"keys {', '.join(map(repr, arrays))}",
            valid="data (rows × variables) with optional names, or covariance and rows",
            fix="name what the file holds with --soft for soft labels",
        )
    values = arrays["data"]
    if len(values.shape) != 2:
        raise InputError(f"{file}, key 'data': must be (rows, variables)", got=f"shape {values.shape}")
    starts = range(0, values.shape[0], _CHUNK)
    return NumericTable(names or _number(values), lambda: (values.read(slice(at, at + _CHUNK)) for at in starts))


def _existing(path: str | Path) -> Path:
    """A path to a file that is there, or an error."""
    found = Path(path)
    if not found.is_file():
        raise InputError(f"{found}: no such file", valid="an .npz, .csv or .parquet file")
    return found


def _number(values: Array | NDArray[Any]) -> tuple[str, ...]:
    """Names for columns without."""
    return tuple(f"x{at}" for at in range(values.shape[-1]))


def _csv_header(path: Path) -> tuple[str, ...]:
    """The header of a CSV file; a first line with a number in it, or without a word, is none."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        names = tuple(name.strip() for name in next(csv.reader(file), []))
    if not names or any(map(_is_number, names)):
        got = ", ".join(names[:5]) or "nothing"
        raise InputError(f"{path}, line 1: not a header", got=got, fix="name the columns there")
    return names


def _is_number(word: str) -> bool:
    """Whether a word of a file is a number (or nothing)."""
    with suppress(ValueError):
        float(word or "0")
        return True
    return False


def _csv_chunks(path: Path, names: Iterable[str]) -> Chunks:
    """Rows of a CSV file."""
    import pyarrow
    import pyarrow.csv

    options = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.float64()))
    with report_damage(path, "a CSV file of numbers", also=(pyarrow.ArrowException,)):
        yield from map(_batch_values, pyarrow.csv.open_csv(path, convert_options=options))


def _parquet_names(path: Path) -> tuple[str, ...]:
    """The columns of a Parquet file, all of which are numbers."""
    import pyarrow
    import pyarrow.parquet

    with report_damage(path, "a Parquet file", also=(pyarrow.ArrowException,)):
        schema = pyarrow.parquet.read_schema(path)
    kinds = pyarrow.types
    for column in schema:
        if not (kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_boolean(column.type)):
            raise InputError(f"{path}, column {column.name!r}: not numbers", got=column.type, fix="leave it out")
    return tuple(schema.names)


def _parquet_chunks(path: Path) -> Chunks:
    """Rows of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    with report_damage(path, "a Parquet file", also=(pyarrow.ArrowException,)):
        yield from map(_batch_values, pyarrow.parquet.ParquetFile(path).iter_batches(_CHUNK))


def _batch_values(batch: pyarrow.RecordBatch) -> NDArray[Any]:
    """A batch of columns as float64 rows; nulls are NaN."""
    return np.column_stack([column.cast("float64").to_numpy(zero_copy_only=False) for column in batch.columns])


@dataclass(frozen=True)
class SoftLabelFile:
    """Soft labels as a file holds them.

    Attributes:
        parts: Modality to (n, C) soft labels, of the rows that were asked for.
        classes: C names; empty if the file has none.
        labels: Annotated labels of these rows; None if the file has none.
        ids: Names of these rows; their numbers in the file if it has none.
    """

    parts: dict[str, NDArray[Any]]
    classes: tuple[str, ...]
    labels: NDArray[Any] | None
    ids: tuple[str, ...] = ()


def read_soft_labels(path: str | Path, modality: tuple[str, ...], split: str | None = None) -> SoftLabelFile:
    """Read soft labels: an array (n, C) per modality, with optional class_names, y, ids and split.

    Args:
        path: An npz, HDF5 or safetensors file.
        modality: Its keys.
        split: Rows to take, by the file's ``split``; by default ``train`` where there is a split, else all.

    Returns:
        The soft labels.

    Raises:
        InputError: A key is missing, or there is no such split.
    """
    file = _existing(path)
    arrays = find_format(file).read(file).arrays
    for name in modality:
        if name not in arrays:
            got = f"keys {', '.join(map(repr, arrays))}"
            raise InputError(f"{file}: no soft labels under {name!r}", got=got, fix="name the keys with --modalities")
    chosen = _rows_of_split(arrays, split, file, arrays[modality[0]].shape[0])
    ids = arrays["ids"].text() if "ids" in arrays else ()
    return SoftLabelFile(
        {name: arrays[name].read()[chosen] for name in modality},
        next((arrays[key].text() for key in _CLASS_NAMES if key in arrays), ()),
        next((arrays[key].read()[chosen] for key in _LABELS if key in arrays), None),
        tuple(ids[row] if ids else str(row) for row in chosen.tolist()),
    )


def _rows_of_split(arrays: Mapping[str, Array], split: str | None, file: Path, count: int) -> NDArray[Any]:
    """Which rows a split means."""
    if "split" not in arrays or split == "all":
        if split not in (None, "all"):
            raise InputError(f"{file}: has no splits", got=f"split {split!r}", fix="leave it out")
        return np.arange(count)
    given = np.array(arrays["split"].text())
    rows = np.flatnonzero(given == (split or "train"))
    if not len(rows):
        raise InputError(f"{file}: no row of split {split or 'train'!r}", valid=", ".join([*sorted(set(given)), "all"]))
    return rows
