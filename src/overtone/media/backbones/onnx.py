"""``onnx:FILE``: any exported network for images or sounds; its input is read from the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.media.backbones import Backbone, Prepared, Takes, backbones
from overtone.media.onnx_files import OnnxFile, Slot
from overtone.media.preprocessing import Preprocessing
from overtone.media.spectrograms import MelScale, log_mel

if TYPE_CHECKING:
    from overtone.media.decoding import Sound
    from overtone.media.decoding.images import Image

_LONGEST = 60.0


class OnnxSettings(Settings):
    """The file, what its input means where the file does not say it, and which output to take."""

    file: str = ""
    """The exported network (.onnx)."""
    input: Literal["auto", "image", "waveform", "log-mel"] = "auto"
    """What it takes; auto goes by the shape: an axis of 3 channels means an image, one or two axes a waveform, more a
    log-mel spectrogram."""
    output: str = ""
    """Name of the output that becomes the features; by default the first one. Over axes of tokens, places or time the
    mean is taken."""
    side: int = Field(default=224, ge=8, le=4096)
    """Images: height and width in pixels, where the file leaves them open."""
    crop: bool = True
    """Images: cut the middle square out; else the whole image is stretched."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Images: subtracted from red, green and blue in 0..1 (by default ImageNet's); not where it takes 8-bit values."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Images: what red, green and blue are divided by afterwards."""
    rate: int = Field(default=16_000, ge=1000, le=192_000)
    """Sounds: samples per second."""
    window: float = Field(default=10.0, gt=0, le=_LONGEST)
    """Sounds: seconds that it takes at a time, where the file leaves them open; longer sounds are cut into windows."""
    low: float = Field(default=125.0, ge=0)
    """Log-mel: Hz, the lower end of the first band."""
    high: float = Field(default=7500.0, gt=0)
    """Log-mel: Hz, the upper end of the last band."""
    power: float = Field(default=1.0, gt=0)
    """Log-mel: exponent of the magnitudes, 1 or 2."""
    offset: float = Field(default=1e-3, gt=0)
    """Log-mel: added before the logarithm. Frames are 25 ms long, one every 10 ms, as YAMNet and VGGish have them."""


@backbones.register("onnx")
class Onnx(Backbone):
    """A network in the ONNX format, run by onnxruntime; it brings no code of its own, unlike TorchScript.

    What the file does not say can be stored in its metadata under ``overtone.NAME``, for any setting NAME; what is set
    by hand goes first.
    """

    name: ClassVar[str] = "onnx"
    settings_type: ClassVar[type[Settings]] = OnnxSettings
    argument: ClassVar[str] = "file"
    kinds: ClassVar[tuple[Takes, ...]] = ("image", "sound")
    settings: OnnxSettings

    def open(self, wanted: tuple[Takes, ...]) -> Takes:
        """Open the network, and read what its input is."""
        if not self.settings.file:
            raise InputError("backbone onnx: which file?", fix="name it: onnx:FILE")
        self.file = OnnxFile(self.settings.file, self.device)
        self.settings = settings = self.file.completed(self.settings)
        self.slot = self.file.input
        self.form = _find_form(self.slot, settings, wanted)
        self.output = self.file.find_output(settings.output)
        self.scale = MelScale()
        if self.form == "image":
            self.channels_last, side = _read_image_axes(self.slot, settings)
            square = (side, side)
            self.fitting = Preprocessing(side, square) if settings.crop else Preprocessing(square)
        else:
            self._read_sound_axes()
        return super().open(("image",) if self.form == "image" else ("sound",))

    def prepare(self, medium: Image | Sound) -> Prepared:
        """An image as (side, side, 3) 8-bit pixels, a sound as its samples or as a log-mel spectrogram."""
        from overtone.media.decoding import Sound, resample

        if not isinstance(medium, Sound):
            return self.fitting(medium)
        samples = resample(medium, self.settings.rate).samples[: self.samples]
        samples = np.pad(samples, (0, self.samples - len(samples)))
        if self.form == "waveform":
            return samples
        found = log_mel(samples, self.scale)[: self.frames]
        return np.ascontiguousarray(found.T) if self.bands_first else found

    def embed(self, batch: Tensor) -> Tensor:
        """(n, ...) prepared media to (n, d) features."""
        values = self._normalised(batch.numpy()) if self.form == "image" else batch.numpy()
        if self.form == "log-mel" and len(self.slot.shape) == 4:
            values = values[:, None]  # one channel
        return torch.from_numpy(self.file.run(values.astype(self.slot.dtype), self.output))

    def preprocessing(self) -> dict[str, Any]:
        """The form, name and shape of the input, and the output."""
        return {"form": self.form, "input": [self.slot.name, *self.slot.shape], "output": self.output}

    def checksum(self) -> str:
        """SHA-256 of the file, and of the files of weights beside it that it names."""
        return self.file.checksum()

    def _normalised(self, pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """(n, side, side, 3) pixels as the network takes them."""
        if self.slot.dtype != np.uint8:
            mean, std = (np.array(values, np.float32) for values in (self.settings.mean, self.settings.std))
            pixels = (pixels.astype(np.float32) / 255 - mean) / std
        return pixels if self.channels_last else pixels.transpose(0, 3, 1, 2)

    def _read_sound_axes(self) -> None:
        """Samples of a window, and for log-mel frames, bands and their order."""
        settings, shape = self.settings, self.slot.shape
        if self.form == "waveform":
            self.samples = shape[-1] or round(settings.window * settings.rate)
            self.window = self.samples / settings.rate
            return
        frame, hop = round(0.025 * settings.rate), round(0.010 * settings.rate)
        first, second = shape[-2], shape[-1]
        self.bands_first = bool(first) and (not second or first < second)  # spectrograms are longer than high
        bands, frames = (first, second) if self.bands_first else (second, first)
        if not bands:
            what = f"{settings.file}: the number of mel bands is open"
            raise InputError(what, got=f"shape {self.slot.shown}", fix="export it with a fixed number of bands")
        self.frames = frames or round(settings.window * settings.rate / hop)
        self.samples = (self.frames - 1) * hop + frame
        self.window = self.samples / settings.rate
        self.scale = MelScale(
            settings.rate, frame, hop, bands, settings.low, settings.high, settings.power, settings.offset
        )


def _find_form(slot: Slot, settings: OnnxSettings, wanted: tuple[Takes, ...]) -> str:
    """What the input is, by its shape or as it was set; InputError where it is nothing that is wanted."""
    channels = len(slot.shape) == 4 and 3 in (slot.shape[1], slot.shape[3])
    found: str = settings.input
    if found == "auto":
        found = "image" if channels else "waveform" if len(slot.shape) <= 2 else "log-mel"
    if slot.dtype == np.uint8 and found != "image":
        raise InputError(f"{settings.file}: takes sounds as whole numbers", got="uint8", valid="floating point")
    fits = {"image": channels, "waveform": len(slot.shape) in (1, 2), "log-mel": len(slot.shape) in (3, 4)}[found]
    kind: Takes = "image" if found == "image" else "sound"
    if not fits or kind not in wanted:
        what = f"{settings.file}: its input {slot.name!r} of shape {slot.shown} is not for {' or '.join(wanted)}"
        raise InputError(what if fits else f"{what} (as {found})", valid=_FORMS)
    return found


_FORMS = (
    "(n, 3, height, width) or (n, height, width, 3); (samples) or (n, samples); (n, frames, bands) or with 1 channel"
)


def _read_image_axes(slot: Slot, settings: OnnxSettings) -> tuple[bool, int]:
    """Whether channels come last, and the side."""
    last = slot.shape[1] != 3
    height, width = (slot.shape[1], slot.shape[2]) if last else (slot.shape[2], slot.shape[3])
    if height and width and height != width:
        raise InputError(f"{settings.file}: takes images that are not square", got=slot.shown)
    return last, height or width or settings.side
