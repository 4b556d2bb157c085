"""One image: from whatever a layout gives to upright 8-bit colour pixels."""

from __future__ import annotations

import contextlib
import io
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from overtone.media.decoding.kinds import BrokenMedium, check_file, missing_package_error

if TYPE_CHECKING:
    import PIL.Image

Pixels: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
"""(height, width) or (height, width, 3) 8-bit values."""

Image: TypeAlias = "PIL.Image.Image"
"""A decoded image; Pillow is imported on first use."""

Raw: TypeAlias = Path | bytes | Pixels
"""An image before it is decoded: a file, the bytes of one, or pixels."""


FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""What Pillow may open. It knows dozens of formats more, whatever a file is called, and starts Ghostscript for one."""

MOST_PIXELS = 1 << 27
"""Of one image: 134 million, half a gigabyte when decoded."""

_LARGE = 1 << 23
"""Pixels from which images are decoded one at a time, whatever the number of threads."""
_one_at_a_time = threading.Lock()

_LEAST_BYTES = {"JPEG": 1 / 2000, "MPO": 1 / 2000, "PNG": 1 / 9000, "BMP": 1 / 600, "PPM": 1 / 9}
"""Bytes that a pixel takes at least in a format; a file with less has not all the pixels that it declares."""


def decode(raw: Raw) -> Image:
    """An upright RGB image; BrokenMedium where it is no image, or not a whole one.

    Orientation tags are obeyed, transparent places become white, palettes and grey values become colours, of 16-bit
    grey values the upper 8 bits are kept.
    """
    pil, ops = _pillow()
    try:
        if isinstance(raw, np.ndarray):
            return pil.fromarray(raw).convert("RGB")
        with pil.open(io.BytesIO(raw) if isinstance(raw, bytes) else check_file(raw), formats=FORMATS) as image:
            pixels, size = image.width * image.height, len(raw) if isinstance(raw, bytes) else raw.stat().st_size
            _check_size(image, pixels, size)
            with _one_at_a_time if pixels > _LARGE else contextlib.nullcontext():
                return _upright(pil, ops, image)
    except BrokenMedium:
        raise
    except MemoryError:
        raise BrokenMedium("there is not enough memory for it") from None
    except Exception as error:  # the decoders raise whatever they like: OSError, SyntaxError, struct.error, ...
        reason = str(error).split("\n")[0] or type(error).__name__
        raise BrokenMedium("not an image" if "cannot identify" in reason else reason) from None


def _check_size(image: Image, pixels: int, size: int) -> None:
    """Refuse an image by its header, before anything is allocated for its pixels."""
    shape = f"{image.width:,} × {image.height:,} pixels"
    if pixels > MOST_PIXELS:
        raise BrokenMedium(f"it has {shape}, and more than {MOST_PIXELS:,} are not decoded")
    if pixels * _LEAST_BYTES.get(image.format or "", 0) > size:
        raise BrokenMedium(f"it declares {shape} in {size:,} bytes: truncated")


def _upright(pil: ModuleType, ops: ModuleType, image: Image) -> Image:
    """The pixels of an image whose size is known, as :func:`decode` gives them."""
    image.load()
    if image.mode.startswith("I;16"):
        return pil.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise BrokenMedium(f"its values have 32 bits (mode {image.mode}), so black and white are unknown")
    image = ops.exif_transpose(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")  # what lies behind transparent places is arbitrary, and black more often than not
    return pil.alpha_composite(pil.new("RGBA", seen.size, "white"), seen).convert("RGB")


def resize_square(image: Image, side: int) -> Pixels:
    """The whole RGB image (PIL) as (side, side, 3) pixels; what is not square is stretched."""
    pil, _ = _pillow()
    resized = image if image.size == (side, side) else image.resize((side, side), pil.Resampling.BICUBIC)
    return np.asarray(resized)


def _pillow() -> tuple[ModuleType, ModuleType]:
    try:
        from PIL import Image as pil
        from PIL import ImageOps
    except ImportError:
        raise missing_package_error("Pillow", "to decode images") from None
    return pil, ImageOps
