"""A folder of numbered files is one table: ``train-00000-of-00002.parquet``, or ``img_emb/img_emb_0.npy`` and so on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from overtone.core import InputError
from overtone.core.sources import list_folder
from overtone.features.arrays import Array, RowIndex, Rows, Table, Values
from overtone.features.formats import Format, find_format_by_suffix, formats
from overtone.features.keys import IDS
from overtone.features.parsed_table import SPLITS

_NUMBERED = re.compile(r"(?P<name>.*?)[-_.]?(?P<number>\d+)(-of-(?P<total>\d+))?")
_OF_ALL = ("class_names", "modalities")
"""Keys that are not of rows."""
_NO_NAMES = {"arr_0", "data"}
"""Keys of a lone array that say nothing of it."""
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""Stands for null in the name of a folder."""
_SUFFIXES = (".parquet", ".npz", ".h5", ".hdf5", ".safetensors", ".npy")


@dataclass(frozen=True)
class JoinedRows:
    """The rows of several arrays, one after the other."""

    parts: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...) of all together."""
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """A type that holds the values of all."""
        return np.result_type(*(part.dtype for part in self.parts))

    def __getitem__(self, rows: RowIndex) -> Values:
        if not isinstance(rows, slice):
            return np.asarray(np.concatenate([part.read() for part in self.parts])[rows])
        start, stop, _ = rows.indices(self.shape[0])
        found, at = [], 0
        for part in self.parts:
            first, last = max(0, start - at), min(part.shape[0], stop - at)
            if first < last:
                found.append(part.read(slice(first, last)))
            at += part.shape[0]
        return np.concatenate(found) if found else np.empty((0, *self.shape[1:]), self.dtype)


def find_shards(folder: Path) -> dict[str, list[Path]]:
    """Name to its numbered files, in order; InputError where one is missing."""
    found: dict[str, dict[int, Path]] = {}
    totals: dict[str, int] = {}
    for file in [path for path in list_folder(folder) if path.suffix.lower() in _SUFFIXES]:
        match = _NUMBERED.fullmatch(file.stem)
        if match is None:
            continue
        found.setdefault(match["name"], {})[int(match["number"])] = file
        if match["total"]:
            totals[match["name"]] = int(match["total"])
    for name, files in found.items():
        first = min(files)
        wanted = range(first, first + totals.get(name, max(files) - first + 1))
        lacking = [number for number in wanted if number not in files]
        if lacking:
            what = f"{folder}: of the numbered files {name!r} number {lacking[0]} is missing"
            raise InputError(what, got=f"{len(files)} of {len(wanted)}", fix="bring all of them")
    return {name: [files[number] for number in sorted(files)] for name, files in found.items()}


def holds_shards(folder: Path) -> bool:
    """Whether a folder has numbered tables, or folders of numbered arrays or tables."""
    for place, suffixes in ((folder, _SUFFIXES[:-1]), *((inner, _SUFFIXES) for inner in _folders(folder))):
        for path in list_folder(place):
            if path.suffix.lower() in suffixes and _NUMBERED.fullmatch(path.stem):
                return True
    return False


def read_shards(folder: Path) -> Table:
    """Open all numbered files of a folder, and of the folders in it, as one table.

    Files of one name follow each other. Files of several names, or in several folders, are columns beside each other
    where each has an array without a name of its own, or other keys; else they follow each other, too, and those that
    are called like a split are that split. The name of a folder may also be a key and its value (``split=train``).
    Files without any matrix hold one clip each.
    """
    groups = []
    for place in (*_folders(folder), folder):
        found = find_shards(place)
        prefix = "" if place == folder else f"{place.name}_" if len(found) > 1 else place.name
        for name, files in found.items():
            called = prefix + (name if prefix != place.name else "")
            groups.append(_Group(folder, place, name, called, files, [_open(file) for file in files]))
    arrays: dict[str, Array] = {}
    by_split: dict[str, list[Table]] = {}
    every = [array for group in groups for table in group.tables for array in table.arrays.values()]
    one_clip = all(len(array.shape) < 2 for array in every)
    keys = [key for group in groups for key in group.keys]
    for group in groups:
        tables = [_of_one_clip(table) for table in group.tables] if one_clip else group.tables
        tables = [_with_key_of_folder(table, group.place) for table in tables]
        if group.split is None and group.unnamed and (group.place != folder or len(groups) > 1):
            tables = [replace(table, arrays=dict(zip([group.called], table.arrays.values()))) for table in tables]
            arrays |= join_tables(tables, group.place)
        elif group.split is None and len(groups) > 1 and all(keys.count(key) == 1 for key in group.keys):
            arrays |= join_tables(tables, group.place)
        else:
            by_split.setdefault(group.split or "", []).extend(tables)
    tables = [table for part in by_split.values() for table in part]
    if tables:
        arrays |= join_tables(tables, folder)
        if len(by_split) > 1 and "" not in by_split:
            names = [[split] * _rows(table) for split, part in by_split.items() for table in part]
            arrays["split"] = Array(
                np.array([name for part in names for name in part]), f"{folder}, names of the files"
            )
    stems = {tuple(file.stem for file in group.files) for group in groups}
    if one_clip and len(stems) == 1 and not any(key in arrays for key in IDS):
        arrays["ids"] = Array(np.array(stems.pop()), f"{folder}, names of the files")
    what = "numbered files of a clip each" if one_clip else "numbered files"
    notes = tuple(f"{group.called or 'files'}: {len(group.files)} {what} are one table" for group in groups)
    unread = {key: reason for group in groups for table in group.tables for key, reason in table.unread.items()}
    return Table(str(folder), "shards", arrays, notes, unread)


@dataclass(frozen=True)
class _Group:
    """The numbered files of one name in a folder, or in a folder within it."""

    folder: Path
    place: Path
    name: str
    called: str
    """What distinguishes it: the name of its files, or of its folder, or both."""
    files: list[Path]
    tables: list[Table]

    @property
    def split(self) -> str | None:
        """The split that its name is, or that of its folder; None for none."""
        return SPLITS.get(self.name.lower()) or SPLITS.get("" if self.place == self.folder else self.place.name.lower())

    @property
    def keys(self) -> set[str]:
        """All keys of its files."""
        return {key for table in self.tables for key in table.arrays}

    @property
    def unnamed(self) -> bool:
        """Whether each file holds one array, under a name that says nothing."""
        own = [list(table.arrays) for table in self.tables]
        said_nothing = self.place != self.folder or self.keys <= _NO_NAMES
        return all(len(keys) == 1 for keys in own) and (said_nothing or self.files[0].suffix == ".npy")


def _of_one_clip(table: Table) -> Table:
    """A table without an axis of rows as one of a single row."""
    return replace(table, arrays={key: Array(array.read()[None], array.where) for key, array in table.arrays.items()})


def _with_key_of_folder(table: Table, folder: Path) -> Table:
    """A table with the key and value that its folder is called by (``split=train``), if any."""
    key, _, value = folder.name.rpartition("=")
    if not key or key in table.arrays:
        return table
    values = np.full(_rows(table), "" if value == _NO_VALUE else unquote(value))
    return replace(table, arrays={**table.arrays, key: Array(values, f"{folder}, name of the folder")})


def join_tables(tables: Sequence[Table], folder: Path) -> dict[str, Array]:
    """Arrays of the same key one after the other; names of classes and modalities are those of the first table."""
    found = {}
    for key in dict.fromkeys(key for table in tables for key in table.arrays):
        parts = [table.arrays[key] for table in tables if key in table.arrays]
        if len(parts) < len(tables) and key not in _OF_ALL:
            having, lacking = (
                next(table.source for table in tables if (key in table.arrays) is there) for there in (True, False)
            )
            raise InputError(f"{lacking}: no key {key!r}, which {having} has", fix="bring the same keys in all")
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            odd = next(part for part in parts if part.shape[1:] != parts[0].shape[1:])
            what = f"{odd.where}: rows of another shape than in {parts[0].where}"
            got, valid = (f"{part.shape[1:]}" for part in (odd, parts[0]))
            raise InputError(what, got=got, valid=valid, fix="bring rows of one shape in all")
        if key in _OF_ALL:
            found[key] = parts[0]
        else:
            rows: Rows = JoinedRows(tuple(parts))
            found[key] = Array(rows, f"{folder}, key {key!r}")
    return found


def _folders(folder: Path) -> list[Path]:
    return [path for path in list_folder(folder) if path.is_dir()]


def _open(file: Path) -> Table:
    return find_format_by_suffix(file, writable=False).read(file)


def _rows(table: Table) -> int:
    return max((array.shape[0] for array in table.arrays.values() if array.shape), default=0)


formats.register("shards")(Format(read_shards, matches=holds_shards))
