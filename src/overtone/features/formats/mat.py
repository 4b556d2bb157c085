"""``.mat``: MATLAB files of version 5 and 7.3; a cell array of views becomes ``view0``, ``view1``, ..."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from overtone.features.arrays import Array, Rows, SparseRows, Table
from overtone.features.formats import Format, formats, report_damage
from overtone.features.formats.hdf5 import open_hdf5
from overtone.features.formats.sparse import build_matrix
from overtone.features.layout import LABELS


def _read_mat(path: Path) -> Table:
    """Read a MATLAB file.

    Cell arrays are taken apart: the cell ``X``, or the only one that holds matrices, into ``view0``, ``view1``, ... in
    MATLAB's order, any other into ``<key>0``, ``<key>1``, ...; cells of strings become one array. MATLAB files come
    with clips in rows or in columns: matrices are turned so that they have one row per label, or, without labels,
    so that all have as many rows.
    """
    import h5py

    with report_damage(path, "a MATLAB file"):
        found, close = _version_73(path) if h5py.is_hdf5(path) else (_version_5(path), lambda: None)
        flat = _taken_apart(found)
        notes = _turn(flat)
    return Table.of(path, "mat", flat, notes=notes, close=close)


def load_mat(path: Path, **options: Any) -> dict[str, Any]:
    """The variables of a MATLAB file of version 5 by name, read with SciPy; InputError for another or a damaged file.

    SciPy's parser checks little. Of 1,800 files that were cut short or had bytes changed, those that it refused raised,
    beside errors of reading and inflating: its own error for a file that ends too early, ``TypeError`` (a buffer too
    small for its array), ``IndexError``, and ``NameError`` (a local variable that damage leaves without a value).
    Version 7.3, which is HDF5, is "not implemented" there. Nothing but SciPy runs under these, so no mistake of ours
    looks like one of the file's. ``options`` are what :func:`scipy.io.loadmat` takes besides.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    with report_damage(path, "a MATLAB file", (MatReadError, TypeError, IndexError, NameError, NotImplementedError)):
        return dict(loadmat(str(path), **options))


formats.register("mat")(Format(_read_mat, suffixes=(".mat",)))


class _Transposed:
    """The same values with all axes in reverse order; slices of rows are read one at a time."""

    def __init__(self, rows: Rows) -> None:
        self.inner = rows
        self.shape = tuple(rows.shape)[::-1]
        self.dtype = rows.dtype

    def __getitem__(self, rows: Any) -> Any:
        return np.asarray(self.inner[(..., rows) if isinstance(rows, slice) else rows]).T


def _transpose(rows: Rows) -> Rows:
    """Transposed rows; twice is the original."""
    if isinstance(rows, SparseRows):
        return rows.transpose()
    return rows.inner if isinstance(rows, _Transposed) else _Transposed(rows)


def _version_5(path: Path) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if hasattr(value, "toarray"):
            return SparseRows.of(value)
        if value.dtype.names is not None:  # a struct: nothing that we look for
            return None
        return [plain(item) for item in value.ravel(order="F")] if value.dtype.kind == "O" else value

    found = {key: plain(value) for key, value in load_mat(path).items() if not key.startswith("__")}
    return {key: value for key, value in found.items() if value is not None}


def _version_73(path: Path) -> tuple[dict[str, Any], Any]:
    import h5py

    file = open_hdf5(path)

    def plain(item: Any) -> Any:
        if "MATLAB_sparse" in item.attrs:
            return _sparse_73(item, f"{path}, key {item.name.lstrip('/')!r}")
        kind = item.attrs.get("MATLAB_class", b"").decode()
        if kind == "char":
            return np.array(["".join(map(chr, row)) for row in np.atleast_2d(item[()].T)])
        if kind == "cell":
            return [plain(file[reference]) for reference in item[()].ravel()]  # stored transposed: C order is F order
        return _Transposed(item)

    wanted = (key for key in file if not key.startswith("#"))
    keys = [key for key in wanted if isinstance(file[key], h5py.Dataset) or "MATLAB_sparse" in file[key].attrs]
    return {key: plain(file[key]) for key in keys}, file.close


def _sparse_73(group: Any, where: str) -> SparseRows:
    """A sparse matrix by columns: ``jc`` where each begins, ``ir`` the row of each entry in ``data``."""
    shape = int(group.attrs["MATLAB_sparse"]), len(group["jc"]) - 1
    starts = Array(group["jc"], where).read()
    if "data" not in group:  # no entry at all
        return SparseRows(
            shape, np.dtype(float), 0, lambda: build_matrix("csc", [], [starts[:0], starts], shape, where)
        )
    data, rows = (Array(group[name], where).read() for name in ("data", "ir"))
    return SparseRows(shape, data.dtype, len(data), lambda: build_matrix("csc", data, [rows, starts], shape, where))


def _taken_apart(found: Mapping[str, Any]) -> dict[str, Rows]:
    """Every cell array as several arrays, or as one array of strings."""
    views = [key for key, value in found.items() if isinstance(value, list) and not _strings(value)]
    main = "X" if "X" in views or len(views) != 1 else views[0]

    def items() -> Iterator[tuple[str, Rows]]:
        for key, value in found.items():
            if not isinstance(value, list):
                yield key, value
            elif _strings(value):
                yield key, np.array([str(item[0]) if len(item) else "" for item in value])
            else:
                prefix = "view" if key == main else key
                yield from ((f"{prefix}{i}", item) for i, item in enumerate(value) if not isinstance(item, list))

    return dict(items())


def _strings(cell: list[Any]) -> bool:
    return all(not isinstance(item, list) and item.dtype.kind == "U" for item in cell)


def _turn(flat: dict[str, Rows]) -> tuple[str, ...]:
    """Vectors become one-dimensional; matrices get one row per clip. Changes ``flat``; returns notes."""
    for key, rows in flat.items():
        if 1 in rows.shape and len(rows.shape) == 2 and np.dtype(rows.dtype).kind in "biuf":
            flat[key] = np.asarray(rows[()]).ravel()
    label = next((flat[key] for key in LABELS if key in flat), None)
    matrices = {key: rows for key, rows in flat.items() if len(rows.shape) == 2}
    if label is not None:
        count = label.shape[0]
        turned = [key for key, rows in matrices.items() if rows.shape[0] != count and rows.shape[1] == count]
    else:
        heights, widths = ({rows.shape[axis] for rows in matrices.values()} for axis in (0, 1))
        turned = list(matrices) if len(heights) > 1 and len(widths) == 1 else []
    for key in turned:
        flat[key] = _transpose(matrices[key])
    return (f"{', '.join(turned)}: clips are in columns, turned into rows",) if turned else ()
