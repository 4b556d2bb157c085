"""Spectrograms on the mel scale, with numpy and scipy alone: they are made in worker processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

_BLOCK = 4096
"""Frames that are transformed at a time: a long sound would need gigabytes otherwise."""


@dataclass(frozen=True)
class MelScale:
    """How a mel spectrogram is made; the defaults are those of VGGish and YAMNet.

    Attributes:
        rate: Samples per second.
        window: Samples of a frame, weighted by a periodic Hann window.
        hop: Samples from one frame to the next.
        bands: Triangular filters, evenly spaced on the mel scale ``2595 · log10(1 + f / 700)``.
        low, high: Hz, the lower end of the first filter and the upper end of the last one.
        power: Exponent of the magnitudes: 1 or 2.
        offset: What is added before the logarithm.

    Source:
        Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017 (the defaults).
    """

    rate: int = 16_000
    window: int = 400
    hop: int = 160
    bands: int = 64
    low: float = 125.0
    high: float = 7500.0
    power: float = 1.0
    offset: float = 1e-3

    @property
    def fft(self) -> int:
        """Points of the transform: the next power of two."""
        return 1 << (self.window - 1).bit_length()


@cache
def mel_filters(scale: MelScale) -> Array:
    """(fft // 2 + 1, bands) weights of the filters, which peak at 1.

    Args:
        scale: The scale.

    Returns:
        The weights.

    Example:
        >>> mel_filters(MelScale()).shape
        (257, 64)
    """
    edges = np.linspace(_to_mel(scale.low), _to_mel(scale.high), scale.bands + 2)
    bins = _to_mel(np.arange(scale.fft // 2 + 1) * scale.rate / scale.fft)
    rising = (bins[:, None] - edges[None, :-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[None, 2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    weights: Array = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return weights


def log_mel(samples: Array, scale: MelScale) -> Array:
    """The logarithm of a mel spectrogram, ``log(|STFT|^power · filters + offset)``.

    Args:
        samples: (n,) of one channel, at the scale's rate; one shorter than a window is filled up with zeros.
        scale: The scale.

    Returns:
        (1 + (n - window) // hop, bands).

    Example:
        >>> log_mel(np.zeros(16_000, np.float32), MelScale()).shape
        (98, 64)
    """
    samples = np.pad(samples.astype(np.float32), (0, max(0, scale.window - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, scale.window)[:: scale.hop]
    weights = np.hanning(scale.window + 1)[:-1].astype(np.float32)
    filters = mel_filters(scale)
    found = np.empty((len(frames), scale.bands), np.float32)
    for start in range(0, len(frames), _BLOCK):
        part = slice(start, start + _BLOCK)
        spectrum: Array = np.abs(scipy.fft.rfft(frames[part] * weights, scale.fft))
        found[part] = np.log(spectrum**scale.power @ filters + scale.offset)
    return found


def _to_mel(hertz: ArrayLike) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Frequencies on the mel scale, on which equal steps sound equal."""
    mel: np.ndarray[Any, np.dtype[np.float64]] = 2595.0 * np.log10(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0)
    return mel
