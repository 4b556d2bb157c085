"""Compilation: once per machine and version, and said to the user where it takes long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba

from overtone.graphs.engine.machine_code import WholeCache, cache_folder

F = TypeVar("F", bound=Callable[..., Any])

_PATIENCE = 4.0
"""Seconds after which a first call is compiling, and not just reading what was compiled before."""

log = logging.getLogger("overtone")
_ready = threading.Event()


def compiled(function: F) -> F:
    """Compile on first use, without Python's lock, and keep the machine code on disk where that is safe."""
    made: F = numba.njit(nogil=True, error_model="numpy")(function)
    folder = cache_folder(Path(__file__).parent)
    if folder is not None:
        config: Any = numba.config
        before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
        try:
            made.__dict__["_cache"] = WholeCache(function)
        finally:
            config.CACHE_DIR = before
    return made


@contextmanager
def announced() -> Iterator[None]:
    """Around the first use of the engine in a process: says what takes so long, if it does."""
    if _ready.is_set():
        yield
        return
    message = "compiling the graph search, which happens once after an installation and takes about half a minute"
    timer = threading.Timer(_PATIENCE, log.info, (message,))
    timer.daemon = True
    timer.start()
    try:
        yield
        _ready.set()
    finally:
        timer.cancel()
