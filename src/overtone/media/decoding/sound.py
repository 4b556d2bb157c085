"""A sound: of a sound file with libsndfile, of a video or of anything else with PyAV."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from overtone.media.decoding.containers import begin_of, describe, length_of, open_container, seek
from overtone.media.decoding.kinds import BrokenMedium, Samples, Sound, check_file, is_video

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

MOST_SAMPLES = 1 << 27
"""Of one sound: 134 million, half a gigabyte; 46 minutes at 48 kHz."""

_LEAST_RATE, _MOST_RATE = 100, 768_000
"""Samples a second of a sound; where a damaged header says others, to convert them would take any memory."""
_USUAL_RATE = 16_000
"""Samples a second that most backbones take; a sound of fewer has as many in the end."""

_FORMATS = frozenset({"WAV", "WAVEX", "FLAC", "OGG", "MPEG", "MP3", "AIFF", "AU", "W64", "RF64", "CAF"})
"""What libsndfile may open; the rest is PyAV's."""
_ESTIMATED = frozenset({"MPEG", "MP3"})
"""Formats whose length is estimated, by up to half a second too long."""
_BLOCK = 1 << 18
_SHORTEST = 0.9
"""Share of its declared length that a sound must have."""


def decode_sound(path: Path, start: float | None = None, stop: float | None = None) -> Sound:
    """The sound of a file, as the mean of its channels at its own rate.

    Args:
        path: A sound file, or a video.
        start, stop: Seconds of the file between which to take it; None for its begin and end.

    Raises:
        BrokenMedium: There is no sound, it is damaged or ends early, or it is too long.
    """
    check_file(path)
    sound = None if is_video(path) else _decode_plain(path, start or 0.0, stop)
    sound = sound or _decode_any(path, start or 0.0, stop)
    if not np.isfinite(sound.samples).all():
        raise BrokenMedium("its sound has samples that are no numbers")
    return sound


def resample(sound: Sound, rate: int) -> Sound:
    """The same sound with another number of samples a second, by a polyphase filter.

    Example:
        >>> resample(Sound(np.zeros(44_100, np.float32), 44_100), 16_000).samples.shape
        (16000,)
    """
    if rate == sound.rate or not len(sound.samples):
        return Sound(sound.samples, rate)
    from scipy.signal import resample_poly

    common = math.gcd(rate, sound.rate)
    samples = resample_poly(sound.samples, rate // common, sound.rate // common)
    return Sound(samples.astype(np.float32), rate)


def _decode_plain(path: Path, start: float, stop: float | None) -> Sound | None:
    """With libsndfile; None where that does not know the format or is not there."""
    library = _soundfile()
    if library is None:
        return None
    try:
        with library.SoundFile(str(path)) as file:
            if file.format not in _FORMATS:
                return None
            first = round(start * file.samplerate)
            last = file.frames if stop is None else min(file.frames, round(stop * file.samplerate))
            if start and first >= last:
                raise BrokenMedium(
                    f"ends after {file.frames / file.samplerate:.1f} s, the clip begins at {start:.1f} s"
                )
            _check_length(last - first, file.samplerate)
            file.seek(first)
            blocks = []
            for at in range(first, last, _BLOCK):
                block = file.read(min(_BLOCK, last - at), dtype="float32", always_2d=True)
                blocks.append(block.mean(axis=1))
                if len(block) < min(_BLOCK, last - at):
                    break
            sure = file.format not in _ESTIMATED
            return _joined(blocks, file.samplerate, last - first if sure else 0)
    except (library.SoundFileError, TypeError, ValueError):
        return None


def _decode_any(path: Path, start: float, stop: float | None) -> Sound:
    """With PyAV."""
    with open_container(path) as container:
        if not container.streams.audio:
            raise BrokenMedium("no sound in it")
        stream = container.streams.audio[0]
        length = length_of(container, stream)
        if length is not None and start and start >= length:
            raise BrokenMedium(f"ends after {length:.1f} s, and the clip begins at {start:.1f} s")
        rate = stream.rate
        if start:
            seek(container, stream, start)
        blocks: list[Samples] = []
        time, done = start, 0
        try:
            for packet in container.demux(stream):
                for frame in packet.decode():
                    time = max(0.0, frame.time - begin_of(container)) if frame.time is not None else time
                    if frame.is_corrupt:
                        raise BrokenMedium(f"its sound is damaged at {time:.1f} s")
                    mono = _to_mono(frame)
                    mono = mono[max(0, round((start - time) * rate)) :] if start else mono
                    blocks.append(mono)
                    done += len(mono)
                    _check_length(done, rate)
                if stop is not None and done >= (stop - start) * rate:
                    break
        except (ValueError, OSError) as error:  # what FFmpeg's errors are
            raise BrokenMedium(f"its sound is damaged after {time:.1f} s ({describe(error)})") from None
        ends = [end for end in (stop, length) if end is not None]
        wanted = round((min(ends) - start) * rate) if ends and container.format.name != "mp3" else 0
        if stop is not None:
            blocks = [np.concatenate([np.empty(0, np.float32), *blocks])[: round((stop - start) * rate)]]
        return _joined(blocks, rate, wanted)


def _to_mono(frame: AudioFrame) -> Samples:
    """(n,) mean of the channels, in [-1, 1]."""
    values: np.ndarray[Any, Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, len(frame.layout.channels)).T
    if values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128) / 128
    elif values.dtype.kind == "i":
        values = values.astype(np.float32) / (np.iinfo(values.dtype).max + 1)
    return np.asarray(values.mean(axis=0), np.float32)


def _joined(blocks: list[Samples], rate: int, wanted: int) -> Sound:
    """One sound, of about as many samples as are wanted; 0 where that is not known."""
    samples = np.concatenate([np.empty(0, np.float32), *blocks])
    if not len(samples):
        raise BrokenMedium("no sound can be decoded")
    if len(samples) < _SHORTEST * wanted:
        raise BrokenMedium(f"its sound ends after {len(samples) / rate:.1f} of {wanted / rate:.1f} s")
    return Sound(samples, rate)


def _check_length(samples: int, rate: int) -> None:
    if not _LEAST_RATE <= rate <= _MOST_RATE:
        raise BrokenMedium(f"its sound has {rate:,} samples a second ({_LEAST_RATE} to {_MOST_RATE:,} are decoded)")
    if samples * max(1.0, _USUAL_RATE / rate) > MOST_SAMPLES:
        what = f"its sound has {samples:,} samples or more, and no more than {MOST_SAMPLES:,} are decoded"
        raise BrokenMedium(f"{what}: cut it into windows (--window)")


def _soundfile() -> ModuleType | None:
    try:
        return importlib.import_module("soundfile")
    except (ImportError, OSError):  # the library itself is missing on some systems
        return None
