"""Texts, JSON and tensors in files that are whole or not there, and checksums."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overtone.core.atomic import atomic_path
from overtone.core.errors import InputError
from overtone.core.printable import has_half_characters
from overtone.core.scratch import release
from overtone.core.sources import read_text

if TYPE_CHECKING:  # importing torch takes seconds
    import numpy as np
    import torch

_CHECKED = 64 << 20
"""Bytes of a checksum between which rows of files are given back."""


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | Path, value: object) -> None:
    """Write ``value`` as indented JSON, atomically; NaN and infinities become ``null``."""
    write_text(path, json_text(value, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InputError: The file cannot be read, or does not hold a JSON object.
    """
    try:
        found = json.loads(read_text(path, "JSON"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n")[0]
        raise InputError(f"{path}: not valid JSON ({reason})", fix="it was damaged, or changed by hand") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: must hold a JSON object", got=type(found).__name__)
    return found


def json_text(value: object, indent: int | None = None) -> str:
    """Strict JSON of plain values; NaN and infinities, which JSON has no word for, become ``null``.

    Example:
        >>> json_text({"a": float("nan"), "b": [1, 2.5]})
        '{"a": null, "b": [1, 2.5]}'
    """
    return json.dumps(_plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # a tensor, an array or a number of numpy
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def save_tensors(
    path: str | Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors as safetensors, atomically (never a pickle)."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file(plain_tensors(tensors), str(temporary), metadata=dict(metadata or {}))


def plain_tensors(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies on the CPU that share no memory, as safetensors wants them."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def load_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Read named tensors from a safetensors file.

    Raises:
        InputError: The file is missing, truncated or not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        tensors: dict[str, torch.Tensor] = load_file(str(path))
        return tensors
    except (SafetensorError, OSError, ValueError) as error:
        fix = "rename the file or its folder" if has_half_characters(str(path)) else "write it again"
        raise InputError(f"{path}: not a whole safetensors file ({error})", fix=fix) from None


def read_header(path: str | Path) -> dict[str, Any]:
    """The JSON values in the header of a safetensors file that :func:`load_tensors` reads; other texts are left out."""
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        metadata: dict[str, str] = file.metadata() or {}
    found = {}
    for name, text in metadata.items():
        with suppress(ValueError):
            found[name] = json.loads(text)
    return found


def checksum(*parts: torch.Tensor | np.ndarray[Any, Any]) -> str:
    """SHA-256 (hex) over shapes, dtypes and bytes of tensors or arrays: the identity of a data set.

    A tensor and an array of the same values have the same checksum.

    Example:
        >>> import numpy as np
        >>> checksum(np.zeros(2)) == checksum(np.zeros(2)), checksum(np.zeros(2)) == checksum(np.ones(2))
        (True, False)
    """
    import numpy as np

    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape}torch.{part.dtype}".encode())
            data = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
        else:
            import torch

            tensor = part.detach().cpu().contiguous()
            digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
            data = tensor.reshape(-1).view(torch.uint8).numpy()
        for start in range(0, len(data), _CHECKED):
            digest.update(data[start : start + _CHECKED].data)
            if not isinstance(part, np.ndarray):
                release(part)
    return digest.hexdigest()
