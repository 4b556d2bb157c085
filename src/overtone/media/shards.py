"""A work folder beside the result: the finished parts of an extraction, so that an interrupted one can go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import json_text, load_tensors, read_header, save_tensors, write_json

_PLAN = "plan.json"
_WEIGHTS = "weights.safetensors"


class Shards:
    """The parts of one extraction, in the folder ``OUT.parts``; those of another plan are not mixed with these.

    With ``resume`` what is there is used, with ``overwrite`` it is removed.

    Raises:
        InputError: There are parts of an extraction and neither was chosen, or they are of another plan.
    """

    def __init__(self, out: Path, plan: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
        self.folder = out.with_name(f"{out.name}.parts")
        worth = any(self.folder.glob("*.safetensors"))  # else it stopped before anything was done
        if not resume and (overwrite or not worth):
            self.remove()
        elif not resume:
            fix = "go on with it (--resume), or begin again (--overwrite)"
            raise InputError(f"{self.folder}: an extraction was interrupted here", fix=fix)
        if (self.folder / _PLAN).is_file():
            check_plan(self.folder / _PLAN, plan)
        else:
            write_json(self.folder / _PLAN, plan)

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
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def check_plan(path: Path, plan: Mapping[str, Any]) -> None:
    """Refuse to go on with an extraction whose stored plan is another one; the first difference is named."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    for key, value in json.loads(json.dumps(plan)).items():
        if stored.get(key) != value:
            what = f"{path}: this extraction was begun with another {key}"
            fix = "resume it as it was begun, or begin again (--overwrite)"
            raise InputError(what, got=value, valid=stored.get(key), fix=fix)
