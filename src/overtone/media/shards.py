"""A work folder beside the result: the finished parts of an extraction, so that an interrupted one can go on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.atomic import sweep
from overtone.core.files import json_text, load_tensors, read_header, read_json, save_tensors, write_json
from overtone.core.locks import BUSY, LOCK, WRITER, locked

_PLAN = "plan.json"
_WEIGHTS = "weights.safetensors"
_OWN = re.compile(rf"{_PLAN}|{_WEIGHTS}|\d{{6}}\.safetensors|{LOCK}|{WRITER}|\..*\.part(\.\w+)?")
"""Files of an extraction."""


class Shards:
    """The parts of one extraction, in the folder ``OUT.parts``; those of another plan are not mixed with these."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f"{out.name}.parts")

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
                check_plan(self.folder / _PLAN, plan)
            else:
                write_json(self.folder / _PLAN, plan)
            yield

    def weights(self) -> dict[str, Tensor] | None:
        """The trained weights of the backbone, if there are any."""
        path = self.folder / _WEIGHTS
        return load_tensors(path) if path.is_file() else None

    def keep_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Store the trained weights of the backbone."""
        save_tensors(self.folder / _WEIGHTS, weights)

    def has(self, number: int) -> bool:
        """Whether a shard is done."""
        return self._path(number).is_file()

    def keep(self, number: int, rows: Tensor, features: Tensor, broken: Mapping[int, str]) -> None:
        """Store a shard: row numbers (n,), features (n, d), and the reason for each row that could not be decoded."""
        save_tensors(self._path(number), {"rows": rows, "features": features}, {"broken": json_text(broken)})

    def collect(self, count: int) -> tuple[Tensor, Tensor, dict[int, str]]:
        """All shards joined: rows, features, and what is broken."""
        parts = [load_tensors(self._path(number)) for number in range(count)]
        filled = [part for part in parts if len(part["rows"])] or parts[:1]
        broken: dict[int, str] = {}
        for number in range(count):
            texts = read_header(self._path(number)).get("broken", {})
            broken |= {int(row): reason for row, reason in texts.items()}
        rows, features = (torch.cat([part[key] for part in filled]) for key in ("rows", "features"))
        return rows, features, broken

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

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def check_plan(path: Path, plan: Mapping[str, Any]) -> None:
    """Refuse to go on with an extraction whose stored plan is another one; the first difference is named."""
    stored = read_json(path)
    for key, value in json.loads(json.dumps(plan)).items():
        if stored.get(key) != value:
            what = f"{path}: this extraction was begun with another {key}"
            fix = "resume it as it was begun, or begin again (--overwrite)"
            raise InputError(what, got=value, valid=stored.get(key), fix=fix)
