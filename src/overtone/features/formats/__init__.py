"""File formats: each a small file that turns a path into a table of named arrays, and arrays into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from overtone.core import InputError, Registry
from overtone.core.printable import has_half_characters, suffix_of
from overtone.core.sources import list_folder, require_file
from overtone.features.arrays import READ_ERRORS, Table, Values


@dataclass(frozen=True)
class Format:
    """One file format or folder layout."""

    read: Callable[[Path], Table]
    """Opens the file without reading the features."""
    write: Callable[[Path, Mapping[str, Values]], None] | None = None
    """Writes arrays in the plain layout; None where it can only be read."""
    suffixes: tuple[str, ...] = ()
    """Of the files it is for."""
    holds: tuple[str, ...] = ()
    """For a folder layout, patterns of which a file in the folder matches one (``"*.npy"``)."""
    matches: Callable[[Path], bool] | None = None
    """For a folder layout that patterns cannot describe, whether a folder is one; asked after the patterns."""


formats: Registry[Format] = Registry("format", "overtone.features.formats")
"""All formats by name."""


def find_format(path: Path) -> Format:
    """The format of an existing file or folder; InputError where it has none."""
    if not path.is_dir():
        return find_format_by_suffix(path, writable=False)
    for _, known in formats.items():
        if any(list_folder(path, pattern) for pattern in known.holds):
            return known
    for _, known in formats.items():
        if known.matches is not None and known.matches(path):
            return known
    fix = "overtone extract makes features of media, and overtone build a searchable space"
    raise InputError(f"{path}: a folder without features", valid=f"{_folders()}, or numbered files", fix=fix)


def find_format_by_suffix(path: Path, *, writable: bool) -> Format:
    """The format that a file's suffix names, of those that can be written or of all; the file need not exist."""
    chosen = [known for _, known in formats.items() if known.write or not writable]
    for known in chosen:
        if path.suffix.lower() in known.suffixes:
            return known
    valid = ", ".join(sorted(suffix for known in chosen for suffix in known.suffixes))
    valid += "" if writable else f", or {_folders()}"
    raise InputError(f"{path}: unknown kind of file", got=suffix_of(path), valid=valid)


def _folders() -> str:
    patterns = sorted(pattern for _, known in formats.items() for pattern in known.holds)
    return f"a folder that holds {' or '.join(patterns)}"


@contextmanager
def report_damage(path: Path, kind: str, also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into an InputError of one sentence.

    ``kind`` is what it should have been (``"an HDF5 file"``), ``also`` are errors of the library's own.
    """
    try:
        yield
    except InputError:
        raise
    except READ_ERRORS + also as error:
        if has_half_characters(str(path)):
            raise InputError(f"{path}: its name is not UTF-8, and cannot be opened", fix="rename it") from None
        require_file(path)  # a file that may not be read is not damaged
        reason = str(error).split("\n")[0]
        size = f"a file of {path.stat().st_size:,} bytes"
        fix = "check that the copy or download is complete"
        raise InputError(f"{path}: not {kind}, or a truncated one ({reason})", got=size, fix=fix) from None
