"""``log-mel``: how loud each band is, and how fast it changes; no weights, so the same numbers everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.fft
from pydantic import Field
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.media.backbones import Backbone, Prepared, Takes, backbones
from overtone.media.spectrograms import Array, MelScale, log_mel

if TYPE_CHECKING:
    from overtone.media.decoding import Sound

_EDGES = (0.5, 1.5, 3.0, 6.0, 12.0, 25.0, 50.0)
"""Hz: borders of the bands of the modulation spectrum."""
_SPAN = 128
"""Frames, 1.28 s, over which changes are measured; each span overlaps half of the one before."""


class LogMelSettings(Settings):
    """What is described."""

    bands: int = Field(default=64, ge=4, le=256)
    """Bands of the mel spectrogram, from 125 to 7500 Hz, in frames of 25 ms every 10 ms at 16 kHz."""
    groups: int = Field(default=16, ge=1)
    """Groups of neighbouring bands whose modulation spectrum is taken; must divide the number of bands."""


@backbones.register("log-mel")
class LogMel(Backbone):
    """Statistics of a log-mel spectrogram, and its modulation spectrum.

    With b bands and g groups there are 2b + 6g numbers, 224 by default: the mean and the standard deviation of each
    band over time, then for each group how strongly it changes at 0.5–1.5, 1.5–3, 3–6, 6–12, 12–25 and 25–50 Hz. A
    description of how something sounds, of any length; of what is said or played next to nothing.

    Source:
        Hershey et al., ICASSP 2017 (the spectrogram); Atlas and Shamma, "Joint acoustic and modulation frequency",
        EURASIP Journal on Advances in Signal Processing, 2003 (the modulation spectrum).
    """

    name: ClassVar[str] = "log-mel"
    settings_type: ClassVar[type[Settings]] = LogMelSettings
    kinds: ClassVar[tuple[Takes, ...]] = ("sound",)
    settings: LogMelSettings

    def open(self, wanted: tuple[Takes, ...]) -> Takes:
        """Check that the groups are of one size, and prepare the scale."""
        if self.settings.bands % self.settings.groups:
            got = f"{self.settings.bands} bands, {self.settings.groups} groups"
            raise InputError("log-mel: the groups of bands are not of one size", got=got, fix="take 64 and 16")
        self.scale = MelScale(bands=self.settings.bands)
        return super().open(wanted)

    def prepare(self, medium: Sound) -> Prepared:
        """The description itself, (2b + 6g,) float32: it is small, and the sound is not."""
        from overtone.media.decoding import resample

        found = log_mel(resample(medium, self.scale.rate).samples, self.scale)
        groups = found.reshape(len(found), self.settings.groups, -1).mean(axis=2)
        parts = (found.mean(axis=0), found.std(axis=0), modulations(groups, self.scale.rate / self.scale.hop).ravel())
        return np.concatenate(parts).astype(np.float32)

    def embed(self, batch: Tensor) -> Tensor:
        """(n, 2b + 6g) descriptions as they are."""
        return batch.float()


def modulations(bands: Array, rate: float) -> Array:
    """How strongly bands change, by how fast: the logarithm of mean magnitudes ``log(1 + mean |FFT|)``.

    Spans of 128 frames, which overlap by half, lose their mean, are weighted by a Hann window and transformed; the
    magnitudes are averaged over spans and over the frequencies of each of six bands of change.

    Args:
        bands: (T, g) values over time; the last one is repeated where there are less than 128.
        rate: Values per second.

    Returns:
        (g, 6).

    Example:
        >>> steps = np.arange(1000) / 100
        >>> wave = np.sin(2 * np.pi * 4 * steps)[:, None].astype(np.float32)  # four times a second
        >>> int(modulations(wave, 100).argmax())
        2
    """
    bands = np.pad(bands, ((0, max(0, _SPAN - len(bands))), (0, 0)), mode="edge")
    spans: np.ndarray[Any, Any] = np.lib.stride_tricks.sliding_window_view(bands, _SPAN, axis=0)[:: _SPAN // 2]
    weights = np.hanning(_SPAN + 1)[:-1].astype(np.float32)
    magnitudes = np.abs(scipy.fft.rfft((spans - spans.mean(axis=2, keepdims=True)) * weights)).mean(axis=0)
    band_of = np.digitize(np.arange(_SPAN // 2 + 1) * rate / _SPAN, _EDGES)
    means = [magnitudes[:, band_of == number].mean(axis=1) for number in range(1, len(_EDGES))]
    found: Array = np.log1p(np.stack(means, axis=1)).astype(np.float32)
    return found
