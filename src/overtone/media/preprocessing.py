"""The input of an image model as its ``preprocessor_config.json`` says: resize, crop, scale, normalise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core import InputError
from overtone.core.files import read_json
from overtone.media.decoding.images import MOST_PIXELS, Image, Pixels
from overtone.media.decoding.kinds import BrokenMedium

BICUBIC = 3
_FILTERS = 5
"""The highest number of a filter of PIL."""
_LARGEST = 4096
"""Pixels on a side of a model's input."""


@dataclass(frozen=True)
class Preprocessing:
    """From a decoded image to the pixels of the one size, and what becomes of them: (x · scale − mean) / std."""

    resize: tuple[int, int] | int | None = (224, 224)
    """(height, width) to stretch to, or the length of the shorter side alone, or None."""
    crop: tuple[int, int] | None = None
    """(height, width) cut from the middle, padded with black where the image is smaller; None for none."""
    resample: int = BICUBIC
    """PIL's number of the filter."""
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __call__(self, image: Image) -> Pixels:
        """One RGB image (PIL) as (height, width, 3) 8-bit pixels."""
        if self.resize is not None:
            width, height = self._size(*image.size)
            if width * height > MOST_PIXELS:
                raise BrokenMedium(f"it is far from square: {image.width:,} × {image.height:,} pixels")
            image = image.resize((width, height), self.resample)
        if self.crop is not None:
            height, width = self.crop
            left, top = (image.width - width) // 2, (image.height - height) // 2
            image = image.crop((left, top, left + width, top + height))
        return np.asarray(image)

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) after resizing."""
        if isinstance(self.resize, tuple):
            return self.resize[1], self.resize[0]
        assert self.resize is not None
        short, long = sorted((width, height))
        other = max(1, int(self.resize * long / short))
        return (self.resize, other) if width <= height else (other, self.resize)


def read_preprocessing(file: Callable[[str], Path | None], model: str) -> Preprocessing:
    """Read the preprocessing of a stored model; ``file`` gives the path of one of its files, or None."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = file(name)
        config: Any = {} if path is None else read_json(path)
        config = config.get("image_processor") if name == "processor_config.json" else config
        if config:
            try:
                return from_config(config, f"{model}/{name}")
            except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
                if isinstance(error, InputError):
                    raise
                what = f"{model}/{name}: not the settings of an image processor ({error})"
                raise InputError(what, fix="save the image processor beside the model (save_pretrained)") from None
    what = f"{model}: no preprocessor_config.json, so the images it expects are unknown"
    raise InputError(what, fix="save the image processor beside the model (save_pretrained)")


def from_config(config: Mapping[str, Any], where: str) -> Preprocessing:
    """The preprocessing that a configuration describes; refused if images would keep several sizes."""
    crops = bool(config.get("do_center_crop", False))
    # A bare number is the shorter side where the rest is cut off, and a square where nothing is.
    resize = _extent(config.get("size"), where, square=not crops) if config.get("do_resize", True) else None
    crop = _extent(config.get("crop_size") or config.get("size"), where, square=True) if crops else None
    crop = (crop, crop) if isinstance(crop, int) else crop
    if crop is None and not isinstance(resize, tuple):
        got = f"size {config.get('size')}"
        raise InputError(f"{where}: images would keep several sizes", got=got, fix="give height and width")
    normalised = config.get("do_normalize", True)
    if normalised and not (config.get("image_mean") and config.get("image_std")):
        raise InputError(f"{where}: images are normalised, but mean or deviation is missing")
    resample = int(config.get("resample", BICUBIC))
    if not 0 <= resample <= _FILTERS:
        raise InputError(f"{where}: no such filter", got=resample, valid=f"0 to {_FILTERS}")
    return Preprocessing(
        resize,
        crop,
        resample,
        float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0,
        tuple(config["image_mean"]) if normalised else (0.0,) * 3,
        tuple(config["image_std"]) if normalised else (1.0,) * 3,
    )


def _extent(size: object, where: str, *, square: bool) -> tuple[int, int] | int:
    """(height, width), or the length of the shorter side; none is larger than any model takes."""
    found = _read_extent(size, where, square=square)
    if not all(1 <= side <= _LARGEST for side in (found if isinstance(found, tuple) else (found,))):
        raise InputError(f"{where}: a size that no model takes", got=size, valid=f"1 to {_LARGEST}")
    return found


def _read_extent(size: object, where: str, *, square: bool) -> tuple[int, int] | int:
    if isinstance(size, int):
        return (size, size) if square else size
    if isinstance(size, Mapping) and {"height", "width"} <= size.keys():
        return int(size["height"]), int(size["width"])
    if isinstance(size, Mapping) and set(size) == {"shortest_edge"}:
        return int(size["shortest_edge"])
    raise InputError(f"{where}: a size in an unknown form", got=size, valid="height and width, or shortest_edge")
