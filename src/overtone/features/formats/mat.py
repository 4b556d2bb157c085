"""``.mat``: MATLAB files of version 5 and 7.3; a cell array of views becomes ``view0``, ``view1``, ..."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from overtone.features.arrays import Array, RowIndex, Rows, SparseRows, Table, Values
from overtone.features.formats import Format, formats, report_damage
from overtone.features.formats.hdf5 import open_hdf5
from overtone.features.formats.mat_strings import decode_rows, read_strings
from overtone.features.formats.probing import read_matlab
from overtone.features.formats.sparse import build_matrix
from overtone.features.keys import LABELS
from overtone.features.reading import Orientation

if TYPE_CHECKING:
    import h5py


def _read_mat(path: Path) -> Table:
    """Read a MATLAB file.

    Cell arrays are taken apart: the cell ``X``, or the only one that holds matrices, into ``view0``, ``view1``, ... in
    MATLAB's order, any other into ``<key>0``, ``<key>1``, ...; cells of strings or of single numbers become one array.
    MATLAB files come with clips in rows or in columns: matrices are turned so that they have one row per label, or,
    without labels, so that all have as many rows.
    """
    import h5py

    with report_damage(path, "a MATLAB file"):
        hdf5 = h5py.is_hdf5(path)
        found, close = _version_73(path) if hdf5 else (_version_5(path), lambda: None)
        unread = {key: value for key, value in found.items() if isinstance(value, str)}
        flat, within = _taken_apart({key: value for key, value in found.items() if key not in unread})
    return Table.of(path, "mat", flat, unread={**unread, **within}, close=close)


def turn(table: Table, clips: Orientation = "auto", labels: str | None = None) -> Table:
    """The same with one row per clip: matrices are turned by the labels, by their sizes, or as the user says."""
    flat = {key: array.rows for key, array in table.arrays.items()}
    notes = _turn(flat, clips, labels)
    turned = Table.of(table.source, table.reader, flat, unread=table.unread, close=table.close)
    return replace(turned, notes=(*table.notes, *notes))


formats.register("mat")(Format(_read_mat, suffixes=(".mat",)))


class _Transposed:
    """The same values with all axes in reverse order; slices of rows are read one at a time."""

    def __init__(self, rows: Rows) -> None:
        self.inner = rows
        self.shape = tuple(rows.shape)[::-1]
        self.dtype = rows.dtype

    def __getitem__(self, rows: RowIndex) -> Values:
        return np.asarray(self.inner[(..., rows) if isinstance(rows, slice) else rows]).T


def _transpose(rows: Rows) -> Rows:
    """Transposed rows; twice is the original."""
    if isinstance(rows, SparseRows):
        return rows.transpose()
    return rows.inner if isinstance(rows, _Transposed) else _Transposed(rows)


def _version_5(path: Path) -> dict[str, Any]:
    return _opened(read_matlab(path))


def _opened(found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of structs as keys of their own: by their names, or where these are taken as ``struct.field``."""
    flat: dict[str, Any] = {key: value for key, value in found.items() if not isinstance(value, dict)}
    for key, value in found.items():
        if isinstance(value, dict):
            for name, inner in _opened(value).items():
                flat[f"{key}.{name}" if name in flat else name] = inner
    return flat


def _version_73(path: Path) -> tuple[dict[str, Any], Any]:
    import h5py

    file = open_hdf5(path)

    def plain(item: h5py.HLObject) -> object:
        if "MATLAB_sparse" in item.attrs:
            return _sparse_73(item, f"{path}, key {item.name.lstrip('/')!r}")
        if isinstance(item, h5py.Group):
            return {name: plain(inner) for name, inner in item.items()}
        if item.shape is None:
            return "empty"
        kind = item.attrs.get("MATLAB_class", b"").decode("utf-8", "replace")
        if "MATLAB_object_decode" in item.attrs:
            if kind == "string":
                strings = read_strings(file, item[()])
                lost = "MATLAB strings, whose text is not in the file in a known form; save cellstr(x)"
                return lost if strings is None else strings
            return f"a MATLAB object ({kind}); save it as arrays"
        if item.attrs.get("MATLAB_empty"):  # its values are its dimensions
            shape = tuple(item[()].ravel().tolist())
            return np.array([""]) if kind == "char" else [] if kind == "cell" else np.zeros(shape)
        if kind == "char":
            return decode_rows(item[()].T)
        if kind == "cell" or h5py.check_ref_dtype(item.dtype) is h5py.Reference:  # a field of several structs, too
            return [plain(file[reference]) for reference in item[()].ravel()]  # stored transposed: C order is F order
        return _Transposed(item)

    return _opened({key: plain(file[key]) for key in file if not key.startswith("#")}), file.close


