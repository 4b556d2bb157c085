"""Windows: a long recording becomes several clips, each with its times."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from overtone.core import InputError, ProgressCallback
from overtone.core.progress import Meter
from overtone.media.catalogue import Catalogue, Find, Span
from overtone.media.decoding import BrokenMedium
from overtone.media.decoding.lengths import measure_seconds

_LEAST = 0.5
"""Share of a window that what is left over at the end must have to be a window."""
_TRAIN = 0.7
"""Share of a single recording that is to train on."""
MOST_WINDOWS = 1_000_000
"""Windows of one file."""


def cut_windows(
    catalogue: Catalogue, window: float, hop: float | None = None, progress: ProgressCallback | None = None
) -> Catalogue:
    """Clips of one length: the recordings of a catalogue, cut.

    A recording that is not longer than a window, an image or a text stays one clip, as does one that cannot be read:
    that is said where it is decoded. The clips of one recording are a group, so that no split cuts it; a single
    recording is split by time.

    Args:
        catalogue: Recordings.
        window: Seconds of a clip.
        hop: Seconds from the begin of one clip to that of the next; by default they follow each other.
        progress: Called while files are measured.

    Returns:
        A catalogue with a row for each window; ids end in ``@BEGIN-END``.

    Raises:
        InputError: A length is not above 0, or would give too many windows.
    """
    hop = window if hop is None else hop
    for name, value in (("window", window), ("hop", hop)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name}: must be above 0 seconds", got=value)
    meter = Meter("measuring", len(catalogue), "file", progress)
    rows: list[int] = []
    spans: list[Span] = []
    names: list[str] = []
    for row, name in enumerate(catalogue.ids):
        found = [catalogue.span(row)]
        if found == [(None, None)] and (seconds := _find_seconds(catalogue, row)) is not None:
            if seconds / hop > MOST_WINDOWS:
                what = f"{catalogue.source}: {name!r} would be cut into more than {MOST_WINDOWS:,} windows"
                raise InputError(what, fix="take a longer hop")
            found = list(_spans(seconds, window, hop))
        rows += [row] * len(found)
        spans += found
        names += [name if len(found) == 1 else f"{name}@{start:g}-{stop:g}" for start, stop in found]
        meter.add(1)
    notes = [
        *catalogue.notes,
        f"cut {len(catalogue)} recordings into {len(rows)} clips of {window:g} s, one every {hop:g} s",
    ]
    splits = tuple(catalogue.splits[row] for row in rows) if catalogue.splits else ()
    alone = len(catalogue) == 1 and len(rows) > 1
    if alone and not splits:  # as one group they could not be split
        splits = _split_by_time(spans)
        notes.append(f"one recording: its first {_TRAIN:.0%} are to train on, the rest to test on")
    groups = tuple(catalogue.groups[row] if catalogue.groups else catalogue.ids[row] for row in rows)
    return replace(
        catalogue,
        ids=tuple(names),
        media={name: _take(find, rows) for name, find in catalogue.media.items()},
        labels=None if catalogue.labels is None else catalogue.labels[np.array(rows)],
        splits=splits,
        files={name: tuple(paths[row] for row in rows) for name, paths in catalogue.files.items()},
        spans=tuple(spans),
        groups=() if alone else groups,
        metadata={name: tuple(values[row] for row in rows) for name, values in catalogue.metadata.items()},
        notes=tuple(notes),
    )


def _spans(seconds: float, window: float, hop: float) -> Iterator[Span]:
    """The windows of a recording of so many seconds; one without bounds where it is no longer than a window.

    Example:
        >>> list(_spans(25.0, 10.0, 10.0)), list(_spans(24.0, 10.0, 10.0)), list(_spans(9.0, 10.0, 5.0))
        ([(0.0, 10.0), (10.0, 20.0), (20.0, 25.0)], [(0.0, 10.0), (10.0, 20.0)], [(None, None)])
    """
    if seconds <= window:
        yield None, None
        return
    number = 0
    while number * hop < seconds:
        start = number * hop
        if number and seconds - start < _LEAST * window:
            return
        yield start, min(start + window, seconds)
        if start + window >= seconds:
            return
        number += 1


def _split_by_time(spans: Sequence[Span]) -> tuple[str, ...]:
    """The split of each window of one recording, by time; a test window that overlaps a train window is in none.

    Example:
        >>> _split_by_time([(0.0, 2.0), (1.0, 3.0), (2.0, 4.0), (3.0, 5.0)])
        ('train', 'train', '', 'test')
    """
    count = max(1, round(_TRAIN * len(spans) - 0.5))
    end = spans[count - 1][1] or 0.0
    return tuple("train" if at < count else "test" * ((start or 0.0) >= end) for at, (start, _) in enumerate(spans))


def _find_seconds(catalogue: Catalogue, row: int) -> float | None:
    """The length of a clip's sound or video; None where there is neither."""
    for find in catalogue.media.values():
        medium = find(row)
        if isinstance(medium, Path):
            with suppress(BrokenMedium):
                if (seconds := measure_seconds(medium)) is not None:
                    return seconds
    return None


def _take(find: Find, rows: list[int]) -> Find:
    return lambda row: find(rows[row])
