"""Files of video and sound, opened with PyAV: known formats, this file alone, and no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overtone.core import InputError
from overtone.media.decoding.kinds import BrokenMedium, check_file, missing_package_error

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,ogg,flv,asf,wav,w64,flac,mp3,aac,aiff,au,m4v,h264"
)
"""What FFmpeg may open. It knows hundreds of formats, among them lists that name other files and addresses."""

_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


@contextmanager
def open_container(path: Path) -> Iterator[InputContainer]:
    """A file of video or sound; whatever goes wrong with it inside the block is a :class:`BrokenMedium`.

    Raises:
        BrokenMedium: It is no such file, or is damaged.
        InputError: PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise missing_package_error("PyAV", "to decode video") from None
    try:
        with av.open(f"file:{check_file(path).absolute()}", options=_OPTIONS) as container:
            yield container
    except (BrokenMedium, InputError):
        raise
    except MemoryError:
        raise BrokenMedium("there is not enough memory for it") from None
    except Exception as error:  # FFmpeg's errors, and whatever wrong numbers in a damaged header lead to
        raise BrokenMedium(describe(error)) from None


def describe(error: Exception) -> str:
    """The reason that an error of a decoder gives, without the path."""
    reason = getattr(error, "strerror", None) or str(error).split("\n")[0] or type(error).__name__
    return f"damaged, or no medium of a known format ({reason})"


def begin_of(container: InputContainer) -> float:
    """The time at which a file begins, in seconds: most begin at 0."""
    return (container.start_time or 0) / 1e6


def length_of(container: InputContainer, stream: Stream) -> float | None:
    """The length of a stream as the file declares it, in seconds; None where it does not."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    for name, value in stream.metadata.items():
        if name.upper().startswith("DURATION"):
            return _read_clock(value)
    if container.duration and len(container.streams) == 1:
        return container.duration / 1e6
    return None


def measure(path: Path, stream: Stream) -> float:
    """The length of a stream that does not declare it, in seconds: the end of its last packet."""
    with open_container(path) as container:
        last = 0.0
        for packet in container.demux(container.streams[stream.index]):
            if packet.pts is not None and packet.time_base is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                last = max(last, end - begin_of(container))
        return last


def seek(container: InputContainer, stream: Stream, seconds: float) -> None:
    """Go to the last key frame at or before a time."""
    offset: Any = int((seconds + begin_of(container)) / stream.time_base) if stream.time_base else 0
    container.seek(offset, stream=stream, backward=True)


def _read_clock(text: str) -> float | None:
    """Seconds of ``"00:01:02.5"``; None where it is no time."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
