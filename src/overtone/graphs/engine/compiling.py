"""Compilation: once per machine and version, kept on disk, and said to the user where it takes long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

PATIENCE = 4.0
"""Seconds after which a first call is compiling, and not just reading what was compiled before."""

log = logging.getLogger("overtone")
_ready = threading.Event()


def compiled(function: F) -> F:
    """Compile on first use, without Python's lock, and keep the machine code beside the source."""
    made: F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return made


@contextmanager
def announced() -> Iterator[None]:
    """Around the first use of the engine in a process: says what takes so long, if it does."""
    if _ready.is_set():
        yield
        return
    message = "compiling the graph search, which happens once after an installation and takes about half a minute"
    timer = threading.Timer(PATIENCE, log.info, (message,))
    timer.daemon = True
    timer.start()
    try:
        yield
        _ready.set()
    finally:
        timer.cancel()
