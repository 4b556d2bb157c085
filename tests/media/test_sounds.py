"""``log-mel``: the spectrogram against the one of transformers, and what its numbers say of planted sounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.media import make_backbone
from overtone.media.backbones.log_mel import modulations
from overtone.media.decoding import Sound
from overtone.media.parts import embed_parts, prepare_parts
from overtone.media.spectrograms import MelScale, log_mel, mel_filters

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE, tremolo: float = 0.0) -> Sound:
    at = np.arange(round(seconds * rate)) / rate
    loud = 0.5 * (1 + np.cos(2 * np.pi * tremolo * at)) if tremolo else 1.0
    return Sound((0.5 * loud * np.sin(2 * np.pi * hertz * at)).astype(np.float32), rate)


def described(sound: Sound, **settings: Any) -> np.ndarray[Any, Any]:
    backbone = make_backbone("log-mel", settings)
    return embed_parts(backbone, [prepare_parts(backbone, sound)])[0].numpy()


@pytest.mark.parametrize("scale", [MelScale(), MelScale(bands=40, low=0, high=8000, power=2, window=512, hop=256)])
def test_spectrogram_is_that_of_transformers(scale: MelScale) -> None:
    reference = pytest.importorskip("transformers.audio_utils")
    filters = reference.mel_filter_bank(
        scale.fft // 2 + 1,
        scale.bands,
        scale.low,
        scale.high,
        scale.rate,
        mel_scale="htk",
        triangularize_in_mel_space=True,
    )
    np.testing.assert_allclose(mel_filters(scale), filters, atol=1e-6)
    samples = np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    window = reference.window_function(scale.window, "hann")
    wanted = reference.spectrogram(
        samples, window, scale.window, scale.hop, scale.fft, scale.power, center=False, mel_filters=filters, mel_floor=0
    )
    np.testing.assert_allclose(log_mel(samples, scale), np.log(wanted.T + scale.offset), atol=1e-4)


def test_a_long_sound_is_transformed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(1).normal(size=3 * RATE).astype(np.float32)
    whole = log_mel(samples, MelScale())
    monkeypatch.setattr("overtone.media.spectrograms._BLOCK", 7)
    np.testing.assert_allclose(log_mel(samples, MelScale()), whole, atol=1e-5)


@pytest.mark.parametrize("hertz", [300, 1000, 4000])
def test_loudest_band_is_that_of_the_tone(hertz: float) -> None:
    mel = 2595 * np.log10(1 + np.array([125.0, hertz, 7500.0]) / 700)
    wanted = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 65 - 1  # band k peaks at edge k + 1
    assert abs(int(described(tone(hertz))[:64].argmax()) - wanted) <= 1


@pytest.mark.parametrize(("change", "band"), [(1.0, 0), (2.0, 1), (4.0, 2), (8.0, 3), (16.0, 4)])
def test_modulation_is_found_where_it_was_planted(change: float, band: int) -> None:
    found = described(tone(1000, seconds=4, tremolo=change))[128:].reshape(16, 6)
    loud = described(tone(1000, seconds=4))[:64].reshape(16, 4).mean(axis=1).argmax()
    assert found[loud].argmax() == band
    assert described(tone(1000, seconds=4))[128:].max() < 0.1 * found[loud].max()


def test_a_description_does_not_depend_on_length_or_rate() -> None:
    short, long, other = described(tone(500)), described(tone(500, seconds=6)), described(tone(500, rate=44_100))
    assert short.shape == long.shape == (224,)
    np.testing.assert_allclose(short[:64], long[:64], atol=0.05)
    assert np.corrcoef(short[:64], other[:64])[0, 1] > 0.99


@pytest.mark.parametrize("samples", [1, 100, 399, 400, 5000])
def test_very_short_sounds_have_finite_numbers(samples: int) -> None:
    assert np.isfinite(described(Sound(np.ones(samples, np.float32), RATE))).all()
    assert np.isfinite(modulations(np.zeros((1, 4), np.float32), 100.0)).all()


def test_settings() -> None:
    assert described(tone(500), bands=32, groups=8).shape == (2 * 32 + 6 * 8,)
    with pytest.raises(InputError, match="groups of bands are not of one size; got 64 bands, 7 groups"):
        make_backbone("log-mel", {"groups": 7})
    with pytest.raises(InputError, match=r"takes sound, not image or frames; valid: hog-color, hog-motion, .*"):
        make_backbone("log-mel", modality="visual")
    with pytest.raises(InputError, match="unknown modality 'sound'"):
        make_backbone("log-mel", modality="sound")


def test_a_sequence_has_a_row_per_step() -> None:
    joined = Sound(np.concatenate([tone(300, 2).samples, tone(3000, 2).samples]), RATE)
    backbone = make_backbone("log-mel")
    rows = embed_parts(backbone, [prepare_parts(backbone, joined, steps=4)], sequence=True)
    assert rows.shape == (1, 4, 224)
    assert torch.allclose(rows[0, 0], rows[0, 1], atol=0.1)
    assert not torch.allclose(rows[0, 1, :64], rows[0, 2, :64], atol=1.0)
