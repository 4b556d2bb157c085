"""Frames of a video, at the times that a sampling wants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from overtone.media.decoding.containers import begin_of, describe, length_of, measure, open_container, seek
from overtone.media.decoding.images import MOST_PIXELS, Pixels
from overtone.media.decoding.kinds import MOST_FRAMES, BrokenMedium, Frames, Sampling

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SHORT_SIDE = 512
"""Pixels: frames whose shorter side has more are scaled down to it."""

_WHOLE_SECONDS = 60.0
"""Up to this length a clip is decoded from end to end, which finds damage; in a longer one frames are sought."""

_SHORTEST = 0.9
"""Share of its declared length that a clip must have."""

_EARLY = 1e-6
"""Seconds by which a frame may come before the time that is wanted: times are rounded."""


class _Taken(NamedTuple):
    """A frame that was taken."""

    time: float
    pixels: Pixels


def decode_frames(
    path: Path, sampling: Sampling | None = None, start: float | None = None, stop: float | None = None
) -> Frames:
    """Frames of a video: for each time that is wanted the first frame at or after it, or the last one.

    Args:
        path: The file.
        sampling: Which frames.
        start, stop: Seconds of the file between which to look; None for its begin and end.

    Raises:
        BrokenMedium: There is no video, it is damaged or ends early, or it has too many pixels.
    """
    with open_container(path) as container:
        stream = _find_stream(container)
        declared = length_of(container, stream)
        length = measure(path, stream) if declared is None else declared
        first, last = start or 0.0, length if stop is None else min(stop, length)
        if last < first or (start and last == first):
            raise BrokenMedium(f"ends after {length:.1f} s, and the clip begins at {first:.1f} s")
        sampling = sampling or Sampling()
        if (count := (last - first) * (sampling.fps or 0)) > MOST_FRAMES:
            raise BrokenMedium(f"{count:,.0f} frames are wanted of it, and no more than {MOST_FRAMES:,} are kept")
        wanted = sampling.wanted_times(first, last)
        if last - first > _WHOLE_SECONDS:
            taken = [_seek_frame(container, stream, time) for time in wanted]
        else:
            taken = _walk(container, stream, wanted, (first, last), cut=stop is not None)
        return Frames(np.stack([one.pixels for one in taken]), np.array([one.time for one in taken]))


def _find_stream(container: InputContainer) -> VideoStream:
    """The first stream of video that is no picture of a cover."""
    for stream in container.streams.video:
        if not stream.disposition.value & _COVER:  # a plain flag in older versions of PyAV
            return stream
    raise BrokenMedium("no video in it")


_COVER = 0x400
"""FFmpeg's flag of a stream that is an attached picture."""


def _walk(
    container: InputContainer, stream: VideoStream, wanted: np.ndarray, span: tuple[float, float], *, cut: bool
) -> list[_Taken]:
    """Decode from the first time to the last, and keep the frames that are wanted."""
    first, last = span
    if first > 0:
        seek(container, stream, first)
    taken: list[_Taken] = []
    latest, end = None, first
    for time, frame in _decode(container, stream):
        if cut and time >= last and (latest is not None or time > last):
            break
        latest, end = frame, max(end, time)
        while len(taken) < len(wanted) and time >= wanted[len(taken)] - _EARLY:
            taken.append(_Taken(time, taken[-1].pixels if taken and taken[-1].time == time else _to_rgb(frame)))
    if latest is None:
        raise BrokenMedium("no frame can be decoded")
    step = 1 / float(stream.average_rate) if stream.average_rate else 0.0
    if end + step - first < _SHORTEST * (last - first):
        raise BrokenMedium(f"its video ends after {end + step:.1f} of {last:.1f} s")
    final = _Taken(end, _to_rgb(latest)) if len(taken) < len(wanted) else taken[-1]
    return taken + [final] * (len(wanted) - len(taken))


def _seek_frame(container: InputContainer, stream: VideoStream, wanted: float) -> _Taken:
    """The first frame at or after a time."""
    seek(container, stream, wanted)
    latest = None
    for latest in _decode(container, stream):
        if latest[0] >= wanted - _EARLY:
            break
    if latest is None:
        raise BrokenMedium(f"no frame can be decoded at {wanted:.1f} s")
    return _Taken(latest[0], _to_rgb(latest[1]))


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """Frames from here on, with their times from the begin of the file in seconds."""
    begin, time = begin_of(container), 0.0
    try:
        for packet in container.demux(stream):
            for frame in packet.decode():
                time = max(0.0, frame.time - begin) if frame.time is not None else time
                if frame.is_corrupt:
                    raise BrokenMedium(f"its video is damaged at {time:.1f} s")
                if frame.width * frame.height > MOST_PIXELS:
                    raise BrokenMedium(f"its frames have {frame.width:,} × {frame.height:,} pixels")
                yield time, frame
    except (ValueError, OSError) as error:  # what FFmpeg's errors are
        raise BrokenMedium(f"its video is damaged after {time:.1f} s ({describe(error)})") from None


def _to_rgb(frame: VideoFrame) -> Pixels:
    """(height, width, 3) upright pixels, scaled down where they are many."""
    scale = min(1.0, SHORT_SIDE / min(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))
