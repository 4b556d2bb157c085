"""``.npz``, numpy's zip of arrays, and folders of ``.npy`` files; what is not compressed is memory-mapped."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy

from overtone.core import InputError
from overtone.core.atomic import atomic_path
from overtone.core.scratch import note_source
from overtone.core.sources import list_folder
from overtone.features.arrays import Array, LazyRows, RowIndex, Rows, Table, Values
from overtone.features.formats import Format, formats, report_damage
from overtone.features.formats.sparse import join_sparse
from overtone.features.label_reading import SHOWN

_LOCAL_HEADER = 30
"""Bytes of a zip member's local header before its name (PKZIP application note, section 4.3.7)."""

_ZIP64_EXTRA = 20
"""Bytes of the field with 64-bit sizes that follows it (section 4.5.3)."""


def read_npz(path: Path) -> Table:
    """Open an npz; no array is read yet."""
    with report_damage(path, "an npz file"), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        rows = {info.filename.removesuffix(".npy"): _member(path, archive, info) for info in members}
    if not rows:
        raise InputError(f"{path}: a zip without arrays", fix="write it with numpy.savez")
    table = Table.of(path, "npz", rows)
    return replace(table, arrays=join_sparse(table.arrays, path, path.stem))


def _write_npz(path: Path, arrays: Mapping[str, Values]) -> None:
    """Write uncompressed and with values at multiples of 64 bytes, so that tensors can use a memory map of it."""
    with atomic_path(path) as temporary, temporary.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for key, values in arrays.items():
            info = zipfile.ZipInfo(f"{key}.npy")
            info.extra = _padding(file.tell() + _LOCAL_HEADER + len(info.filename.encode()) + _ZIP64_EXTRA)
            with archive.open(info, "w", force_zip64=True) as stream:
                npy.write_array(stream, values, allow_pickle=False)


formats.register("npz")(Format(read_npz, _write_npz, suffixes=(".npz",)))


