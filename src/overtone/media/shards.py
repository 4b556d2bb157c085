"""Work folders beside the result: the finished units of an extraction, so that an interrupted one can go on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from overtone.core import InputError
from overtone.core.atomic import sweep
from overtone.core.files import json_text, load_tensors, read_header, read_json, save_tensors, write_json
from overtone.core.locks import BUSY, LOCK, WRITER, locked
from overtone.core.workers import Made
from overtone.media.units import MediumState

_PLAN = "plan.json"
IDS = "ids_sha256"
"""The entry of a plan that the clips' names make."""
_OWN = re.compile(rf"{_PLAN}|\d{{6,}}\.safetensors|{LOCK}|{WRITER}|\..*\.part")
"""Files of an extraction."""
_STATES = "states"


@dataclass(frozen=True)
class Share:
    """The part of an extraction that one machine does: unit u where u mod ``count`` is ``number`` - 1.

    Example:
        >>> Share.read("2/4").units(10), str(Share.read("2/4"))
        ([1, 5, 9], '2/4')
    """

    number: int = 1
    count: int = 1

    @classmethod
    def read(cls, text: str) -> Share:
        """What ``"2/4"`` means; InputError where it is no such share."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError("shard: no such share", got=repr(text), valid="1/4 to 4/4, for one of four machines")
        return cls(int(found[1]), int(found[2]))

    def units(self, count: int) -> list[int]:
        """The numbers of its units, of so many."""
        return list(range(self.number - 1, count, self.count))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


class Shards:
    """The units of one extraction that are done, in a folder; those of another plan are not mixed with these.

    Args:
        out: The result.
        share: Which units are done here; of all the folder is ``OUT.parts``, of a share ``OUT.2-of-4.parts``.
    """

    def __init__(self, out: Path, share: Share | None = None) -> None:
        self.share = share or Share()
        of = "" if share is None else f".{share.number}-of-{share.count}"
        self.folder = out.with_name(f"{out.name}{of}.parts")

    @property
    def begun(self) -> bool:
        """Whether an extraction was interrupted here."""
        return (self.folder / _PLAN).is_file()

    @contextmanager
    def open(self, plan: Mapping[str, Any], *, resume: bool, overwrite: bool) -> Iterator[None]:
        """Be the one process that writes parts; with ``resume`` what is there is used, with ``overwrite`` removed.

        Raises:
            InputError: There are parts of an extraction and neither was chosen, or they are of another plan; the folder
                holds something else; or another process extracts into it.
        """
        others = [path for path in self.folder.glob("*") if not _OWN.fullmatch(path.name)]
        if others:
            what = f"{self.folder}: is needed for the parts of the extraction, and holds other things"
            raise InputError(what, got=min(others).name, fix="choose another name for the features")
        worth = any(self.folder.glob("*.safetensors"))  # else it stopped before anything was done
        if worth and not resume and not overwrite:
            fix = "go on with it (--resume), or begin again (--overwrite)"
            raise InputError(f"{self.folder}: an extraction was interrupted here", fix=fix)
        with locked(self.folder, BUSY):
            sweep(self.folder)
            if not resume:
                self._empty()
            if self.begun:
                self.check_plan(plan)
            else:
                write_json(self.folder / _PLAN, plan)
            yield

    def missing(self, count: int) -> list[int]:
        """The units of this share, of so many in all, that are not done."""
        return [unit for unit in self.share.units(count) if not self._path(unit).is_file()]

    def keep(self, unit: int, made: Made) -> None:
        """Store a unit: its tensors, and the state of each medium."""
        save_tensors(self._path(unit), made.tensors, {_STATES: json_text(made.values[_STATES])})

    def read(self, unit: int) -> tuple[dict[str, Tensor], list[dict[str, MediumState]]]:
        """The tensors of a unit, and for each of its clips modality to state."""
        found = read_header(self._path(unit)).get(_STATES, [])
        states = [{name: MediumState(**state) for name, state in one.items()} for one in found]
        return load_tensors(self._path(unit)), states

    def check_plan(self, plan: Mapping[str, Any]) -> None:
        """Refuse to use what was made by another plan."""
        check_plan(self.folder / _PLAN, plan)

    def remove(self) -> None:
        """Forget the work folder: the result is written."""
        self._empty()
        for name in (WRITER, LOCK):
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # something else was put there
            self.folder.rmdir()

    def _empty(self) -> None:
        """Remove the parts, the plan first: parts without one are nobody's."""
        for path in [self.folder / _PLAN, *self.folder.glob("*.safetensors")]:
            path.unlink(missing_ok=True)

    def _path(self, unit: int) -> Path:
        return self.folder / f"{unit:06d}.safetensors"


def find_shares(out: Path) -> list[Shards]:
    """The work folders of the shares of an extraction, all of one number of shares.

    Raises:
        InputError: There are none, some are missing, or they are of several numbers of shares.
    """
    pattern = re.compile(re.escape(out.name) + r"\.(\d+)-of-(\d+)\.parts")
    found = [match for path in out.parent.glob("*.parts") if (match := pattern.fullmatch(path.name)) is not None]
    shares = sorted({Share(int(match[1]), int(match[2])) for match in found}, key=lambda one: (one.count, one.number))
    if not shares:
        what = f"{out}: no shares of an extraction beside it (such as {out.name}.1-of-4.parts)"
        raise InputError(what, fix="make them with --shard 1/4 to 4/4, and put their folders here")
    counts = {share.count for share in shares}
    if len(counts) > 1:
        got = ", ".join(map(str, shares))
        raise InputError(f"{out}: shares of several extractions beside it", got=got, fix="move the others away")
    there = {share.number for share in shares}
    missing = [f"{number}/{shares[0].count}" for number in range(1, shares[0].count + 1) if number not in there]
    if missing:
        what = f"{out}: shares of the extraction are missing"
        raise InputError(what, got=", ".join(missing), fix="make them with --shard, and put their folders here")
    return [Shards(out, share) for share in shares]


def check_plan(path: Path, plan: Mapping[str, Any]) -> None:
    """Refuse to go on with an extraction whose stored plan is another one; the first difference is named."""
    stored = read_json(path)
    for key, value in json.loads(json.dumps(plan)).items():
        _compare(key, value, stored.get(key), path)


def _compare(key: str, value: object, stored: object, path: Path) -> None:
    """Refuse a value that differs from the stored one; of mappings the first entry that does is named."""
    if value == stored:
        return
    if key == IDS:
        what = f"{path}: media were added, removed or renamed since this extraction was begun"
        raise InputError(what, fix="undo that to resume it, or begin again (--overwrite)")
    if isinstance(value, dict) and isinstance(stored, dict):
        for name in sorted({*value, *stored}):
            _compare(f"{key}, {name}", value.get(name), stored.get(name), path)
    what = f"{path}: this extraction was begun with another {key}"
    fix = "resume it as it was begun, or begin again (--overwrite)"
    raise InputError(what, got=value, valid=stored, fix=fix)
