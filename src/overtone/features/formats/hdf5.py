"""``.h5``: the field's feature files; contiguous datasets are memory-mapped, others are read block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from overtone.core import InputError
from overtone.core.atomic import atomic_path
from overtone.features.arrays import LazyRows, Rows, Table, Values
from overtone.features.formats import Format, formats, report_damage
from overtone.features.formats.clip_groups import join_clip_groups
from overtone.features.formats.npz import map_array
from overtone.features.formats.probing import probe_hdf5
from overtone.features.formats.sparse import join_sparse
from overtone.features.messages import LONGEST

if TYPE_CHECKING:
    import h5py


def read_hdf5(path: Path) -> Table:
    """Open an HDF5 file; datasets inside groups are called ``group/name``."""
    import h5py

    rows: dict[str, Rows] = {}
    attributes: dict[str, Mapping[str, Any]] = {}
    left: dict[str, str] = {}
    probe_hdf5(path)
    with report_damage(path, "an HDF5 file"):
        file = open_hdf5(path)

        def visit(key: str, item: h5py.HLObject) -> None:
            if isinstance(item, h5py.Dataset):
                reason = _unreadable(item)
                if reason:
                    left[key] = reason
                else:
                    rows[key] = _rows(path, item)
            elif isinstance(item, h5py.Group) and "indptr" in item:
                attributes[key] = item.attrs

        def note_link(key: str, link: object) -> None:
            if isinstance(link, h5py.SoftLink):
                left[key] = f"a link to {link.path[:LONGEST]!r}, which is not followed"

        file.visititems(visit)
        file.visititems_links(note_link)
    rows, notes, unread = join_clip_groups(rows, str(path)) if not attributes else (rows, (), {})
    unread |= left
    table = Table.of(path, "hdf5", rows, close=file.close, notes=notes, unread=unread)
    return replace(table, arrays=join_sparse(table.arrays, path, path.stem, attributes))


def open_hdf5(path: Path) -> h5py.File:
    """An open HDF5 file, all of whose values lie in it: links and storage in other files are refused by name."""
    import h5py

    file = h5py.File(path, "r")

    def outside_link(key: str, link: h5py.HardLink | h5py.ExternalLink) -> tuple[str, str, object] | None:
        return (key, "is a link into another file", link.filename) if isinstance(link, h5py.ExternalLink) else None

    def outside_values(key: str, item: h5py.HLObject) -> tuple[str, str, object] | None:
        if not isinstance(item, h5py.Dataset):
            return None
        files = [name for name, *_ in item.external or ()]
        files += [source.file_name for source in item.virtual_sources()] if item.is_virtual else []
        others = [name for name in files if name != "."]
        return (key, "has its values in another file", others[0]) if others else None

    try:
        found = file.visititems_links(outside_link) or file.visititems(outside_values)  # the first that is not None
        if found is not None:
            key, what, other = found
            raise InputError(
                f"{path}, key {key!r}: {what}", got=repr(other), fix="copy the values into the file itself"
            )
    except BaseException:
        file.close()
        raise
    return file


def _write_hdf5(path: Path, arrays: Mapping[str, Values]) -> None:
    """Write contiguous datasets, so that they can be memory-mapped again; strings as UTF-8."""
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for key, values in arrays.items():
            if values.dtype.kind == "U":
                file.create_dataset(key, data=values.astype(object), dtype=h5py.string_dtype())
            else:
                file.create_dataset(key, data=values)


formats.register("hdf5")(Format(read_hdf5, _write_hdf5, suffixes=(".h5", ".hdf5", ".hdf")))


def _unreadable(dataset: h5py.Dataset) -> str:
    """Why the values of a dataset are no array; an empty string where they are one."""
    import h5py

    if dataset.shape is None:
        return "empty"
    if h5py.check_vlen_dtype(dataset.dtype) is not None and h5py.check_string_dtype(dataset.dtype) is None:
        return "rows of different lengths; average each over time, or fill them up to one length"
    if h5py.check_ref_dtype(dataset.dtype) is not None:
        return "references to other places of the file; copy the values"
    return ""


def _rows(path: Path, dataset: h5py.Dataset) -> Rows:
    """The rows of an open dataset: a memory map where its bytes lie in one piece, else the dataset itself."""
    import h5py

    if h5py.check_string_dtype(dataset.dtype) is not None:
        text = dataset.asstr(errors="surrogateescape")
        return LazyRows(dataset.shape, np.dtype(str), lambda rows: np.asarray(text[rows], dtype=str))
    offset = dataset.id.get_offset()
    in_one_piece = offset is not None and dataset.chunks is None and not dataset.is_virtual and not dataset.external
    if in_one_piece and dataset.shape and dataset.dtype.kind in "biuf" and dataset.file.userblock_size == 0:
        return map_array(path, offset, dataset.shape, dataset.dtype)
    rows: Rows = dataset
    return rows
