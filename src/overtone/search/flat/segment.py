"""Reading of a segment: memory-mapped vectors, and metadata of single rows or whole columns of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.features.arrays import READ_ERRORS
from overtone.search.expression import evaluate_filter
from overtone.search.filters import Filter, columns_of
from overtone.search.flat.manifest import SegmentEntry, file_checksum
from overtone.search.flat.writing import METADATA
from overtone.search.records import RESERVED, Vectors, cast_table

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

_GROUPS = 64
"""Groups of rows whose metadata is read at a time."""
_FILTERED = 65_536
"""Rows whose metadata a filter holds at a time."""
_MASKS = 8
"""Filters whose rows are kept for the next search."""


class Segment:
    """One segment of an open version.

    Args:
        folder: The store's.
        entry: What the manifest says of it.
        columns: The store's.

    Raises:
        InputError: A file is missing, has another size than when it was written, or cannot be read.
    """

    def __init__(self, folder: Path, entry: SegmentEntry, columns: Mapping[str, str]) -> None:
        self.path, self.rows, self.columns = folder / entry.name, entry.rows, dict(columns)
        self.rounding, self._checksums = entry.rounding, entry.checksums
        for name, size in entry.files.items():
            found = (self.path / name).stat().st_size if (self.path / name).is_file() else None
            if found != size:
                got = "no file" if found is None else f"{found:,} bytes"
                raise InputError(f"{self.path / name}: damaged", got=got, valid=f"{size:,} bytes")
        arrays = [name for name in entry.files if name.endswith(".npy")]
        self._maps = {name[: -len(".npy")]: _load(self.path / name, mmap_mode="r") for name in arrays}
        # Opened now: a reader keeps its version even if a writer removes the files.
        self._file = pyarrow.memory_map(str(self.path / METADATA))
        self._masks: dict[str, Mask] = {}
        self.deleted: Mask | None = None
        if entry.deleted:
            self.deleted = np.zeros(self.rows, bool)
            self.deleted[_load(folder / entry.deleted)] = True

    @cached_property
    def _parquet(self) -> pyarrow.parquet.ParquetFile:
        try:
            return pyarrow.parquet.ParquetFile(self._file)
        except READ_ERRORS as error:
            raise self._damage(error) from None

    def _damage(self, error: Exception) -> InputError:
        reason = str(error).split("\n")[0]
        return InputError(f"{self.path / METADATA}: damaged ({reason})", fix="index the data again")

    def verify(self) -> None:
        """Read every file and compare its checksum.

        Raises:
            InputError: One differs; names the items that the segment holds.
        """
        for name, checksum in self._checksums.items():
            path = self.path / name
            try:
                whole = file_checksum(path) == checksum
            except OSError as error:
                raise InputError(f"{path}: cannot be read ({error.strerror})", fix="check the disk") from None
            if not whole:
                fix = "index them again with --upsert, which replaces them"
                raise InputError(f"{path}: damaged (its checksum differs); {self._lost(name)}", fix=fix)

    def _lost(self, name: str) -> str:
        """Which items a damaged file concerns."""
        rows = np.arange(self.rows) if self.deleted is None else np.flatnonzero(~self.deleted)
        if name == METADATA or not len(rows):
            return f"the {len(rows):,} items of this segment cannot be trusted"
        first, last = (self.ids[int(rows[at])].as_py() for at in (0, -1))
        return f"the {len(rows):,} items of this segment, {first!r} to {last!r}, cannot be trusted"

    @cached_property
    def ids(self) -> pyarrow.Array:
        """Names of all rows, deleted ones included."""
        return self._read([RESERVED])[RESERVED].combine_chunks()

    def _read(self, columns: Sequence[str]) -> pyarrow.Table:
        try:
            return self._parquet.read(columns=list(columns), use_threads=False)
        except READ_ERRORS as error:
            raise self._damage(error) from None

    @cached_property
    def _group_starts(self) -> Rows:
        """First row of each row group."""
        found = self._parquet.metadata
        sizes = [found.row_group(group).num_rows for group in range(found.num_row_groups)]
        return np.cumsum([0, *sizes[:-1]], dtype=np.int64)

    def find(self, ids: pyarrow.Array) -> tuple[Rows, Rows]:
        """Rows that are not deleted and have one of these ids, and which id each has."""
        which = pyarrow.compute.index_in(self.ids, value_set=ids)
        rows = np.flatnonzero(which.is_valid().to_numpy(zero_copy_only=False))
        if self.deleted is not None:
            rows = rows[~self.deleted[rows]]
        return rows, which.take(pyarrow.array(rows)).to_numpy(zero_copy_only=False).astype(np.int64)

    def allowed(self, to: Sequence[str], where: Filter | None) -> Mask | None:
        """Rows that a search may find: not deleted, passing the filter, with one of the modalities; None for all."""
        masks = [] if self.deleted is None else [~self.deleted]
        if where is not None:
            masks.append(self.matching(where))
        if to:
            present = [self.present(name) for name in to]
            if all(one is not None for one in present):
                masks.append(np.logical_or.reduce([one for one in present if one is not None]))
        return np.logical_and.reduce(masks) if masks else None

    def present(self, name: str) -> Mask | None:
        """Rows that have a modality; None if all have."""
        return self._maps.get(f"{name}.present")

    def matching(self, where: Filter) -> Mask:
        """Rows that pass a filter; those of the last filters are kept."""
        key = repr(where)
        found = self._masks.pop(key, None)
        if found is None:
            found = np.concatenate([np.zeros(0, bool), *self._evaluate(where)])
        self._masks[key] = found
        if len(self._masks) > _MASKS:
            self._masks.pop(next(iter(self._masks)))
        return found

    def _evaluate(self, where: Filter) -> Iterator[Mask]:
        """Which rows pass a filter, in parts; the columns of one part are held at a time."""
        names = sorted(columns_of(where))
        stored = [name for name in names if name in self._parquet.schema_arrow.names]
        columns = {name: self.columns[name] for name in names}
        try:
            # A column that only later segments have is null here; the ids say how many rows there are.
            for batch in self._parquet.iter_batches(_FILTERED, columns=stored or [RESERVED], use_threads=False):
                found = evaluate_filter(where, cast_table(pyarrow.table(batch), columns), columns)
                yield found.fill_null(False).to_numpy()
        except READ_ERRORS as error:
            raise self._damage(error) from None

    def metadata(self, rows: Rows) -> pyarrow.Table:
        """Ids and metadata of some rows in ascending order; only their parts of the file are read."""
        parts = []
        try:
            groups = np.searchsorted(self._group_starts, rows, side="right") - 1
            wanted = np.unique(groups)
            for some in np.split(wanted, range(_GROUPS, len(wanted), _GROUPS)):
                table = self._parquet.read_row_groups(some.tolist(), use_threads=False)
                inside = np.isin(groups, some)
                sizes = [self._parquet.metadata.row_group(group).num_rows for group in some.tolist()]
                begins = np.cumsum([0, *sizes[:-1]])
                number = np.searchsorted(some, groups[inside])
                at = rows[inside] - self._group_starts[some][number] + begins[number]
                parts.append(table.take(pyarrow.array(at)))
        except READ_ERRORS as error:
            raise self._damage(error) from None
        kinds = {RESERVED: "string", **self.columns}
        return pyarrow.concat_tables([cast_table(part, kinds) for part in parts])

    def vectors(self, name: str, rows: Rows | slice) -> Vectors:
        """Rows of a modality as float32, exact; a memory map itself where it is float32 and a slice is asked for."""
        exact = self._maps.get(f"{name}.exact")
        found: Vectors = np.asarray((self._maps[name] if exact is None else exact)[rows], dtype=np.float32)
        return found

    def scanned(self, name: str, rows: Rows | slice) -> Vectors:
        """The same as a scan sees them: rounded, if they are quantised."""
        factors = self._maps.get(f"{name}.factors")
        if factors is None:
            return self.vectors(name, rows)
        found: Vectors = self._maps[name][rows].astype(np.float32) * factors[rows][:, None]
        return found

    def target(self, to: Sequence[str], rows: Rows | slice, *, exact: bool = True) -> Vectors:
        """What queries are multiplied with: a modality's rows, or the mean over those of several that an item has."""
        read = self.vectors if exact else self.scanned
        if len(to) == 1:
            return read(to[0], rows)
        parts = [read(name, rows) for name in to]
        count = np.zeros(len(parts[0]), np.float32)
        for name in to:
            mask = self.present(name)
            count += 1.0 if mask is None else mask[rows]
        total: Vectors = np.add.reduce(parts) / np.maximum(count, 1)[:, None]
        return total


def split_positions(segments: Sequence[Segment], positions: Rows) -> Iterator[tuple[Segment, Rows]]:
    """Ascending positions, which count through all segments, as rows of each segment."""
    start = 0
    for segment in segments:
        inside = positions[(positions >= start) & (positions < start + segment.rows)]
        yield segment, inside - start
        start += segment.rows


def _load(path: Path, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    try:
        loaded: NDArray[Any] = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        return loaded
    except READ_ERRORS as error:
        raise InputError(f"{path}: damaged ({str(error).splitlines()[0]})", fix="index the data again") from None
