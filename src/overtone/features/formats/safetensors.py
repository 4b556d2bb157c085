"""``.safetensors``: memory-mapped tensors; strings, for which it has no place, are JSON lists in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core.atomic import atomic_path
from overtone.features.arrays import LazyRows, RowIndex, Rows, Table, Values
from overtone.features.formats import Format, formats, report_damage
from overtone.features.formats.npz import map_array

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "?"}
_DTYPES |= {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)}
"""Types of the format that numpy can map; BF16 are the upper halves of float32."""


def _read_safetensors(path: Path) -> Table:
    """Open a safetensors file; its tensors stay on disk until they are read."""
    from safetensors import SafetensorError, safe_open

    with report_damage(path, "a safetensors file", also=(SafetensorError,)):
        with safe_open(str(path), framework="np") as file:  # checks the header
            metadata = file.metadata() or {}
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header: dict[str, dict[str, Any]] = json.loads(stream.read(size))
        found = {key: _map_rows(path, 8 + size, key, entry) for key, entry in header.items() if key != "__metadata__"}
        found |= from_metadata(metadata)
    return Table.of(path, "safetensors", found)


def _write_safetensors(path: Path, arrays: Mapping[str, Values]) -> None:
    """Write numbers as tensors and strings as metadata."""
    from safetensors.numpy import save_file

    strings = {key: values for key, values in arrays.items() if values.dtype.kind == "U"}
    numbers = {key: np.ascontiguousarray(arrays[key]) for key in arrays if key not in strings}
    with atomic_path(path) as temporary:
        save_file(numbers, str(temporary), metadata=to_metadata(strings))


formats.register("safetensors")(Format(_read_safetensors, _write_safetensors, suffixes=(".safetensors",)))


def to_metadata(arrays: Mapping[str, Values]) -> dict[str, str]:
    """Arrays as JSON lists, for formats whose metadata are strings."""
    return {key: json.dumps(values.tolist(), ensure_ascii=False) for key, values in arrays.items()}


def from_metadata(metadata: Mapping[str, str]) -> dict[str, Rows]:
    """The entries of metadata that are JSON lists of one kind; everything else is not Overtone's.

    Example:
        >>> from_metadata({"ids": '["a", "b"]', "format": "pt"})["ids"][:].tolist()
        ['a', 'b']
    """
    arrays: dict[str, Rows] = {}
    for key, text in metadata.items():
        try:
            values = json.loads(text) if text.startswith("[") else None
            array = np.array(values) if values is not None else np.array(None)
        except ValueError:  # not JSON, or a ragged list
            continue
        if array.dtype.kind in "biufU":
            arrays[key] = array
    return arrays


def _map_rows(path: Path, start: int, key: str, entry: Mapping[str, Any]) -> Rows:
    """The rows of a tensor; those of types that numpy lacks (bfloat16, 8-bit floats) are read as float32."""
    shape, kind, float32 = tuple(entry["shape"]), entry["dtype"], np.dtype(np.float32)
    if kind not in _DTYPES:
        return LazyRows(shape, float32, lambda rows: _read_by_torch(path, key, rows))
    mapped = map_array(path, start + entry["data_offsets"][0], shape, np.dtype(_DTYPES[kind]))
    if kind != "BF16":
        return mapped
    return LazyRows(shape, float32, lambda rows: (np.asarray(mapped[rows]).astype(np.uint32) << 16).view(float32))


def _read_by_torch(path: Path, key: str, rows: RowIndex) -> Values:
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        values: Values = file.get_tensor(key)[rows].float().numpy()
        return values
