"""Machine code on disk, which the compiler keeps as pickles: in a folder of the user's alone, whole or not taken."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

_DIGEST = ".sha256"


@functools.cache
def cache_folder(sources: Path) -> Path | None:
    """Where machine code is kept: beside its sources, or else in the user's cache; None where neither is safe.

    The folder is named after what all the sources say. Left to itself the compiler looks at one file at a time, and
    would go on using code into which an older version of another file was built.

    Args:
        sources: Folder of the compiled modules.

    Returns:
        A folder of mode 0700 that belongs to the user and can be written; None: the code stays in memory.
    """
    content = b"".join(path.read_bytes() for path in sorted(sources.glob("*.py")))
    version = hashlib.sha256(content).hexdigest()[:12]
    for home in (sources / "__pycache__", _user_cache()):
        if home is not None and make_private(folder := home / f"compiled-{version}"):
            return folder
    return None


def make_private(folder: Path) -> bool:
    """Whether a folder, made if it is not there, is the user's alone and can be written.

    One that others could write into is not taken: what lies there may be theirs, and to read it is to run it.

    Args:
        folder: The folder.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        own = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or not own or found.st_mode & 0o022:
            return False
        if found.st_mode & 0o077:  # others can read it
            folder.chmod(0o700)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _user_cache() -> Path | None:
    """The user's folder for what can be made again."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "overtone"
    except RuntimeError:  # nobody knows where home is
        return None


class WholeCache(FunctionCache):
    """The compiler's cache of one function; damaged code is compiled again, and a disk that is full is no obstacle."""

    def __init__(self, function: object) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _WholeFiles(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: object, target_context: object) -> object:
        """The code for a signature; None where there is none that is whole."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever unpickling raises on code of another build
            return None

    def save_overload(self, sig: object, data: object) -> None:
        """Keep the code for a signature, where the disk takes it."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


class _WholeFiles(IndexDataCacheFile):
    """The files of a cache, each with its checksum beside it: nothing is unpickled that is not as it was written."""

    def _load_index(self) -> dict[Any, str]:
        found: dict[Any, str] = super()._load_index() if _is_whole(self._index_path) else {}
        return found

    def _load_data(self, name: str) -> object:
        if not _is_whole(self._data_path(name)):
            raise OSError(f"{name}: damaged")  # which the compiler takes for "not there"
        return super()._load_data(name)

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[Any]:
        with super()._open_for_write(filepath) as file:
            yield file
        digest = hashlib.sha256(Path(filepath).read_bytes()).hexdigest()
        Path(filepath + _DIGEST).write_text(digest, encoding="ascii")


def _is_whole(path: str) -> bool:
    """Whether a file is as it was written."""
    try:
        known = Path(path + _DIGEST).read_bytes()
        return hashlib.sha256(Path(path).read_bytes()).hexdigest().encode() == known
    except OSError:
        return False
