"""Rows that may be larger than memory: kept in a file without a name, from which the system reads what is used."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import tempfile
import weakref
from typing import TYPE_CHECKING, Any

from overtone.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch

_USUAL_MB = "1024"


def _read_limit() -> int:
    given = os.environ.get("OVERTONE_LARGE_MB", _USUAL_MB)
    if not given.isdecimal():
        raise InputError("OVERTONE_LARGE_MB: not a number of MiB", got=repr(given), valid=f"such as {_USUAL_MB}")
    return int(given) << 20


LARGE_BYTES = _read_limit()
"""Arrays of more bytes are kept in a file; the environment variable ``OVERTONE_LARGE_MB`` sets it."""
_PAGE_OUT = 21
"""Linux's MADV_PAGEOUT: pages of files leave the memory; those that were changed stay."""
_SCRATCH: dict[int, int] = {}
"""Address to bytes of what :func:`empty_rows` keeps in files."""
_SOURCES: dict[int, int] = {}
"""Address to bytes of the user's files that are mapped."""


def is_large(shape: tuple[int, ...], itemsize: int = 4) -> bool:
    """Whether an array of this shape is kept in a file."""
    size = itemsize
    for count in shape:
        size *= count
    return size > LARGE_BYTES


def empty_rows(shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A float32 array to be filled; a large one lies in a file, in the folder for temporary files (``TMPDIR``).

    The file has no name, and is gone with the array or the process. Rows that are written to it need no memory that the
    system could not take back.

    Args:
        shape: Its shape.

    Raises:
        InputError: The disk has no room for it.
    """
    import numpy as np

    if not is_large(shape):
        return np.empty(shape, np.float32)
    size = 4 * int(np.prod(shape))
    with tempfile.TemporaryFile(prefix="overtone-") as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise
            what = f"{tempfile.gettempdir()}: no room for {size / 2**30:,.1f} GiB of features, too large for memory"
            raise InputError(what, fix="set TMPDIR to a folder on a disk with more room") from None
        rows = np.memmap(file, np.float32, "r+", shape=shape)
    _note(rows, _SCRATCH)
    return rows.view(np.ndarray)


def note_source(rows: np.memmap[Any, Any]) -> None:
    """Note that rows are mapped from a file that nobody writes to, so that :func:`release` knows."""
    _note(rows, _SOURCES)


def _note(rows: np.memmap[Any, Any], where: dict[int, int]) -> None:
    address = rows.ctypes.data
    where[address] = rows.nbytes
    weakref.finalize(rows.base, where.pop, address, None)  # the map itself; views of the rows keep it, too


def release(*tensors: torch.Tensor) -> None:
    """Let the system take back the memory of rows that come from files; they are read again when they are used.

    Rows that are in memory alone stay there. Where the system cannot do it, nothing happens.
    """
    for tensor in tensors:
        if tensor.device.type != "cpu" or not tensor.is_contiguous():
            continue
        size, address = tensor.numel() * tensor.element_size(), tensor.data_ptr()
        known = _SCRATCH.get(address), _SOURCES.get(address)
        if size <= LARGE_BYTES or size not in known or not hasattr(mmap, "MADV_DONTNEED"):
            continue
        advice = mmap.MADV_DONTNEED if known[0] == size else _PAGE_OUT
        start = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
        _advise(start, (address + size - start) // mmap.PAGESIZE * mmap.PAGESIZE, advice)


def in_file(tensor: torch.Tensor) -> bool:
    """Whether rows are kept in a file by :func:`empty_rows`."""
    return tensor.data_ptr() in _SCRATCH


def _advise(start: int, size: int, advice: int) -> None:
    library = ctypes.CDLL(None)
    library.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if size > 0:
        library.madvise(start, size, advice)
