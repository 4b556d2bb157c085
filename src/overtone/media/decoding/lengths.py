"""How long a recording is, without decoding it."""

from __future__ import annotations

from pathlib import Path

from overtone.media.decoding.containers import length_of, measure, open_container
from overtone.media.decoding.kinds import SOUND_SUFFIXES, is_video


def measure_seconds(path: Path) -> float | None:
    """The length of a video or a sound, in seconds; None of other files.

    Raises:
        BrokenMedium: It cannot be read.
    """
    if not is_video(path) and path.suffix.lower() not in SOUND_SUFFIXES:
        return None
    with open_container(path) as container:
        streams = [*container.streams.video, *container.streams.audio]
        lengths = [
            measure(path, stream) if (found := length_of(container, stream)) is None else found for stream in streams
        ]
        return max(lengths, default=None)
