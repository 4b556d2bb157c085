"""Writing of a segment: vectors as .npy, ids and metadata as Parquet, in a folder that appears when it is whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from overtone.search.flat.manifest import SegmentEntry, file_checksum, sync_folder
from overtone.search.records import COLUMN_TYPES, RESERVED, Records, Vectors, cast_table, has_vector

_ROW_GROUP = 1024
"""Rows of metadata that are read together: a search reads those around its hits."""
_BLOCK = 8192
"""Rows of vectors that are written together."""
METADATA = "metadata.parquet"
PRESENT = ".present.npy"
TEMPORARY = ".segment-"
"""Beginning of the names of folders that are being written."""


def write_segment(
    folder: Path,
    name: str,
    batches: Iterable[Records],
    rows: int,
    modalities: Mapping[str, int],
    columns: Mapping[str, str],
    dtype: str,
) -> SegmentEntry:
    """Write items as one segment.

    Args:
        folder: The store's.
        name: The segment's.
        batches: The items, in parts.
        rows: How many there are in all.
        modalities, columns: The store's.
        dtype: ``float32``, ``float16`` or ``int8``.

    Returns:
        The entry for a manifest; the segment is on disk.

    Raises:
        OSError: The disk is full, or the folder cannot be written to; nothing is left behind.
    """
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
    try:
        with ExitStack() as stack:
            sizes = {key: (rows, width) for key, width in modalities.items()}
            vectors = {key: _VectorFiles(stack, temporary, key, shape, dtype) for key, shape in sizes.items()}
            schema = pyarrow.schema(
                [(RESERVED, pyarrow.string()), *((key, COLUMN_TYPES[kind]) for key, kind in columns.items())]
            )
            writer = pyarrow.parquet.ParquetWriter(temporary / METADATA, schema, write_statistics=False)
            stack.callback(writer.close)
            for batch in batches:
                for key, files in vectors.items():
                    files.append(batch.vectors.get(key), len(batch))
                metadata = cast_table(batch.metadata, columns)
                table = pyarrow.table([pyarrow.array(batch.ids, pyarrow.string()), *metadata.columns], schema)
                writer.write_table(table, row_group_size=_ROW_GROUP)
            for files in vectors.values():
                files.finish()
        for path in temporary.iterdir():
            with path.open("rb") as written:
                os.fsync(written.fileno())
        paths = sorted(temporary.iterdir())
        sizes_found = {path.name: path.stat().st_size for path in paths}
        checksums = {path.name: file_checksum(path) for path in paths}
        sync_folder(temporary)
        temporary.chmod(0o755)
        temporary.rename(folder / name)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    rounding = {key: files.rounding for key, files in vectors.items() if files.rounding}
    return SegmentEntry(name, rows, sizes_found, rounding=rounding, checksums=checksums)


class _VectorFiles:
    """The files of one modality: what is scanned, and for int8 the factor of each row and the exact rows."""

    def __init__(self, stack: ExitStack, folder: Path, name: str, shape: tuple[int, int], dtype: str) -> None:
        rows, width = shape
        self.width = width
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.present_path = folder / f"{name}{PRESENT}"
        self.present: list[NDArray[np.bool_]] = []
        self.rounding = 0.0
        self.scanned = _open_npy(stack, folder / f"{name}.npy", self.dtype, (rows, width))
        if self.dtype == np.int8:
            self.factors = _open_npy(stack, folder / f"{name}.factors.npy", np.dtype(np.float32), (rows,))
            self.exact = _open_npy(stack, folder / f"{name}.exact.npy", np.dtype(np.float32), (rows, width))

    def append(self, part: Vectors | None, rows: int) -> None:
        """Write rows; zeros where there are none."""
        for start in range(0, rows, _BLOCK):
            size = min(_BLOCK, rows - start)
            block = np.zeros((size, self.width), np.float32) if part is None else part[start : start + size]
            self.present.append(has_vector(block))
            if self.dtype != np.int8:
                self._write(self.scanned, block.astype(self.dtype))
                continue
            factors = (np.abs(block).max(axis=1) / 127).astype(np.float32)
            quantised = np.rint(block / np.where(factors == 0, 1, factors)[:, None]).astype(np.int8)
            lost = np.linalg.norm(block - quantised * factors[:, None], axis=1)
            self.rounding = max(self.rounding, float(lost.max(initial=0)))
            self._write(self.scanned, quantised)
            self._write(self.factors, factors)
            self._write(self.exact, block)

    def finish(self) -> None:
        """Note which items have the modality, unless all have."""
        present = np.concatenate([np.zeros(0, bool), *self.present])
        if not present.all():
            np.save(self.present_path, present)

    @staticmethod
    def _write(file: BinaryIO, block: NDArray[Any]) -> None:
        file.write(np.ascontiguousarray(block).data)


def _open_npy(stack: ExitStack, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> BinaryIO:
    """A .npy file whose header stands and whose rows are to come.

    Plain writes raise where the disk is full; writes to a memory map would end the process.
    """
    file = stack.enter_context(path.open("wb"))
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file
