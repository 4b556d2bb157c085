"""The lock of a folder that one process writes into; the system takes it from a process that ends, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from overtone.core.atomic import WriteRefused
from overtone.core.errors import InputError
from overtone.core.files import write_json

if TYPE_CHECKING:  # an import that the program's help need not wait for
    import filelock

LOCK = "write.lock"
"""The file that is locked; it stays where it is."""
BUSY = "wait until it is done, or choose another folder"
"""What to do where another process writes."""
WRITER = "writer.json"
"""Who holds the lock, for messages; there only as long as it is held."""


def acquire(folder: Path, fix: str) -> filelock.BaseFileLock:
    """Become the one writer of a folder.

    Args:
        folder: The folder, which is there.
        fix: What a user can do where another process is the writer.

    Returns:
        What :func:`release` takes.

    Raises:
        InputError: Another process is the writer, or the folder cannot be written to.
    """
    import filelock

    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
        write_json(folder / WRITER, {"process": os.getpid()})
    except filelock.Timeout:
        raise InputError(f"{folder}: is being written by {_writer(folder)}", fix=fix) from None
    except OSError as error:
        raise WriteRefused(folder, error) from None
    except WriteRefused:
        lock.release()
        raise
    return lock


def release(folder: Path, lock: filelock.BaseFileLock) -> None:
    """Let others write."""
    with contextlib.suppress(OSError):
        (folder / WRITER).unlink(missing_ok=True)
    lock.release()


@contextlib.contextmanager
def locked(folder: Path, fix: str) -> Iterator[None]:
    """Be the one writer of a folder, which is made if it is not there, for a block.

    Raises:
        InputError: Another process is the writer, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteRefused(folder, error) from None
    lock = acquire(folder, fix)
    try:
        yield
    finally:
        release(folder, lock)


def check_unlocked(folder: Path, fix: str) -> None:
    """Refuse a folder that another process is writing into; nothing is written.

    Raises:
        InputError: Another process is the writer.
    """
    if not (folder / LOCK).is_file():
        return
    import filelock

    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise InputError(f"{folder}: is being written by {_writer(folder)}", fix=fix) from None
    except OSError:  # a folder that can only be read has no writer
        return
    lock.release()


def _writer(folder: Path) -> str:
    """Who writes, for messages."""
    try:
        return f"process {json.loads((folder / WRITER).read_text(encoding='utf-8'))['process']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
