"""File formats: each a small file that turns a path into a table of named arrays, and arrays into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core import InputError, Registry
from overtone.features.arrays import UNREADABLE, Table


@dataclass(frozen=True)
class Format:
    """One file format or folder layout.

    Attributes:
        read: Path to table; opens the file without reading the features.
        write: Path and arrays in the plain layout to file; None where it can only be read.
        suffixes: Of the files it is for.
        holds: For a folder layout, a pattern that a file in the folder matches (``"*.npy"``).
    """

    read: Callable[[Path], Table]
    write: Callable[[Path, Mapping[str, np.ndarray[Any, Any]]], None] | None = None
    suffixes: tuple[str, ...] = ()
    holds: str = ""


formats: Registry[Format] = Registry("format", "overtone.features.formats")
"""All formats by name."""


def format_of(path: Path) -> Format:
    """The format of an existing file or folder.

    Raises:
        InputError: No format has that suffix, or the folder holds no known layout.
    """
    for _, known in formats.items():
        if path.is_dir() and known.holds and any(path.glob(known.holds)):
            return known
        if not path.is_dir() and path.suffix.lower() in known.suffixes:
            return known
    if path.is_dir():
        patterns = sorted(known.holds for _, known in formats.items() if known.holds)
        raise InputError(f"{path}: a folder without features", valid=f"a folder that holds {' or '.join(patterns)}")
    raise InputError(
        f"{path}: unknown kind of file", got=f"suffix {path.suffix!r}", valid=", ".join(suffixes(writable=False))
    )


def suffixes(*, writable: bool) -> list[str]:
    """Suffixes of all files that can be read, or also written."""
    chosen = [known for _, known in formats.items() if known.write or not writable]
    return sorted(suffix for known in chosen for suffix in known.suffixes)


@contextmanager
def opening(path: Path, kind: str, fix: str = "check that the copy or download is complete") -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into one sentence.

    Args:
        path: The file.
        kind: What it should have been (``"an HDF5 file"``).
        fix: What to do.
    """
    try:
        yield
    except InputError:
        raise
    except UNREADABLE as error:
        reason = str(error).split("\n")[0]
        size = path.stat().st_size if path.is_file() else 0
        raise InputError(
            f"{path}: not {kind}, or a truncated one ({reason})", got=f"a file of {size:,} bytes", fix=fix
        ) from None
