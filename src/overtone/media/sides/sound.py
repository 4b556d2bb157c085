"""The side for sounds: AST, Wav2Vec2, HuBERT, the encoder of Whisper; the audio side of CLAP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from overtone.media.backbones import Prepared
from overtone.media.sides import Choice, Output, Side
from overtone.media.stored_models import ModelOutput, PretrainedModel, StoredModel

if TYPE_CHECKING:
    from overtone.media.decoding import Sound

_KNOWN = (
    *("feature_size", "sampling_rate", "num_mel_bins", "max_length", "max_length_s", "chunk_length", "hop_length"),
    *("n_fft", "fft_window_size", "do_normalize", "mean", "std", "frequency_min", "frequency_max", "padding"),
)
"""Settings of an extractor that change the numbers; a newer library may add others."""


class SoundSide(Side):
    """A prepared sound is one row: the share of the model's window that it fills, then the model's input, flat."""

    projection = "get_audio_features"

    def __init__(self, stored: StoredModel, model: PretrainedModel, lacking: set[str], choice: Choice) -> None:
        super().__init__(stored, model, lacking, choice)
        self.extractor = stored.companion("AutoFeatureExtractor")
        self.rate = int(self.extractor.sampling_rate)
        self.input = str(self.extractor.model_input_names[0])
        self.window = self._find_window()
        self.samples = round(self.window * self.rate)
        with stored.opening():
            self.shape = self._extract(np.zeros(self.samples, np.float32)).shape

    def outputs(self, lacking: set[str]) -> list[Output]:
        pools = self.projects or type(self.model).__name__.startswith("AST")  # which pools without weights
        return [*(["pooled"] if pools else []), "mean"]

    def prepare(self, medium: Sound) -> Prepared:
        from overtone.media.decoding import resample

        samples = resample(medium, self.rate).samples[: self.samples]
        found = self._extract(samples)
        if found.ndim == 1:  # a waveform, normalised without the silence that fills it up
            found = np.pad(found, (0, self.samples - len(found)))
        share = len(samples) / self.samples
        return np.concatenate([[share], found.ravel()]).astype(np.float32)

    def embed(self, batch: Tensor) -> Tensor:
        share, values = batch[:, 0], batch[:, 1:].reshape(-1, *self.shape)
        if self.projects:
            fusion = getattr(self.model.config.audio_config, "enable_fusion", False)
            longer = {"is_longer": torch.zeros(len(values), 1, dtype=torch.bool, device=values.device)}
            inputs = {self.input: values, **(longer if fusion else {})}
            if self.output == "projected":
                return self.project(**inputs)
            return self.take(self.model.audio_model(**inputs, **self.states))
        model = self.model.get_encoder() if self.model.config.is_encoder_decoder else self.model
        outputs = model(**{self.input: values}, **self.states)
        return self.take(outputs, None if self.output == "pooled" else self._filled(outputs, share))

    def example(self) -> Sound:
        from overtone.media.decoding import Sound

        return Sound(np.zeros(self.samples, np.float32), self.rate)

    def preprocessing(self) -> dict[str, Any]:
        known = {name: getattr(self.extractor, name) for name in _KNOWN if hasattr(self.extractor, name)}
        return {**known, "window": self.window, "output": self.output}

    def _filled(self, outputs: ModelOutput, share: Tensor) -> Tensor | None:
        """(n, T) 1 for the steps of the output that lie in the sound; None where its tokens are no steps of time."""
        steps = self.tokens_of(outputs).shape[1]
        if len(self.shape) > 1 and not self.model.config.is_encoder_decoder:
            return None
        last = (share * steps).ceil().clamp(min=1)
        return (torch.arange(steps, device=share.device) < last[:, None]).float()

    def _extract(self, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The model's input of one sound, without the axis of sounds."""
        found = self.extractor(samples, sampling_rate=self.rate, return_tensors="np")[self.input][0]
        return np.asarray(found, np.float32)

    def _find_window(self) -> float:
        """Seconds of a sound that the model takes at a time."""
        extractor = self.extractor
        for name in ("max_length_s", "chunk_length"):
            if getattr(extractor, name, None):
                return float(getattr(extractor, name))
        if getattr(extractor, "num_mel_bins", None) and getattr(extractor, "max_length", None):
            return float(extractor.max_length) / 100  # frames of 10 ms
        return self.choice.limit
