"""Damaged files that crash or never end: they are read in a process of its own, with a bound of time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import SparseRows, Values
from overtone.features.formats import mat_worker
from overtone.features.formats.sparse import build_matrix

_SECONDS = 8.0
"""What reading a file may take, and a second more for each :data:`_BYTES`."""
_BYTES = 20_000_000
_MAPPED = 1 << 20
"""Bytes from which an array stays in its file."""

_WALK = """
import sys, h5py
def look(name, item):
    list(item.attrs)
    if isinstance(item, h5py.Dataset) and item.dtype.kind not in "biufc":
        item[()]
with h5py.File(sys.argv[1], "r") as file:
    file.visititems(look)
"""


def probe_hdf5(path: Path) -> None:
    """Walk an HDF5 file and read its strings; InputError where that crashes or does not end."""
    _run(path, ["-c", _WALK, str(path.resolve())])


def read_matlab(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file of version 5: arrays, sparse rows, lists (cells), dictionaries (structs).

    A variable that cannot be read is the reason, a string.

    Raises:
        InputError: Reading crashes or does not end.
        ValueError: SciPy refuses the file.
    """
    with tempfile.TemporaryDirectory(prefix="overtone-mat-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _run(path, [mat_worker.__file__, str(path.resolve()), name])
        if (folder / "failed.json").exists():
            raise ValueError(json.loads((folder / "failed.json").read_text())["error"])
        if not (folder / "tree.json").exists():
            raise ValueError("it cannot be read")
        tree = json.loads((folder / "tree.json").read_text())
        return {key: _value(folder, node, f"{path}, key {key!r}") for key, node in tree.items()}


def _run(path: Path, arguments: Sequence[str]) -> None:
    """Run Python on a file; what it raises is left to the reader proper, which says it better."""
    fix, seconds = "copy or export it again", _SECONDS + path.stat().st_size / _BYTES
    try:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        what = f"{path}: damaged or nested without end: it cannot be read within {seconds:.0f} s"
        raise InputError(what, fix=fix) from None
    if done.returncode < 0:
        raise InputError(f"{path}: damaged: reading it crashes (signal {-done.returncode})", fix=fix)


def _value(folder: Path, node: dict[str, Any], where: str) -> Any:
    """One value of the tree that the worker wrote."""
    if "reason" in node:
        return str(node["reason"])
    if "struct" in node:
        return {name: _value(folder, inner, where) for name, inner in node["struct"].items()}
    if "cell" in node:
        return [_value(folder, inner, where) for inner in node["cell"]]
    if "sparse" in node:
        data, indices, starts = (_array(folder, number) for number in node["sparse"])
        shape = int(node["shape"][0]), int(node["shape"][1])
        return SparseRows(
            shape, data.dtype, len(data), lambda: build_matrix("csc", data, [indices, starts], shape, where)
        )
    return _array(folder, node["array"])


def _array(folder: Path, number: int) -> Values:
    file = folder / f"{number}.npy"
    found: Values = np.load(file, mmap_mode="c" if file.stat().st_size > _MAPPED else None, allow_pickle=False)
    return found
