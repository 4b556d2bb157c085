"""``npz``: images in one npz, as pixels or as JPEG bytes one after the other."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Array
from overtone.features.formats.npz import read_npz
from overtone.media.catalogue import IMAGE, UNLABELLED, Catalogue, number_classes
from overtone.media.layouts import Layout, layouts
from overtone.media.layouts.folder import SPLITS

_PIXELS = ("images", "image", "x", "X")
LABELS = ("y", "labels", "label")


def _matches(path: Path) -> bool:
    """Whether it is an npz with bytes of images, or with 8-bit pixels."""
    if path.suffix != ".npz" or not zipfile.is_zipfile(path):
        return False
    arrays = read_npz(path).arrays
    return "jpeg" in arrays or _pixels(arrays) is not None


def _read(source: Path) -> Catalogue:
    """The catalogue; an uncompressed file stays memory-mapped, a compressed one is read whole."""
    arrays = read_npz(source).arrays
    rows, image = _encoded(arrays) if "jpeg" in arrays else _plain(arrays)
    labels, names = _labels(arrays)
    return Catalogue(
        source,
        "npz",
        arrays["ids"].text() if "ids" in arrays else tuple(map(str, range(rows))),
        {IMAGE: image},
        labels=labels,
        class_names=names,
        splits=_splits(arrays),
        files={IMAGE: arrays["media_image"].text()} if "media_image" in arrays else {},
    )


def _encoded(arrays: dict[str, Array]) -> tuple[int, Any]:
    """``jpeg``: all bytes; ``offset``: (N + 1,) where each image begins, and the end."""
    data = arrays["jpeg"].read()
    if "offset" not in arrays:
        what = f"{arrays['jpeg'].where}: without 'offset' it is unknown where an image begins"
        raise InputError(what, valid="(N + 1,) numbers")
    offset = arrays["offset"].read().astype(np.int64)
    if (np.diff(offset) < 0).any() or offset[0] < 0 or offset[-1] > len(data):
        got, valid = f"{offset[0]} to {offset[-1]}", f"rising, 0 to {len(data)}"
        raise InputError(f"{arrays['offset'].where}: does not fit 'jpeg'", got=got, valid=valid)
    return len(offset) - 1, lambda row: data[offset[row] : offset[row + 1]].tobytes()


def _plain(arrays: dict[str, Array]) -> tuple[int, Any]:
    """(N, H, W) or (N, H, W, 1 or 3) pixels."""
    array = _pixels(arrays)
    assert array is not None
    pixels = array.read()
    pixels = pixels[..., 0] if pixels.shape[3:] == (1,) else pixels
    return len(pixels), lambda row: np.ascontiguousarray(pixels[row])


def _pixels(arrays: dict[str, Array]) -> Array | None:
    """(N, H, W) or (N, H, W, 1 or 3) 8-bit values."""
    for key in _PIXELS:
        array = arrays.get(key)
        if array is not None and array.dtype == np.uint8 and (len(array.shape) == 3 or array.shape[3:] in ((1,), (3,))):
            return array
    return None


def _labels(arrays: dict[str, Array]) -> tuple[np.ndarray[Any, Any] | None, tuple[str, ...]]:
    array = next((arrays[key] for key in LABELS if key in arrays), None)
    names = arrays["class_names"].text() if "class_names" in arrays else ()
    if array is None:
        return None, ()
    if array.textual:
        return number_classes(array.text(), names or None)
    if array.dtype.kind not in "iu" or len(array.shape) != 1:
        raise InputError(f"{array.where}: not class numbers", got=str(array), valid="(N,) whole numbers or names")
    numbers = array.read().astype(np.int64)
    return numbers, names or tuple(map(str, range(max(int(numbers.max(initial=UNLABELLED)) + 1, 1))))


def _splits(arrays: dict[str, Array]) -> tuple[str, ...]:
    if "split" in arrays:
        return tuple(SPLITS.get(name.lower(), "") for name in arrays["split"].text())
    if "is_test" in arrays:
        return tuple("test" if flag else "train" for flag in arrays["is_test"].read().ravel().tolist())
    return ()


layouts.register("npz")(Layout(_read, _matches, "an .npz with 'jpeg' and 'offset', or 8-bit 'images'"))
