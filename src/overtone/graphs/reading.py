"""Files that a graph is learnt from: tables of numbers, and soft labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.features.formats import find_format, report_damage

CHUNK = 4096
_CLASS_NAMES = ("class_names", "classes")
LABELS = ("y", "labels")


@dataclass(frozen=True)
class NumericTable:
    """A table of numbers in a file.

    Attributes:
        path: The file.
        names: Its variables.
        rows: Rows behind a covariance; None where the chunks are rows.
        covariance: (p, p), if that is what the file holds.
    """

    path: Path
    names: tuple[str, ...]
    rows: float | None = None
    covariance: NDArray[Any] | None = None
    values: Any = None

    def chunks(self) -> Iterator[NDArray[Any]]:
        """The rows, some thousands at a time; the file is never in memory as a whole."""
        if self.path.suffix.lower() == ".csv":
            yield from _csv_chunks(self.path)
        elif self.path.suffix.lower() in (".parquet", ".pq"):
            yield from _parquet_chunks(self.path)
        else:
            for at in range(0, self.values.shape[0], CHUNK):
                yield np.asarray(self.values[at : at + CHUNK])


def existing(path: str | Path) -> Path:
    """A path to a file that is there.

    Raises:
        InputError: There is none.
    """
    found = Path(path)
    if not found.is_file():
        raise InputError(f"{found}: no such file", valid="an .npz, .csv or .parquet file")
    return found


def read_table(path: str | Path) -> NumericTable:
    """Open a table: an npz with ``data`` and optional ``names``, or ``covariance`` and ``rows``; a CSV or Parquet file.

    Args:
        path: The file. A CSV file has a header; all columns are variables.

    Returns:
        The table, whose rows are not read yet.

    Raises:
        InputError: It is no table of numbers.
    """
    file = existing(path)
    if file.suffix.lower() == ".csv":
        return NumericTable(file, _csv_names(file))
    if file.suffix.lower() in (".parquet", ".pq"):
        return NumericTable(file, _parquet_names(file))
    arrays = find_format(file).read(file).arrays
    names = text(arrays["names"].rows) if "names" in arrays else ()
    if "covariance" in arrays and "rows" in arrays:
        covariance = np.asarray(arrays["covariance"].rows[:])
        count = float(np.asarray(arrays["rows"].rows[()]))
        return NumericTable(file, names or numbered(covariance.shape), count, covariance)
    if "data" not in arrays:
        raise InputError(
            f"{file}: no key 'data'",
            got=f"keys {', '.join(map(repr, arrays))}",
            valid="data (rows × variables) with optional names, or covariance and rows",
            fix="name what the file holds with --soft for soft labels",
        )
    values = arrays["data"].rows
    if len(values.shape) != 2:
        raise InputError(f"{file}, key 'data': must be (rows, variables)", got=f"shape {tuple(values.shape)}")
    return NumericTable(file, names or numbered(values.shape), values=values)


def numbered(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Names for variables without."""
    return tuple(f"x{at}" for at in range(shape[-1]))


def text(rows: Any) -> tuple[str, ...]:
    """An array of names."""
    return tuple(str(name) for name in np.asarray(rows[:]).tolist())


def _csv_names(path: Path) -> tuple[str, ...]:
    """The header of a CSV file."""
    import csv

    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file), [])
    names = tuple(name.strip() for name in header)
    if not names or any(_is_number(name) for name in names):
        raise InputError(
            f"{path}, line 1: not a header", got=", ".join(names[:5]) or "nothing", fix="name the columns there"
        )
    return names


def _is_number(word: str) -> bool:
    """Whether a word of a file is a number (or nothing)."""
    try:
        float(word or "0")
    except ValueError:
        return False
    return True


def _csv_chunks(path: Path) -> Iterator[NDArray[Any]]:
    """Rows of a CSV file."""
    import pyarrow
    import pyarrow.csv

    types = {name: pyarrow.float64() for name in _csv_names(path)}
    options = pyarrow.csv.ConvertOptions(column_types=types)
    with report_damage(path, "a CSV file of numbers", also=(pyarrow.ArrowException,)):
        yield from map(_batch_values, pyarrow.csv.open_csv(path, convert_options=options))


def _parquet_names(path: Path) -> tuple[str, ...]:
    """The columns of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    with report_damage(path, "a Parquet file", also=(pyarrow.ArrowException,)):
        schema = pyarrow.parquet.read_schema(path)
    for column in schema:
        kinds = pyarrow.types
        if not (kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_boolean(column.type)):
            raise InputError(f"{path}, column {column.name!r}: not numbers", got=column.type, fix="leave it out")
    return tuple(schema.names)


def _parquet_chunks(path: Path) -> Iterator[NDArray[Any]]:
    """Rows of a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    with report_damage(path, "a Parquet file", also=(pyarrow.ArrowException,)):
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(CHUNK):
            yield _batch_values(batch)


def _batch_values(batch: Any) -> NDArray[Any]:
    """A batch of columns as float64 rows; nulls are NaN."""
    columns = [column.cast("float64").to_numpy(zero_copy_only=False) for column in batch.columns]
    return np.column_stack(columns)


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
    """Read soft labels: an array (n, C) per modality, with optional class_names, y and split.

    Args:
        path: An npz, HDF5 or safetensors file.
        modality: Its keys.
        split: Rows to take, by the file's ``split``; by default ``train`` where there is a split, else all.

    Returns:
        The soft labels.

    Raises:
        InputError: A key is missing, or there is no such split.
    """
    file = existing(path)
    arrays = find_format(file).read(file).arrays
    parts = {name: _values_of(arrays, name, file) for name in modality}
    chosen = rows_of(arrays, split, file, len(next(iter(parts.values()))))
    names = next((text(arrays[key].rows) for key in _CLASS_NAMES if key in arrays), ())
    labels = next((np.asarray(arrays[key].rows[:]) for key in LABELS if key in arrays), None)
    taken = None if labels is None else labels[chosen]
    ids = text(arrays["ids"].rows) if "ids" in arrays else ()
    named = tuple(ids[row] if ids else str(row) for row in chosen.tolist())
    return SoftLabelFile({name: part[chosen] for name, part in parts.items()}, names, taken, named)


def _values_of(arrays: dict[str, Any], name: str, file: Path) -> NDArray[Any]:
    """One modality's array."""
    if name not in arrays:
        got = f"keys {', '.join(map(repr, arrays))}"
        raise InputError(f"{file}: no soft labels under {name!r}", got=got, fix="name the keys with --modalities")
    return np.asarray(arrays[name].rows[:])


def rows_of(arrays: dict[str, Any], split: str | None, file: Path, count: int) -> NDArray[Any]:
    """Which rows a split means.

    Raises:
        InputError: The file has no such split.
    """
    if "split" not in arrays or split == "all":
        if split not in (None, "all"):
            raise InputError(f"{file}: has no splits", got=f"split {split!r}", fix="leave it out")
        return np.arange(count)
    given = np.array(text(arrays["split"].rows))
    rows = np.flatnonzero(given == (split or "train"))
    if not len(rows):
        raise InputError(f"{file}: no row of split {split or 'train'!r}", valid=", ".join([*sorted(set(given)), "all"]))
    return rows
