"""Damaged files that crash or never end: they are read in a process of their own, with a bound of time."""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from overtone.core import InputError
from overtone.core.sources import memory_of
from overtone.features.arrays import SparseRows, Values
from overtone.features.formats import mat_worker
from overtone.features.formats.sparse import build_matrix

if TYPE_CHECKING:
    import h5py

_SECONDS = 6.0
"""What reading a file may take, and a second more for each :data:`_BYTES`."""
_BYTES = 20_000_000
_MAPPED = 1 << 20
"""Bytes from which an array stays in its file."""


def probe_hdf5(path: Path) -> None:
    """Walk an HDF5 file and read its strings; InputError where that crashes or does not end."""
    _apart(path, lambda: _walk(path))


def read_matlab(path: Path, records: bool = False) -> dict[str, Any]:
    """The variables of a MATLAB file of version 5: arrays, sparse rows, lists (cells), dictionaries (structs).

    A variable that cannot be read is the reason, a string.

    Args:
        path: The file.
        records: Whether an array of structs is a dictionary, too, with an array for each field, rather than a reason.

    Raises:
        InputError: Reading crashes or does not end.
        ValueError: SciPy refuses the file.
    """
    import scipy.io  # noqa: F401  # once here, not in each copy of the process

    with tempfile.TemporaryDirectory(prefix="overtone-mat-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _apart(path, lambda: mat_worker.main(str(path), name))
        if (folder / "failed.json").exists():
            raise ValueError(json.loads((folder / "failed.json").read_text())["error"])
        if not (folder / "tree.json").exists():
            raise ValueError("it cannot be read")
        tree = json.loads((folder / "tree.json").read_text())
        return {key: _value(folder, node, f"{path}, key {key!r}", records) for key, node in tree.items()}


def _walk(path: Path) -> None:
    import h5py

    def look(_: str, item: h5py.HLObject) -> None:
        list(item.attrs)
        if isinstance(item, h5py.Dataset) and item.dtype.kind not in "biufc":
            item[()]

    with h5py.File(path, "r") as file:
        file.visititems(look)


def _apart(path: Path, work: Callable[[], None]) -> None:
    """Work on a file in a copy of this process, with bounds of time and memory; where there are no copies, here.

    What the work raises is left to the reader proper, which says it better.

    Raises:
        InputError: The work crashes, does not end, or takes far more memory than the file could fill.
    """
    if not hasattr(os, "fork"):
        with suppress(Exception):
            work()
        return
    from h5py._hl.base import phil

    with phil, warnings.catch_warnings():  # h5py's lock is ours: no other thread holds it for ever in the copy
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if not child:
            _work_and_end(work)
    size = path.stat().st_size
    seconds = _SECONDS + size / _BYTES
    most = memory_of(size) + (_resident(os.getpid()) or 0)
    ends, pause = time.monotonic() + seconds, 0.001
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            if os.WIFSIGNALED(status):
                raise _crashed(path, os.WTERMSIG(status))
            return
        if (_resident(child) or 0) > most:
            _end(child)
            what = (
                f"{path}: damaged: reading its {size:,} bytes takes more than {memory_of(size) >> 20:,} MiB of memory"
            )
            raise InputError(what, fix="copy or export it again")
        time.sleep(pause)
        pause = min(0.05, 2 * pause)
    _end(child)
    raise _endless(path, seconds)


def _end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _resident(process: int) -> int | None:
    """Bytes of memory that a process holds; None where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGESIZE")


def _work_and_end(work: Callable[[], None]) -> NoReturn:
    """In the copy: work and end at once, without any of the clean-up that belongs to the original."""
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)  # what libraries print of damage
        faulthandler.disable()
        work()
    finally:
        os._exit(0)


def _endless(path: Path, seconds: float) -> InputError:
    what = f"{path}: damaged or nested without end: it cannot be read within {seconds:.0f} s"
    return InputError(what, fix="copy or export it again")


def _crashed(path: Path, number: int) -> InputError:
    return InputError(f"{path}: damaged: reading it crashes (signal {number})", fix="copy or export it again")


def _value(folder: Path, node: dict[str, Any], where: str, records: bool) -> object:
    """One value of the tree that the worker wrote."""
    if records and "records" in node:
        return {name: _array(folder, number) for name, number in node["records"].items()}
    if "reason" in node:
        return str(node["reason"])
    if "struct" in node:
        return {name: _value(folder, inner, where, records) for name, inner in node["struct"].items()}
    if "cell" in node:
        return [_value(folder, inner, where, records) for inner in node["cell"]]
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
