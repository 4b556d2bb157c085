"""Clips made with PyAV whose truth is known: a colour on the screen and a tone in the sound."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 16_000
FPS = 10

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220), "yellow": (220, 210, 30)}
TONES = {"red": 300.0, "green": 700.0, "blue": 1500.0, "yellow": 3200.0}
"""The tone of each colour, in Hz."""


def tone(hertz: float, seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray[Any, Any]:
    """(n,) float32: a tone that pulses a little, with some noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pulse = 1 + 0.3 * np.sin(2 * np.pi * rng.uniform(1, 3) * time)
    return (0.25 * pulse * np.sin(2 * np.pi * hertz * time) + rng.normal(0, 0.01, len(time))).astype(np.float32)


def frames(
    colour: tuple[int, int, int], seconds: float, seed: int = 0, fps: int = FPS
) -> Iterator[np.ndarray[Any, Any]]:
    """(48, 64, 3) frames: a colour with noise, and a bright square that moves."""
    rng = np.random.default_rng(seed)
    for number in range(round(seconds * fps)):
        pixels = np.clip(np.array(colour) + rng.integers(-12, 13, (48, 64, 3)), 0, 255).astype(np.uint8)
        at = (4 * number + seed) % 48
        pixels[16:28, at : at + 12] = 240
        yield pixels


def write_clip(
    path: Path,
    *,
    seconds: float = 2.0,
    colour: tuple[int, int, int] | None = COLOURS["red"],
    hertz: float | None = 440.0,
    seed: int = 0,
    video: str = "mpeg4",
    sound: str = "aac",
    fps: int = FPS,
) -> Path:
    """Write a video with sound; without a colour there is no video, without a tone no sound; 0 Hz is silence."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        screen: Any = container.add_stream(video, rate=fps) if colour is not None else None
        speaker: Any = container.add_stream(sound, rate=RATE, layout="mono") if hertz is not None else None
        if colour is not None:
            screen.width, screen.height, screen.pix_fmt = 64, 48, "yuv420p"
            still = [np.zeros((48, 64, 3), np.uint8)] * round(seconds * fps) if colour == (0, 0, 0) else None
            for pixels in still or frames(colour, seconds, seed, fps):
                container.mux(screen.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(screen.encode())
        if hertz is not None:
            samples = tone(hertz, seconds, seed) if hertz else np.zeros(round(seconds * RATE), np.float32)
            for start in range(0, len(samples), 1024):
                frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
                container.mux(speaker.encode(frame))
            container.mux(speaker.encode())
    return path
