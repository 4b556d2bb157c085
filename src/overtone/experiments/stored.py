"""Files of single results: what was computed once for the same data, settings and versions need not be again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import safe_open
from torch import Tensor

from overtone.core.files import json_text, load_tensors, save_tensors


class Stored(NamedTuple):
    """What a file holds.

    Attributes:
        tensors: By name.
        numbers: Plain values by name.
    """

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


def store(path: Path, result: Stored, identity: Mapping[str, Any]) -> None:
    """Write a result as one safetensors file, its numbers in the header.

    Args:
        path: The file.
        result: What to write.
        identity: What the result depends on: settings, data, versions.
    """
    save_tensors(path, result.tensors, {"overtone": json_text(result.numbers), "identity": json_text(identity)})


def stored(path: Path, identity: Mapping[str, Any]) -> Stored | None:
    """Read a result back; None if there is none, or none of this identity.

    Raises:
        InputError: The file is damaged.
    """
    if not path.exists():
        return None
    tensors = load_tensors(path)
    with safe_open(str(path), "pt") as file:
        header = file.metadata() or {}
    if header.get("identity") != json_text(identity):
        return None
    return Stored(tensors, json.loads(header["overtone"]))
