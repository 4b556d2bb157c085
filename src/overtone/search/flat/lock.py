"""The writer's lock of a flat store: the system takes it from a process that ends, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import filelock

from overtone.core import InputError
from overtone.core.files import write_json

LOCK = "write.lock"
"""The file that is locked; it stays where it is."""
_WRITER = "writer.json"


def acquire(folder: Path) -> filelock.BaseFileLock:
    """Become the one writer of a store.

    Raises:
        InputError: Another process is, or the folder cannot be written to.
    """
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
        write_json(folder / _WRITER, {"process": os.getpid()})  # for messages only
    except filelock.Timeout:
        what = f"{folder}: is being written by {_writer(folder)}"
        raise InputError(what, fix="wait until it is done; searching is possible meanwhile") from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    except InputError:
        lock.release()
        raise
    return lock


def release(folder: Path, lock: filelock.BaseFileLock) -> None:
    """Let others write."""
    with contextlib.suppress(OSError):
        (folder / _WRITER).unlink(missing_ok=True)
    lock.release()


def cannot_write(folder: Path, error: OSError) -> InputError:
    """The error where the system refuses a write."""
    what = f"{folder}: cannot be written ({error.strerror or error}); the store is as it was"
    return InputError(what, fix="free some space, or choose another place")


def _writer(folder: Path) -> str:
    """Who writes, for messages."""
    try:
        return f"process {json.loads((folder / _WRITER).read_text(encoding='utf-8'))['process']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
