"""What decoded media are, and which files hold which kind."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from overtone.core import InputError

Samples: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ogv", ".flv", ".3gp"})
SOUND_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".au"})
TEXT_SUFFIXES = frozenset({".txt"})
MEDIA_SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES | SOUND_SUFFIXES | TEXT_SUFFIXES
"""Suffixes, in small letters, of the files that are taken for media."""


class BrokenMedium(Exception):
    """A medium that cannot be decoded, or holds nothing; the message is the reason."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of a video, in the order of their times.

    Attributes:
        pixels: (T, height, width, 3) 8-bit RGB, upright.
        times: (T,) seconds from the beginning of the file.
    """

    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    times: np.ndarray[Any, np.dtype[np.float64]]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound of one channel.

    Attributes:
        samples: (n,) float32 in [-1, 1], the mean of all channels.
        rate: Samples per second, those of the file.
    """

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Sampling:
    """Which frames of a video are taken.

    Attributes:
        frames: So many, evenly spaced: the frames in the middle of as many equal parts.
        fps: So many a second instead, from the first frame on; None for ``frames``.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> Sampling(frames=4).wanted_times(0.0, 8.0)
        array([1., 3., 5., 7.])
        >>> Sampling(fps=0.5).wanted_times(0.0, 5.0)
        array([0., 2., 4.])
    """

    frames: int = 8
    fps: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= MOST_FRAMES:
            raise InputError("frames: out of range", got=self.frames, valid=f"1 to {MOST_FRAMES}")
        if self.fps is not None and not 0 < self.fps <= _MOST_FPS:
            raise InputError("fps: out of range", got=self.fps, valid=f"above 0, at most {_MOST_FPS:g}")

    def wanted_times(self, start: float, stop: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Times of the frames to take between two times, in seconds."""
        if self.fps is None:
            return start + (np.arange(self.frames) + 0.5) * (stop - start) / self.frames
        return start + np.arange(max(1, int(np.ceil((stop - start) * self.fps - 1e-9)))) / self.fps

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Sampling:
        """What :meth:`to_dict` gave."""
        return cls(**{name: stored[name] for name in ("frames", "fps") if name in stored})


MOST_FRAMES = 4096
"""Frames of one clip that are kept in memory."""
_MOST_FPS = 240.0


def modality_of(path: Path) -> str | None:
    """``"visual"``, ``"audio"`` or ``"text"``, by the suffix of a file; None for other files.

    A video is ``"visual"``; its sound is found where it is decoded.

    Example:
        >>> modality_of(Path("a.PNG")), modality_of(Path("a.mp3")), modality_of(Path("a.zip"))
        ('visual', 'audio', None)
    """
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
        return "visual"
    if suffix in SOUND_SUFFIXES:
        return "audio"
    return "text" if suffix in TEXT_SUFFIXES else None


def is_video(path: Path) -> bool:
    """Whether a file is one of the videos, by its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def check_file(path: Path) -> Path:
    """A path to a file; a pipe or a device would be waited for, or read without an end.

    Raises:
        BrokenMedium: It is none, or is empty.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise BrokenMedium("not a file (but a folder, device, pipe or socket)")
    if not found.st_size:
        raise BrokenMedium("empty")
    return path


def missing_package_error(package: str, purpose: str) -> InputError:
    """The error for a package of the extra that is not installed."""
    fix = "install it: pip install 'overtone[media]'"
    return InputError(f"{package} is needed {purpose} and is not installed", fix=fix)
