"""HDF5 files with one group a clip: the datasets of the same name become one array with a row per clip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Array, LazyRows, Rows, Values

_FEWEST = 3


def join_clip_groups(rows: Mapping[str, Rows], where: str) -> tuple[dict[str, Rows], tuple[str, ...], dict[str, str]]:
    """What was ``clip/audio`` becomes ``audio``, with the groups' names as ids; notes; and what cannot be joined.

    Sequences, which may differ in length, are averaged over time. Files of another kind stay as they are.
    """
    clips: dict[str, dict[str, Rows]] = {}
    for key, dataset in rows.items():
        clip, _, name = key.partition("/")
        if not name or "/" in name:
            return dict(rows), (), {}
        clips.setdefault(clip, {})[name] = dataset
    names = next(iter(clips.values()), {})
    if len(clips) < _FEWEST or not names or any(clip.keys() != names.keys() for clip in clips.values()):
        return dict(rows), (), {}
    found: dict[str, Rows] = {}
    unread: dict[str, str] = {}
    averaged = []
    for name in names:
        parts = [Array(clip[name], f"{where}, key '{key}/{name}'") for key, clip in clips.items()]
        widths = {part.shape[1:] if len(part.shape) > 1 else part.shape for part in parts}
        if len(widths) > 1 or len({len(part.shape) for part in parts}) > 1 or len(parts[0].shape) > 2:
            unread[f"*/{name}"] = f"the clips' shapes differ in more than their length, such as {parts[0].shape}"
            continue
        sequences = len(parts[0].shape) == 2 and parts[0].numeric
        if sequences:
            averaged.append(name)
        found[name] = _join(parts, sequences)
    if not found:
        return dict(rows), (), {}
    found["ids"] = np.array(list(clips))
    note = f"{len(clips):,} groups are clips; {', '.join(found.keys() - {'ids'})} have a row of each"
    notes = [note, *([f"sequences averaged over time: {', '.join(averaged)}"] if averaged else [])]
    return found, tuple(notes), unread


def _join(parts: list[Array], sequences: bool) -> Rows:
    shape = parts[0].shape[1:] if sequences else parts[0].shape
    kind = np.dtype(np.float32) if sequences else np.result_type(*(part.dtype for part in parts))

    def read(rows: object) -> Values:
        chosen = parts[rows] if isinstance(rows, slice) else parts
        values = [_mean(part) if sequences else part.read() for part in chosen]
        return np.stack(values) if values else np.empty((0, *shape), kind)

    return LazyRows((len(parts), *shape), kind, read)


def _mean(part: Array) -> Values:
    """The mean over the steps of one clip; InputError where it has none."""
    values = part.read()
    if not len(values):
        raise InputError(f"{part.where}: a clip without a step", fix="leave the clip out")
    return np.asarray(values.mean(axis=0, dtype=np.float64).astype(np.float32))
