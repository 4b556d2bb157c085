"""Compilation: once per machine and version, kept on disk, and said to the user where it takes long."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

_PATIENCE = 4.0
"""Seconds after which a first call is compiling, and not just reading what was compiled before."""

log = logging.getLogger("overtone")
_ready = threading.Event()


def compiled(function: F) -> F:
    """Compile on first use, without Python's lock, and keep the machine code on disk."""
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, config.CACHE_DIR or str(cache_folder(Path(__file__).parent))
    try:
        made: F = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = before
    return made


@functools.cache
def cache_folder(sources: Path) -> Path:
    """Where machine code is kept: beside its sources, or in the user's cache where that cannot be written.

    The folder is named after what all the sources say. Left to itself the compiler looks at one file at a time, and
    would go on using code into which an older version of another file was built.

    Args:
        sources: Folder of the compiled modules.
    """
    content = b"".join(path.read_bytes() for path in sorted(sources.glob("*.py")))
    version = hashlib.sha256(content).hexdigest()[:12]
    home = sources / "__pycache__"
    try:
        home.mkdir(exist_ok=True)
        tempfile.TemporaryFile(dir=home).close()
    except OSError:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "overtone"
    return home / f"compiled-{version}"


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
