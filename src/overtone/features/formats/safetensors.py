"""``.safetensors``: memory-mapped tensors; strings, for which it has no place, are JSON lists in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from overtone.core.files import save_tensors
from overtone.features.arrays import Array, Rows, Table
from overtone.features.formats import Format, formats, opening


def read_safetensors(path: Path) -> Table:
    """Open a safetensors file; its tensors stay on disk until they are read."""
    from safetensors import SafetensorError, safe_open

    arrays = {}
    with opening(path, "a safetensors file", also=(SafetensorError,)), safe_open(str(path), framework="pt") as file:
        found: dict[str, Rows] = {key: _rows(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118 - no mapping
        found |= from_metadata(file.metadata() or {})
    for key, rows in found.items():
        arrays[key] = Array(rows, f"{path}, key {key!r}")
    return Table(str(path), "safetensors", arrays)


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write numbers as tensors and strings as metadata."""
    strings = {key: values for key, values in arrays.items() if values.dtype.kind == "U"}
    numbers = {key: torch.from_numpy(np.ascontiguousarray(arrays[key])) for key in arrays if key not in strings}
    save_tensors(path, numbers, to_metadata(strings))


formats.register("safetensors")(Format(read_safetensors, write_safetensors, suffixes=(".safetensors",)))


def to_metadata(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, str]:
    """Arrays as JSON lists, for formats whose metadata are strings."""
    return {key: json.dumps(values.tolist(), ensure_ascii=False) for key, values in arrays.items()}


def from_metadata(metadata: Mapping[str, str]) -> dict[str, np.ndarray[Any, Any]]:
    """The entries of metadata that are JSON lists of one kind; whatever else stands there is not ours.

    Example:
        >>> from_metadata({"ids": '["a", "b"]', "format": "pt"})["ids"].tolist()
        ['a', 'b']
    """
    arrays = {}
    for key, text in metadata.items():
        try:
            values = json.loads(text) if text.startswith("[") else None
            array = np.array(values) if values is not None else np.array(None)
        except ValueError:  # not JSON, or a ragged list
            continue
        if array.dtype.kind in "biufU":
            arrays[key] = array
    return arrays


class Widened:
    """Rows of a type that numpy lacks (bfloat16, 8-bit floats), as float32."""

    dtype = np.dtype(np.float32)

    def __init__(self, tensor: Tensor) -> None:
        self.shape = tuple(tensor.shape)
        self._tensor = tensor

    def __getitem__(self, rows: Any) -> Any:
        return self._tensor[rows].float().numpy()


def _rows(tensor: Tensor) -> Rows:
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        return Widened(tensor)
    return tensor.numpy()