def _read_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype of an npy stream; leaves the stream at the first value."""
    version = npy.read_magic(stream)
    try:
        if version == (1, 0):
            return npy.read_array_header_1_0(stream)
        if version == (2, 0):
            return npy.read_array_header_2_0(stream)
    except (TokenError, SyntaxError, TypeError) as error:  # it is a Python literal
        raise ValueError(f"its header is damaged: {error}") from None
    raise InputError(f"{where}: npy version {version} is not supported", fix="save a plain array of numbers")


def map_array(
    path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], order: Literal["C", "F"] = "C"
) -> Rows:
    """A copy-on-write memory map (nothing is ever written back); empty arrays cannot be mapped and are made."""
    if 0 in shape:
        return np.empty(shape, dtype)
    _check_size(shape, dtype, path.stat().st_size - offset)
    rows = np.memmap(path, dtype=dtype, mode="c", offset=offset, shape=shape, order=order)
    note_source(rows)
    return rows


def _check_size(shape: tuple[int, ...], dtype: np.dtype[Any], there: int) -> None:
    """Refuse an array whose header declares more bytes than are there."""
    declared = dtype.itemsize * math.prod(shape)
    if declared > there:
        raise ValueError(f"{declared:,} bytes are declared, and {there:,} are there")


def _padding(start: int) -> bytes:
    """An extra field, itself 4 bytes and a filling, after which an npy header begins at a multiple of 64."""
    size = -(start + 4) % npy.ARRAY_ALIGN
    return b"\x35\xd9" + size.to_bytes(2, "little") + bytes(size)


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Rows:
    with archive.open(info) as stream:
        shape, fortran, dtype = _read_header(stream, f"{path}, key {info.filename.removesuffix('.npy')!r}")
        offset = stream.tell()
    if dtype.hasobject:
        return np.empty(shape, dtype) if 0 in shape else np.broadcast_to(np.empty((), dtype), shape)  # never read
    if info.compress_type == zipfile.ZIP_STORED and shape:
        with path.open("rb") as file:
            file.seek(info.header_offset)
            local = file.read(_LOCAL_HEADER)
        offset += sum(int.from_bytes(local[start : start + 2], "little") for start in (26, 28))  # name and extra field
        return map_array(path, info.header_offset + _LOCAL_HEADER + offset, shape, dtype, "F" if fortran else "C")
    _check_size(shape, dtype, info.file_size - offset)
    if not fortran and shape:
        return _Stream(path, info.filename, shape, dtype)

    def read_whole(rows: RowIndex) -> Values:
        with np.load(path, allow_pickle=False) as archive:
            values: Values = archive[info.filename.removesuffix(".npy")][rows]
            return values

    return LazyRows(shape, dtype, read_whole)


class _Stream:
    """A compressed member: slices of rows that follow each other are read in one pass."""

    _stream: IO[bytes] | None = None
    _at = 0

    def __init__(self, path: Path, member: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.member, self.shape, self.dtype = path, member, shape, dtype
        self._row_bytes = int(dtype.itemsize * np.prod(shape[1:], dtype=np.int64))

    def __getitem__(self, rows: RowIndex) -> Values:
        start, stop, _ = rows.indices(self.shape[0]) if isinstance(rows, slice) else (0, self.shape[0], 1)
        if self._stream is None or self._at != start:
            self._open(start)
        assert self._stream is not None
        wanted = (stop - start) * self._row_bytes
        data = self._stream.read(wanted)
        if stop == self.shape[0]:
            self._stream.read(1)  # one byte beyond the values: the zip's checksum is compared at its end
            self._stream.close()
            self._stream = None
        if len(data) != wanted:
            raise EOFError(f"{len(data)} of {wanted} bytes")
        self._at = stop
        return np.frombuffer(bytearray(data), self.dtype).reshape((stop - start, *self.shape[1:]))

    def _open(self, row: int) -> None:
        archive = zipfile.ZipFile(self.path)
        self._stream = archive.open(self.member)
        _read_header(self._stream, self.member)
        self._stream.seek(row * self._row_bytes, 1)


def _read_npy_folder(path: Path) -> Table:
    """Open every npy file of a folder, and every npz that is a sparse matrix, under its name without the suffix."""
    arrays: dict[str, Array] = {}
    archives = {file.stem: read_npz(file).arrays for file in list_folder(path, "*.npz")}
    arrays |= {name: found[name] for name, found in archives.items() if found.keys() == {name}}
    notes = tuple(f"{name}.npz: left out, no sparse matrix" for name in archives if name not in arrays)
    for file in list_folder(path, "*.npy"):
        where = f"{path}, file {file.name!r}"
        with report_damage(file, "an npy file"):
            arrays[file.stem] = Array(_map_file(file, where), where)
    shards = formats["shards"]
    if not arrays and archives and shards.matches and shards.matches(path):
        return shards.read(path)  # numbered archives are parts of one table
    if not arrays:
        arrays, notes = _join_archives(path, archives), ()
    numbered = [re.fullmatch(r"(.+?)[-_.]?\d+", name) for name in arrays]
    names = [match[1] for match in numbered if match]
    if len(names) == len(arrays) and len(set(names)) > 1 and min(map(names.count, names)) > 1:
        return shards.read(path)  # audio_0, audio_1, visual_0, visual_1: not two views, but parts of two
    return Table(str(path), "npy", arrays, notes)


def _join_archives(path: Path, archives: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    """The arrays of several archives beside each other: a lone one by its file's name unless it has its own."""
    arrays: dict[str, Array] = {}
    for name, found in archives.items() if len(archives) > 1 else ():
        for key, array in found.items():
            called = name if len(found) == 1 and key in ("arr_0", "data") else key
            if called in arrays:
                what = f"{path}: several files of the folder hold {called!r}, {name}.npz among them"
                fix = f"name one of the files, or number them: {name}-0.npz, ... are one table"
                raise InputError(what, got=_listed(archives), fix=fix)
            arrays[called] = array
    if not arrays:
        what = f"{path}: a folder without features; its npz files hold no sparse matrix"
        raise InputError(what, got=_listed(archives), fix="name one of the files")
    return arrays


def _listed(archives: Iterable[str]) -> str:
    shown = [f"{name}.npz" for name in archives]
    return ", ".join(shown[:SHOWN]) + (f", ... {len(shown)} in all" if len(shown) > SHOWN else "")


def _map_file(file: Path, where: str) -> Rows:
    with file.open("rb") as stream:
        shape, fortran, dtype = _read_header(stream, where)
        offset = stream.tell()
    if dtype.hasobject:
        return np.broadcast_to(np.empty((), dtype), shape)  # only its dtype is read, and refused
    if not shape:
        scalar: Values = np.load(file, allow_pickle=False)
        return scalar
    return map_array(file, offset, shape, dtype, "F" if fortran else "C")


def _read_npy(path: Path) -> Table:
    """Open one npy file, or a folder of them."""
    if path.is_dir():
        return _read_npy_folder(path)
    with report_damage(path, "an npy file"):
        return Table.of(path, "npy", {path.stem: _map_file(path, str(path))})


formats.register("npy")(Format(_read_npy, suffixes=(".npy",), holds=("*.npy", "*.npz")))