def _sparse_73(group: h5py.Group, where: str) -> SparseRows:
    """A sparse matrix by columns: ``jc`` where each begins, ``ir`` the row of each entry in ``data``."""
    shape = int(group.attrs["MATLAB_sparse"]), len(group["jc"]) - 1
    starts = Array(group["jc"], where).read()
    if "data" not in group:  # no entry at all
        return SparseRows(
            shape, np.dtype(float), 0, lambda: build_matrix("csc", [], [starts[:0], starts], shape, where)
        )
    data, rows = (Array(group[name], where).read() for name in ("data", "ir"))
    return SparseRows(shape, data.dtype, len(data), lambda: build_matrix("csc", data, [rows, starts], shape, where))


def _taken_apart(found: Mapping[str, Any]) -> tuple[dict[str, Rows], dict[str, str]]:
    """Every cell array as one array, of strings or of numbers, or as several; and what of cells cannot be read."""
    whole = {key: _joined(value) if isinstance(value, list) else value for key, value in found.items()}
    views = [key for key, value in whole.items() if isinstance(value, list)]
    main = "X" if "X" in views or len(views) != 1 else views[0]
    flat: dict[str, Rows] = {}
    unread: dict[str, str] = {}
    for key, value in whole.items():
        if not isinstance(value, list):
            flat[key] = value
            continue
        prefix = "view" if key == main else key
        for number, item in enumerate(value):
            if isinstance(item, str):
                unread[f"{prefix}{number}"] = item
            elif isinstance(item, (list, dict)):
                kind = "a cell array" if isinstance(item, list) else "a struct"
                unread[f"{prefix}{number}"] = f"{kind} in a cell array; save it as arrays"
            else:
                flat[f"{prefix}{number}"] = item
    return flat, unread


def _joined(cell: list[Any]) -> Any:
    """A cell array of texts, or of single numbers, as one array; any other as it is. Cells of one cell are opened."""
    opened = [item[0] if isinstance(item, list) and len(item) == 1 else item for item in cell]
    if not cell or any(isinstance(item, (str, list, dict)) for item in opened):
        return opened
    kinds = {np.dtype(item.dtype).kind for item in opened}
    if kinds == {"U"}:
        return np.array([str(item[0]) if len(item) else "" for item in opened])
    if kinds <= set("biuf") and len(cell) > 1 and all(math.prod(item.shape) == 1 for item in opened):
        return np.array([np.asarray(item[()]).item() for item in opened])
    return opened


def _turn(flat: dict[str, Rows], clips: Orientation, labelled: str | None) -> tuple[str, ...]:
    """Vectors become one-dimensional; matrices get one row per clip. Changes ``flat``; returns notes."""
    for key, rows in flat.items():
        if 1 in rows.shape and len(rows.shape) == 2 and np.dtype(rows.dtype).kind in "biuf":
            flat[key] = np.asarray(rows[()]).ravel()
    label = next((flat[key] for key in (*[labelled] * bool(labelled), *LABELS) if key in flat), None)
    matrices = {key: rows for key, rows in flat.items() if len(rows.shape) == 2}
    notes: tuple[str, ...] = ()
    if clips != "auto":
        turned = list(matrices) if clips == "columns" else []
    elif label is not None:
        count = label.shape[0]
        turned = [key for key, rows in matrices.items() if rows.shape[0] != count and rows.shape[1] == count]
    else:
        heights, widths = ({rows.shape[axis] for rows in matrices.values()} for axis in (0, 1))
        turned = list(matrices) if len(heights) > 1 and len(widths) == 1 else []
        if len(heights) == len(widths) == 1 and len(matrices) > 1:
            height, width = next(iter(matrices.values())).shape
            notes = (
                f"{', '.join(matrices)}: {height:,} × {width:,} each, so it cannot be told whether clips are rows or "
                "columns: taken as rows; --clips columns turns them",
            )
    for key in turned:
        flat[key] = _transpose(matrices[key])
    return (f"{', '.join(turned)}: clips are in columns, turned into rows",) if turned else notes
