"""The writer's lock of a flat store."""

from __future__ import annotations

from pathlib import Path

import filelock

from overtone.core import InputError, locks
from overtone.core.atomic import WriteRefused
from overtone.core.locks import release as release


def acquire(folder: Path) -> filelock.BaseFileLock:
    """Become the one writer of a store.

    Raises:
        InputError: Another process is, or the folder cannot be written to.
    """
    try:
        return locks.acquire(folder, "wait until it is done; searching is possible meanwhile")
    except WriteRefused as error:
        raise cannot_write(folder, error) from None


def cannot_write(folder: Path, error: OSError | WriteRefused) -> InputError:
    """The error where the system refuses a write."""
    what = f"{folder}: cannot be written ({error.strerror or error}); the store is as it was"
    return InputError(what, fix="free some space, or choose another place")
