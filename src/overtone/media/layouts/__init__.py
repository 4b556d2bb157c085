"""Layouts: each a small file that turns a folder or a file into a catalogue; registered by name."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from overtone.core import InputError, Registry
from overtone.core.sources import expand_home, read_text, require_file
from overtone.media.catalogue import Catalogue


@dataclass(frozen=True)
class Layout:
    """One way in which media lie on disk.

    Attributes:
        read: Path to catalogue; decodes nothing.
        matches: Whether a path has this layout, found from the names of a few files.
        signature: The files it is recognised by, for messages.
        fallback: Whether nearly anything has it, so that all others are tried before.
    """

    read: Callable[[Path], Catalogue]
    matches: Callable[[Path], bool]
    signature: str
    fallback: bool = False


layouts: Registry[Layout] = Registry("layout", "overtone.media.layouts")
"""All layouts by name."""


def read_catalogue(source: str | Path, layout: str | None = None) -> Catalogue:
    """The clips of a source.

    Args:
        source: A folder or a file.
        layout: Name of its layout; found from the files if None.

    Returns:
        The catalogue; nothing is decoded.

    Raises:
        InputError: The source does not exist, has no known layout, or not the one that was named.
    """
    path = expand_home(source)
    named = None if layout is None else layouts[layout]
    if not path.exists():
        raise InputError(f"{source}: no such file or folder", fix="check the path")
    if not path.is_dir():
        require_file(path)  # a pipe would be waited for
    if path.resolve() == path.resolve().parent:
        raise InputError(f"{source}: the root of the file system", fix="name the folder of the media")
    if path.is_dir() and not any(path.iterdir()):
        raise InputError(f"{source}: an empty folder", fix="check the path, or unpack the download there")
    if path.is_file() and _archive(path):
        raise InputError(f"{source}: an archive", fix="unpack it and name the folder")
    chosen = [named] if named else sorted((known for _, known in layouts.items()), key=lambda known: known.fallback)
    for known in chosen:
        for place in (path,) if known.fallback else (path, *_only_folder(path)):
            if known.matches(place):
                return known.read(place)
    if named is not None:
        fix = "leave --layout out to have it found"
        raise InputError(f"{source}: not in the layout {layout}", valid=named.signature, fix=fix)
    wanted = "; ".join(f"{name} ({known.signature})" for name, known in layouts.items())
    raise InputError(f"{source}: no known layout of media", got=_listing(path), valid=wanted)


def _only_folder(path: Path) -> list[Path]:
    """The one folder that an unpacked archive has put into the folder named."""
    entries = path.iterdir() if path.is_dir() else ()
    inside = [entry for entry in entries if not entry.name.startswith((".", "__MACOSX"))]
    return inside if len(inside) == 1 and inside[0].is_dir() else []


def _archive(path: Path) -> bool:
    if path.suffix == ".npz":  # a zip as well, but one that is read as it is
        return False
    return zipfile.is_zipfile(path) or ((".tar" in path.suffixes or path.suffix == ".tgz") and tarfile.is_tarfile(path))


def _listing(path: Path) -> str:
    if path.is_file():
        return f"a file {path.name}"
    names = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
    return f"a folder with {', '.join(names[:5])}" + (f", ... {len(names)} entries in all" if len(names) > 5 else "")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty; InputError where it is missing or no text."""
    return [line for line in read_text(path, "a list of the data set").splitlines() if line.strip()]


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """The lines of a text file as a first word and the rest; InputError where a line has one word only."""
    found = [line.strip().split(None, 1) for line in read_lines(path)]
    for number, words in enumerate(found, 1):
        if len(words) != 2:
            raise InputError(f"{path}, line {number}: two words are expected", got=repr(" ".join(words)))
    return [(first, rest) for first, rest in found]
