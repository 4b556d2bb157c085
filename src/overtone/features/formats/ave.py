"""The official AVE folder: features, labels and split order in one HDF5 file each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from overtone.core import InputError
from overtone.core.sources import list_folder
from overtone.features.arrays import Array, LazyRows, RowIndex, Rows, Table, Values
from overtone.features.formats import Format, formats
from overtone.features.formats.hdf5 import read_hdf5

CLASSES = (
    *("Church bell", "Male speech, man speaking", "Bark", "Fixed-wing aircraft, airplane", "Race car, auto racing"),
    *("Female speech, woman speaking", "Helicopter", "Violin, fiddle", "Flute", "Ukulele", "Frying (food)", "Truck"),
    *("Shofar", "Motorcycle", "Acoustic guitar", "Train horn", "Clock", "Banjo", "Goat", "Baby cry, infant cry"),
    *("Bus", "Chainsaw", "Cat", "Horse", "Toilet flush", "Rodents, rats, mice", "Accordion", "Mandolin"),
)
"""The 28 event classes in the order of the columns of ``labels.h5``; a 29th column is background."""


def _read_ave(path: Path) -> Table:
    """Open a folder in the official layout.

    ``audio_feature.h5`` (N, 10, 128); ``visual_feature.h5`` (N, 10, 7, 7, 512), averaged over its 7 x 7 places while it
    is read; ``labels.h5`` (N, 10, 29), a clip has the classes of any of its seconds; ``train_order.h5``,
    ``val_order.h5``, ``test_order.h5`` with row numbers. With an ``Annotations.txt`` beside them (one line a row:
    ``class&video&quality&start&end``) clips get their names and the columns of the labels are named by it.

    Source: Tian, Shi, Li, Duan & Xu, "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018.
    """
    files = {name: _only(path / f"{name}.h5") for name in ("audio_feature", "visual_feature", "labels")}
    audio, visual, seconds = (array for array, _ in files.values())
    if len(seconds.shape) != 3 or seconds.shape[2] < 2:
        valid = "(N, seconds, classes + background)"
        raise InputError(f"{seconds.where}: wrong shape", got=str(seconds.shape), valid=valid)
    labels = seconds.read()[:, :, :-1].max(axis=1)
    notes = ["a clip's label is the event of any of its seconds, background left out"]
    names = CLASSES if labels.shape[1] == len(CLASSES) else tuple(map(str, range(labels.shape[1])))
    annotations = next(iter(list_folder(path, "*nnotations.txt")), None)
    if annotations is None:
        notes.append("no Annotations.txt: classes are named in the official order, clips by their row")
    else:
        clips = read_annotations(annotations)
        names = _named(labels, clips, names, annotations)
    found = {
        "split": Array(_splits(path, len(labels)), f"{path}, split"),
        "audio": audio,
        "visual": Array(_average_places(visual), visual.where) if len(visual.shape) == 5 else visual,
        "labels": Array(labels, seconds.where),
        "class_names": Array(np.array(names), f"{path}, class names"),
    }
    if annotations is not None:
        found["ids"] = Array(np.array(_clip_ids(clips)), f"{path}, ids")

    def close() -> None:
        for _, table in files.values():
            table.close()

    return Table(str(path), "ave", found, notes=tuple(notes), close=close)


formats.register("ave")(Format(_read_ave, holds=("audio_feature.h5",)))


def _average_places(array: Array) -> Rows:
    """(N, T, h, w, d) averaged over its places to (N, T, d) as rows are read, never held as a whole."""
    shape = (*array.shape[:2], array.shape[4])

    def read(rows: RowIndex) -> Values:
        start, stop, _ = rows.indices(shape[0]) if isinstance(rows, slice) else (0, shape[0], 1)
        means = [block.mean(axis=(2, 3), dtype=np.float32) for block in array.blocks(start, stop)]
        return np.concatenate(means) if means else np.empty((0, *shape[1:]), np.float32)

    return LazyRows(shape, np.dtype(np.float32), read)


def read_annotations(path: Path) -> list[tuple[str, str, str, str]]:
    """``(class, video, start, end)`` of every line after the header, if there is one."""
    clips = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        fields = line.split("&")
        if not line.strip() or fields[0] == "Category":
            continue
        if len(fields) != 5:
            valid = "class&video&quality&start&end"
            raise InputError(f"{path}, line {number}: not an annotation", got=repr(line), valid=valid)
        clips.append((fields[0], fields[1], fields[3], fields[4]))
    return clips


def _clip_ids(clips: list[tuple[str, str, str, str]]) -> list[str]:
    """A name for each clip: its video, with the event's class and times where one video has several."""
    videos = Counter(video for _, video, _, _ in clips)
    return [video if videos[video] == 1 else f"{video} {kind} {a}-{b}" for kind, video, a, b in clips]


def _only(path: Path) -> tuple[Array, Table]:
    """The one dataset of a file, whatever its key."""
    if not path.is_file():
        raise InputError(f"{path}: missing", fix="the official AVE folder holds features, labels and three order files")
    table = read_hdf5(path)
    if len(table.arrays) != 1:
        raise InputError(f"{path}: one dataset is expected", got=", ".join(table.arrays) or "none")
    return next(iter(table.arrays.values())), table


def _splits(path: Path, rows: int) -> Rows:
    """Name of each row's split, from the order files."""
    names = np.full(rows, "", dtype="U5")
    for split in ("train", "val", "test"):
        array, table = _only(path / f"{split}_order.h5")
        order = array.read().ravel()
        table.close()
        bad = np.flatnonzero((order < 0) | (order >= rows))
        if len(bad):
            place = f"{array.where}, entry {int(bad[0])}"
            raise InputError(f"{place}: no such row", got=int(order[bad[0]]), valid=f"0 to {rows - 1}")
        taken = order[names[order] != ""]
        if len(taken):
            what = f"{array.where}: row {int(taken[0])} is in split {str(names[taken[0]])!r} already"
            raise InputError(what, fix="a row has one split")
        names[order] = split
    return names


def _named(
    labels: Values, clips: list[tuple[str, str, str, str]], names: tuple[str, ...], annotations: Path
) -> tuple[str, ...]:
    """Names of the label columns as the annotations have them; a column without a clip keeps its own."""
    fix = "bring the Annotations.txt of this release, or leave it out"
    if len(clips) != len(labels):
        raise InputError(f"{annotations}: {len(clips)} annotations but labels.h5 has {len(labels)} rows", fix=fix)
    kinds = np.array([kind for kind, *_ in clips])
    named = list(names)
    for column in range(labels.shape[1]):
        rows = np.flatnonzero(labels[:, column])
        if len(rows):
            odd = rows[kinds[rows] != kinds[rows[0]]]
            if len(odd):
                got = f"{kinds[rows[0]]} in row {rows[0]}, {kinds[odd[0]]} in row {odd[0]}"
                raise InputError(f"{annotations}: label column {column} has clips of two classes", got=got, fix=fix)
            named[column] = str(kinds[rows[0]])
    return tuple(named)
