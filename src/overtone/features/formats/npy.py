"""A folder of ``.npy`` files, each one array: ``audio.npy``, ``visual.npy`` and maybe more; all memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from overtone.features.arrays import Array, Rows, Table
from overtone.features.formats import Format, formats, opening
from overtone.features.formats.npz import mapped, read_header


def read_folder(path: Path) -> Table:
    """Open every npy file of a folder under its name without the suffix."""
    arrays = {}
    for file in sorted(path.glob("*.npy")):
        where = f"{path}, file {file.name!r}"
        with opening(file, "an npy file"):
            arrays[file.stem] = Array(_rows(file, where), where)
    return Table(str(path), "npy", arrays)


formats.register("npy")(Format(read_folder, holds="*.npy"))


def _rows(file: Path, where: str) -> Rows:
    with file.open("rb") as stream:
        shape, fortran, dtype = read_header(stream, where)
        offset = stream.tell()
    if dtype.hasobject:
        return np.broadcast_to(np.empty((), dtype), shape)  # only its dtype is looked at, and refused
    if not shape:
        scalar: np.ndarray[Any, Any] = np.load(file, allow_pickle=False)
        return scalar
    return mapped(file, offset, shape, dtype, "F" if fortran else "C")
