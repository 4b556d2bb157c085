"""From a file to what a backbone takes: an image, frames, a sound or a text."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np

from overtone.core import InputError
from overtone.core.sources import read_text
from overtone.media.decoding.images import Image, decode
from overtone.media.decoding.kinds import BrokenMedium, Frames, Sampling, Sound, is_video
from overtone.media.decoding.sound import decode_sound, resample
from overtone.media.decoding.video import decode_frames

Medium: TypeAlias = "Image | Frames | Sound | str"
"""A decoded medium."""

BLACK, SILENT = 16, 1e-3
"""The brightest value of 255 that is still black, and the highest amplitude of 1 that is still silence (-60 dB)."""


def decode_medium(
    path: Path,
    takes: str,
    sampling: Sampling | None = None,
    start: float | None = None,
    stop: float | None = None,
) -> Medium:
    """Decode a file to what a backbone takes.

    Args:
        path: The file.
        takes: ``"image"`` (an image; of a video its frames), ``"frames"`` (also of an image, which is one frame),
            ``"sound"`` or ``"text"``.
        sampling: Which frames of a video.
        start, stop: Seconds between which a video or a sound is taken; None for its begin and end.

    Returns:
        An RGB image of PIL, :class:`Frames`, :class:`Sound` or a text.

    Raises:
        BrokenMedium: It cannot be decoded; the message is the reason.
        InputError: A package that is needed is not installed.
    """
    try:
        if takes == "sound":
            return decode_sound(path, start, stop)
        if takes == "text":
            return _decode_text(path)
        if is_video(path):
            return decode_frames(path, sampling, start, stop)
        image = decode(path)
    except OSError as error:
        raise BrokenMedium(error.strerror or str(error)) from None
    return Frames(np.asarray(image)[None], np.zeros(1)) if takes == "frames" else image


def find_blank(medium: Medium) -> str | None:
    """Why there is nothing in a medium (``"black"``, ``"silent"``, ``"without words"``); None where there is."""
    if isinstance(medium, Sound):
        return "silent" if float(np.abs(medium.samples).max(initial=0.0)) <= SILENT else None
    if isinstance(medium, str):
        return None if medium.strip() else "without words"
    pixels = medium.pixels if isinstance(medium, Frames) else np.asarray(medium)
    return "black" if int(pixels.max(initial=0)) <= BLACK else None


def _decode_text(path: Path) -> str:
    try:
        return read_text(path)
    except InputError as error:
        raise BrokenMedium(str(error).removeprefix(f"{path}: ")) from None


__all__ = [
    "BrokenMedium",
    "Frames",
    "Medium",
    "Sampling",
    "Sound",
    "decode_frames",
    "decode_medium",
    "decode_sound",
    "find_blank",
    "resample",
]
