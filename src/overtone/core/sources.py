"""What may be read: files and nothing else, no more than they hold, and nothing outside of their folder."""

from __future__ import annotations

import stat
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from overtone.core.errors import InputError, require_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALWAYS = 256 << 20
"""Bytes that any file may declare."""
_RATIO = 100
"""How many times its own size a file may declare beyond that; zeros compress a thousand times."""
_HALVES = range(0xD800, 0xE000)
"""Numbers of halves of characters, by which Python also marks the bytes of a name that is not UTF-8."""
_SMALL = 64 << 20
"""Bytes of the largest text that is read whole."""


def expand_home(path: str | Path) -> Path:
    """A path in which ``~`` or ``~name`` is a home; one of nobody is left as it is, and is then not found.

    Args:
        path: The path.

    Raises:
        InputError: It is no path.

    Example:
        >>> expand_home("~nobody-here/a.npz").name
        'a.npz'
    """
    require_kind(path, (str, PathLike), "a path is needed", fix="give it as text or as a pathlib.Path")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def require_file(path: str | Path, what: str | None = None) -> Path:
    """A path that leads to a file; a pipe or a device would be waited for, or read without an end.

    Args:
        path: The path.
        what: What it should hold, for messages.

    Raises:
        InputError: There is none, it is something else, or it may not be read.
    """
    file = expand_home(path)
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        wanted = "" if what is None else f" as {what}"
        raise InputError(f"{path}: cannot be read{wanted} ({reason})", fix="check the path") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder, not a file", fix="name a file in it")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is not a file (but a device, pipe or socket)", fix="copy what it gives to a file")
    try:
        file.open("rb").close()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})", fix="check its permissions") from None
    return file


def list_folder(folder: Path, pattern: str = "*") -> list[Path]:
    """What lies in a folder, sorted; names that begin with a dot are not the user's, but of systems and editors.

    Args:
        folder: The folder.
        pattern: Of the names.

    Raises:
        InputError: It cannot be read.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})", fix="check its permissions") from None
    return [path for path in found if not path.name.startswith(".") and path.match(pattern)]


def read_text(path: str | Path, what: str = "text") -> str:
    """A text file, UTF-8, whole.

    Args:
        path: The file.
        what: What it should hold, for messages.

    Raises:
        InputError: It is no file, is no text, is far too large, or cannot be read.
    """
    file = require_file(path, what)
    if (size := file.stat().st_size) > _SMALL:
        raise InputError(f"{path}: too large for {what}", got=f"{size:,} bytes", valid=f"at most {_SMALL:,}")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid {what} (byte {error.start} is not UTF-8)") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read as {what} ({error.strerror or error})") from None


def memory_of(stored: int) -> int:
    """Bytes of memory that reading a file of this size may take."""
    return max(_ALWAYS, _RATIO * stored)


def check_declared(size: int, stored: int, where: object) -> None:
    """Refuse what declares far more than its file can hold, before anything is allocated for it.

    Args:
        size: Bytes that are declared.
        stored: Bytes that there are: of the file, or of its compressed part.
        where: File and key, for messages.

    Raises:
        InputError: More than 256 MiB are declared, and more than 100 times of what is stored.
    """
    if size > memory_of(stored):
        what = f"{where}: declares {size:,} bytes, and the file holds {stored:,}"
        raise InputError(what, valid=f"at most {_RATIO} times as many", fix="write it again without compression")


def check_names(names: Sequence[str], where: object) -> None:
    """Refuse columns of one name, of which only one could be read; columns without a name are passed over.

    Args:
        names: Of the columns.
        where: The file, for messages.

    Raises:
        InputError: A name stands twice.
    """
    place: dict[str, int] = {}
    for at, name in enumerate(names):
        if name and place.setdefault(name, at) != at:
            what = f"{where}: columns {place[name] + 1} and {at + 1} are both called {name!r}"
            raise InputError(what, fix="give each a name of its own, or leave one out")


def check_characters(texts: NDArray[Any], where: object) -> None:
    """Refuse an array of text with numbers that are no characters: Python makes strings of them that break later.

    Args:
        texts: An array; of any other kind than text it is passed over.
        where: File and key, for messages.

    Raises:
        InputError: A number is above the last character, or half of one, as in file names that are not UTF-8.
    """
    if texts.dtype.kind != "U" or not texts.size or not texts.dtype.itemsize:
        return
    numbers = texts.ravel().view(texts.dtype.str[0] + "u4")
    if (numbers > sys.maxunicode).any():
        raise InputError(f"{where}: text with numbers that are no characters", fix="copy or export the file again")
    halves = (numbers >= _HALVES.start) & (numbers < _HALVES.stop)
    if halves.any():
        text = texts.ravel()[int(halves.argmax()) * 4 // texts.dtype.itemsize]
        fix = "save the text as UTF-8; if it names files, rename them, or leave the letters in question out"
        raise InputError(f"{where}: text that is not UTF-8, as names of files can be", got=repr(str(text)), fix=fix)


def check_inside(name: str, where: object) -> None:
    """Refuse a name, read from a file, that leads out of the folder of that file.

    Raises:
        InputError: It is absolute or has ``..`` in it.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in name[:2] or "\0" in name or not name:
        raise InputError(f"{where}: names a file outside of its folder", got=repr(name), fix="take it out of there")
