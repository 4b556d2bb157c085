"""Where results may go: an output replaces no input, nothing of the user's, and no other result unless told to."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from overtone.core.atomic import WriteRefused, sweep
from overtone.core.errors import InputError
from overtone.core.files import read_json, write_json
from overtone.core.locks import BUSY, LOCK, WRITER, check_unlocked, locked
from overtone.core.printable import has_half_characters
from overtone.core.sources import check_inside, expand_home

MANIFEST = "overtone.json"
"""The file of a result folder that says which command made it, and lists its files."""
_REPLACE = "choose another name, or say --overwrite"


def check_file(path: str | Path, *, inputs: Iterable[object] = (), overwrite: bool = False) -> Path:
    """Refuse a place for a file before the work that it is for.

    Args:
        path: The file to be written.
        inputs: What the work reads: files and folders by their paths; anything else is passed over.
        overwrite: Whether a file that is there may be replaced; one that is an input, or in a folder that is one, may
            not.

    Returns:
        The path.

    Raises:
        InputError: The file is there and may not be replaced, or it cannot be written.
    """
    file = expand_home(path)
    check_writable(file)
    if file.is_dir():
        raise InputError(f"{file}: is a folder, not a file", fix="name a file in it")
    if not file.exists():
        return file
    source = _source(file, inputs)
    if source is not None:
        raise InputError(f"{file}: is read by this command ({source}), and would be lost", fix="choose another name")
    if not file.is_file():
        raise InputError(f"{file}: is not a file (but a device, pipe or socket)", fix="choose another name")
    if not overwrite:
        raise InputError(f"{file}: is there already", fix=_REPLACE)
    return file


def check_writable(path: str | Path, name: Path | None = None) -> None:
    """Refuse a path that cannot be written, by a trial that leaves nothing behind.

    Args:
        path: A file or folder to be.
        name: What the message calls it: what the user named, where that is another place.

    Raises:
        InputError: A folder above is a file, or the system refuses.
    """
    path = Path(path)
    if has_half_characters(str(path.absolute())):
        raise InputError(
            f"{name or path}: is not UTF-8, and some programs could not open it", fix="choose another name"
        )
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # impossible names raise
        folder = path.parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            above = "" if folder == name else f"{folder} "
            raise InputError(f"{name or path}: {above}is a file, not a folder", fix="choose another place")
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise WriteRefused(name or path, error) from None


def _source(path: Path, inputs: Iterable[object]) -> Path | None:
    """The input that a path is, or lies in."""
    place = path.resolve()
    for given in inputs:
        if not isinstance(given, (str, Path)) or not str(given):
            continue
        with contextlib.suppress(OSError, ValueError):
            source = expand_home(given)
            whole = source.resolve()
            if source.exists() and (path.samefile(source) or (source.is_dir() and whole in place.parents)):
                return source
    return None


@dataclass(frozen=True)
class ResultFolder:
    """A folder of results of one command.

    Its file ``overtone.json`` is written before all others. It names the command and lists every file that the command
    writes; a name that ends in ``/`` is a result folder, or a folder of some. Only what is listed is ever replaced or
    removed.

    Attributes:
        path: The folder.
        command: What writes into it: train, compare, diagnose.
        former: File to the files of a folder that an older version made without ``overtone.json``; the first is the one
            that such a folder is recognised by.
    """

    path: Path
    command: str
    former: tuple[str, ...] = ()

    def check(self, *, resume: bool, overwrite: bool, names: Collection[str] = ()) -> bool:
        """Whether there are results here to go on with; nothing is written.

        Args:
            resume: Whether to go on with what is here.
            overwrite: Whether to replace it.
            names: Files that are going to be written.

        Raises:
            InputError: The folder holds something else, or results and neither ``resume`` nor ``overwrite`` is asked
                for; both are; another process writes into it; or it cannot be written to.
        """
        check_writable(self.path / MANIFEST, self.path)
        check_unlocked(self.path, BUSY)
        return self._check_contents(resume, overwrite, names)

    def _check_contents(self, resume: bool, overwrite: bool, names: Collection[str]) -> bool:
        if resume and overwrite:
            what = "--resume goes on with what is there, --overwrite replaces it"
            raise InputError(f"{self.path}: {what}", fix="leave one of them out")
        command, listed = self._read()
        if command is None:
            others = sorted(entry.name for entry in self._entries())
            if others:
                got = ", ".join(others[:5]) + (f", ... {len(others)} entries in all" if len(others) > 5 else "")
                what = f"{self.path}: not empty, and not made by overtone {self.command}"
                raise InputError(what, got=got, fix="choose another folder, or an empty one")
            return False
        if command != self.command and not overwrite:
            what = f"{self.path}: holds results of overtone {command}"
            raise InputError(what, fix="choose another folder, or say --overwrite to replace them")
        foreign = [name for name in names if name not in listed and not _inside(name, listed)]
        taken = [name for name in foreign if (self.path / name).exists()]
        if taken:
            what = f"{self.path / taken[0]}: would be replaced, and was not made by overtone {command}"
            raise InputError(what, fix="move it away, or choose another folder")
        if resume or overwrite:
            return resume
        raise InputError(
            f"{self.path}: holds results of overtone {command} already",
            fix="--resume to go on with them, --overwrite to replace them, or choose another folder",
        )

    @contextlib.contextmanager
    def open(self, names: Collection[str], *, resume: bool, overwrite: bool) -> Iterator[None]:
        """Be the one who writes into the folder; what is in it stays until :meth:`reset`.

        Where the work is refused before anything is written, the folder is as it was.

        Args:
            names: Files that are going to be written, other than ``overtone.json``.
            resume, overwrite: As for :meth:`check`.

        Raises:
            InputError: As :meth:`check`.
        """
        self.check(resume=resume, overwrite=overwrite, names=names)
        there, begun = self.path.is_dir(), False
        try:
            with locked(self.path, BUSY):
                self._check_contents(resume, overwrite, names)  # again: another process may have come first
                _, listed = self._read()
                self._write({*listed, *names})  # whatever happens from here on, it is known what is ours
                sweep(self.path)
                begun = True
                yield
        except InputError:
            if begun and not any((self.path / name).exists() for name in self._read()[1]):
                self._unmark(keep=there)
            raise

    def reset(self, names: Collection[str]) -> None:
        """Remove everything that is listed, and list ``names``."""
        self._clear()
        self._write(names)

    def _clear(self) -> None:
        """Remove the files that are listed, and folders that are empty then; what is not listed stays."""
        for name in self._read()[1]:
            place = self.path / name
            if name.endswith("/"):
                for inner in [place, *sorted(place.iterdir())] if place.is_dir() else ():
                    if (inner / MANIFEST).is_file() or any((inner / one).is_file() for one in self.former[:1]):
                        ResultFolder(inner, self.command, self.former)._remove()
            elif place.is_file() or place.is_symlink():
                place.unlink()
            for folder in (place, *place.parents):
                if folder == self.path or self.path not in folder.parents:
                    break
                with contextlib.suppress(OSError):  # it is not empty, or was no folder
                    folder.rmdir()

    def _remove(self) -> None:
        """Remove all that is listed, the list itself and, if it is empty then, the folder."""
        self._clear()
        sweep(self.path)
        self._unmark()

    def _unmark(self, keep: bool = False) -> None:
        """Remove the list of an empty folder, and the folder unless it is to be kept."""
        for name in (MANIFEST, LOCK, WRITER):
            (self.path / name).unlink(missing_ok=True)
        if not keep:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def _entries(self) -> list[Path]:
        """What lies here, but for a lock and temporary files of writers that were killed at once."""
        own = (LOCK, WRITER)
        found = self.path.iterdir() if self.path.is_dir() else iter(())
        return [
            one for one in found if one.name not in own and not one.name.startswith((f".{MANIFEST}.", f".{WRITER}."))
        ]

    def _read(self) -> tuple[str | None, tuple[str, ...]]:
        """The command that made the folder, and the files that are its own; None where nobody of ours made it."""
        file = self.path / MANIFEST
        if not file.is_file():
            known = bool(self.former) and (self.path / self.former[0]).is_file()
            return (self.command, self.former) if known else (None, ())
        found = read_json(file)
        command, names = found.get("command"), found.get("files")
        if (
            not isinstance(command, str)
            or not isinstance(names, list)
            or not all(isinstance(one, str) for one in names)
        ):
            raise InputError(f"{file}: not a list of files that Overtone wrote", fix="choose another folder")
        for name in names:
            check_inside(name, file)
        return command, tuple(names)

    def _write(self, names: Collection[str]) -> None:
        write_json(self.path / MANIFEST, {"command": self.command, "files": sorted(names)})


def _inside(name: str, listed: Collection[str]) -> bool:
    """Whether a name lies in a folder that is listed."""
    return any(one.endswith("/") and name.startswith(one) for one in listed)
