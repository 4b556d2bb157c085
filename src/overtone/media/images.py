"""One image: from whatever a layout gives to upright 8-bit colour pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from overtone.core import InputError

if TYPE_CHECKING:
    import PIL.Image

Pixels: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
"""(height, width) or (height, width, 3) 8-bit values."""

Image: TypeAlias = "PIL.Image.Image"
"""A decoded image; Pillow is imported on first use."""

Raw: TypeAlias = Path | bytes | Pixels
"""An image before it is decoded: a file, the bytes of one, or pixels."""


class BrokenImage(Exception):
    """An image that cannot be decoded; the message is the reason."""


def decode(raw: Raw) -> Image:
    """An upright RGB image; BrokenImage where it is no image, or not a whole one.

    Orientation tags are obeyed, transparency is dropped, palettes and grey values become colours, of 16-bit grey values
    the upper 8 bits are kept.
    """
    pil, ops = _pillow()
    try:
        if isinstance(raw, np.ndarray):
            return pil.fromarray(raw).convert("RGB")
        with pil.open(io.BytesIO(raw) if isinstance(raw, bytes) else raw) as image:
            image.load()
            if image.mode.startswith("I;16"):
                return pil.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
            if image.mode in ("I", "F"):
                raise BrokenImage(f"its values have 32 bits (mode {image.mode}), so black and white are unknown")
            return ops.exif_transpose(image).convert("RGB")
    except BrokenImage:
        raise
    except Exception as error:  # the decoders raise whatever they like: OSError, SyntaxError, struct.error, ...
        reason = str(error).split("\n")[0] or type(error).__name__
        raise BrokenImage("not an image" if "cannot identify" in reason else reason) from None


def resize_square(image: Image, side: int) -> Pixels:
    """The whole RGB image (PIL) as (side, side, 3) pixels; what is not square is stretched."""
    pil, _ = _pillow()
    resized = image if image.size == (side, side) else image.resize((side, side), pil.Resampling.BICUBIC)
    return np.asarray(resized)


def _pillow() -> tuple[Any, Any]:
    try:
        from PIL import Image as pil
        from PIL import ImageOps
    except ImportError:
        raise missing_package_error("Pillow", "to decode images") from None
    return pil, ImageOps


def missing_package_error(package: str, purpose: str) -> InputError:
    """The error for a package of the extra that is not installed."""
    fix = "install it: pip install 'overtone[media]'"
    return InputError(f"{package} is needed {purpose} and is not installed", fix=fix)
