"""One medium, one row: the parts of a medium that a backbone describes one by one, and the mean over them.

Extraction and queries go through these two functions, so a query is described as the clips were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.media.backbones import Backbone, Prepared

if TYPE_CHECKING:
    from overtone.media.decoding import Frames, Medium, Sound

_BATCH = 256
"""Parts that a backbone describes at a time."""
MOST_WINDOWS = 64
"""Windows of a sound that are described; of a longer one they are spread evenly over it."""


def prepare_parts(backbone: Backbone, medium: Medium, *, steps: int | None = None) -> Prepared:
    """One decoded medium as a backbone's arrays, one a part.

    A backbone of images gets the frames of a video one by one. One of frames gets an image as a video of one frame. A
    sound is one part, unless the backbone takes windows of a fixed length.

    Args:
        backbone: A backbone.
        medium: An RGB image (PIL), frames, a sound or a string.
        steps: Cut a sound, or the frames of a video, into so many parts of equal length: one for each step of a
            sequence; an image is shown at each of them. None for its own.

    Returns:
        (P, ...) arrays, P >= 1; computed without torch, so that it can run in worker processes.

    Raises:
        InputError: The medium is not of the kind that the backbone takes.
    """
    return np.stack([backbone.prepare(part) for part in _cut(backbone, medium, steps)])


def embed_parts(backbone: Backbone, media: Sequence[Prepared], *, sequence: bool = False) -> Tensor:
    """Features of media, each the mean over its parts.

    Args:
        backbone: A backbone.
        media: One (P, ...) array for each of n media, as :func:`prepare_parts` made them.
        sequence: Whether the parts are the steps of a sequence, and no mean is taken.

    Returns:
        (n, d) float32 on the CPU; (n, P, d) of sequences.

    Raises:
        InputError: Sequences differ in their number of steps.
    """
    counts = [len(parts) for parts in media]
    if sequence and len(set(counts)) > 1:
        got = f"{min(counts)} to {max(counts)}"
        raise InputError("sequences need as many steps in every clip", got=got, fix="take a number of frames, no rate")
    stacked = torch.from_numpy(np.concatenate(list(media)))
    rows = torch.cat([backbone.embed(part).float().cpu() for part in torch.split(stacked, _BATCH)])
    if sequence:
        return rows.view(len(media), counts[0], -1)
    return torch.stack([part.mean(dim=0) for part in torch.split(rows, counts)])


def _cut(backbone: Backbone, medium: Medium, steps: int | None) -> Sequence[Medium]:
    """The parts of a medium."""
    from overtone.media.decoding import Frames, Sound

    if isinstance(medium, Sound):
        if steps is not None:
            return _cut_evenly(medium, steps)
        return [medium] if backbone.window is None else _cut_windows(medium, backbone.window)
    if isinstance(medium, Frames) and backbone.takes == "image":
        from PIL import Image

        return [Image.fromarray(pixels) for pixels in medium.pixels]
    if backbone.takes == "frames":
        frames = medium if isinstance(medium, Frames) else Frames(np.asarray(medium)[None], np.zeros(1))
        return [frames] if steps is None else _cut_frames(frames, steps)
    if backbone.takes == "image" and steps is not None:
        return [medium] * steps
    return [medium]


def _cut_frames(frames: Frames, steps: int) -> list[Frames]:
    """Parts of equal length; each has a frame at least, the last ones of few frames the same."""
    from overtone.media.decoding import Frames

    edges = np.linspace(0, len(frames), steps + 1).astype(int).tolist()
    spans = [slice(min(start, len(frames) - 1), max(stop, start + 1)) for start, stop in pairwise(edges)]
    return [Frames(frames.pixels[span], frames.times[span]) for span in spans]


def _cut_evenly(sound: Sound, steps: int) -> list[Sound]:
    """Parts of equal length; each has a sample at least."""
    edges = np.linspace(0, len(sound.samples), steps + 1).astype(int)
    return [_span(sound, int(start), max(int(stop), int(start) + 1)) for start, stop in pairwise(edges)]


def _cut_windows(sound: Sound, seconds: float) -> list[Sound]:
    """Windows that follow each other; what is left over is one if it has half of the length."""
    length = seconds * sound.rate
    count = max(1, math.floor(len(sound.samples) / length + 0.5))
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_WINDOWS)).round().astype(int))
    return [_span(sound, round(number * length), round((number + 1) * length)) for number in chosen]


def _span(sound: Sound, start: int, stop: int) -> Sound:
    from overtone.media.decoding import Sound

    return Sound(sound.samples[start:stop], sound.rate)
