"""Files that are whole or not there: each is written beside its place and moved in."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from overtone.core.errors import InputError

_MARK = ".part"
_LONGEST = 100
"""Characters of a name that its temporary one has: both must fit into the 255 bytes of a file system."""
_TEMPORARY = re.compile(rf"\.(?P<host>[0-9a-f]{{8}})-(?P<pid>\d{{1,10}})-[a-z0-9_]{{8}}{re.escape(_MARK)}$")
_DAY = 86400.0
_open_here: set[str] = set()
"""Names of temporary folders that this process is writing into."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)
_FULL_WORDS = ("No space left", "File too large", "Disk quota exceeded")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a path of the same name to write; on success it replaces ``path``, on failure it is removed.

    It lies in a temporary folder beside ``path``, because libraries put temporary files of their own beside what they
    write. What writers that were killed have left is removed, too.

    Raises:
        InputError: The folder cannot be written to, or the disk is full; what was under ``path`` is still there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        folder = _make_folder(path)
    except (OSError, ValueError) as error:
        raise WriteRefused(path, error) from None
    temporary = folder / path.name
    try:
        yield temporary
        with temporary.open("rb") as written:  # the data must be on disk before the name points at it
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except InputError:
        raise
    except Exception as error:
        if not _refused_by_system(error):
            raise
        raise WriteRefused(path, error) from None
    finally:
        _forget(folder)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it becomes ``path``, on failure it is removed.

    Raises:
        InputError: The folder cannot be made, or ``path`` is there and is not an empty folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        temporary = _make_folder(path)
    except (OSError, ValueError) as error:
        raise WriteRefused(path, error) from None
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.replace(path)
    except OSError as error:
        raise WriteRefused(path, error) from None
    finally:
        _forget(temporary)


def sweep(folder: Path) -> None:
    """Remove what killed writers left half-written: of processes of this machine that are gone, or a day old."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.search(entry.name) if entry.name.startswith(".") else None
            if found is not None and entry.name not in _open_here and _is_left(entry, found["host"], int(found["pid"])):
                shutil.rmtree(entry.path, ignore_errors=True)


class WriteRefused(InputError):
    """The system refuses a write; ``strerror`` is its reason."""

    def __init__(self, path: Path, error: Exception) -> None:
        self.strerror = (getattr(error, "strerror", None) or str(error)).split("\n")[0]
        fix = "free some space, or choose another place" if _is_full(error) else "choose another place"
        super().__init__(f"{path}: cannot be written ({self.strerror})", fix=fix)


def _make_folder(path: Path) -> Path:
    """A temporary folder beside a path, known as one of this process."""
    prefix = f".{path.name[:_LONGEST]}.{_host()}-{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=_MARK, dir=path.parent))
    _open_here.add(folder.name)
    return folder


def _forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _open_here.discard(folder.name)


@functools.cache
def _host() -> str:
    """This machine, in the names of temporary files: what lies on a shared disk may be written by another one."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_left(entry: os.DirEntry[str], host: str, pid: int) -> bool:
    """Whether nobody writes into a temporary folder any more."""
    if time.time() - entry.stat(follow_symlinks=False).st_mtime > _DAY:
        return True
    if host != _host():
        return False
    if pid == os.getpid():  # of an earlier process that had the same number
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _is_full(error: Exception) -> bool:
    """Whether a write failed for want of space; libraries say so in words."""
    return getattr(error, "errno", None) in _FULL or any(words in str(error) for words in _FULL_WORDS)


def _refused_by_system(error: Exception) -> bool:
    """Whether the system did not let a file be written, as opposed to a mistake of ours."""
    return _is_full(error) or (isinstance(error, OSError) and error.errno in _REFUSED)
