"""``manifest``: a table that names the media of each clip (CSV, TSV, JSON lines or Parquet)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from overtone.core import InputError
from overtone.core.sources import expand_home
from overtone.features.base import Scalar
from overtone.features.class_order import sort_classes
from overtone.features.metadata import Columns, MetadataTable, read_metadata
from overtone.features.parsed_table import SPLITS
from overtone.media.catalogue import Catalogue, Find, Span, number_classes
from overtone.media.decoding.kinds import is_video
from overtone.media.layouts import Layout, layouts
from overtone.media.layouts.clips import MODALITIES, name_files

_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})
_FILES = {"visual": "visual", "audio": "audio", "text_file": "text"}
"""Column of paths to modality; the column ``text`` has the words themselves."""
_OTHERS = ("text", "label", "split", "start", "stop", "group")


def _matches(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def _read(source: Path) -> Catalogue:
    """The catalogue; paths are read from the folder of the table."""
    table = read_metadata(source, what="a manifest of clips")
    columns = table.columns
    if not {*_FILES, "text"} & columns.keys():
        valid = "visual, audio, text_file (paths), text (words); and id, label, split, start, stop, group"
        raise InputError(f"{source}: a manifest needs a column of media", got=", ".join(columns), valid=valid)
    files = {modality: _paths(source, columns[name]) for name, modality in _FILES.items() if name in columns}
    if "audio" not in files and "visual" in files:  # the sound of the videos
        sounds = [path if path is not None and is_video(path) else None for path in files["visual"]]
        files |= {"audio": sounds} if any(sounds) else {}
    media: dict[str, Find] = {name: paths.__getitem__ for name, paths in files.items()}
    if "text" in columns:
        words = [None if value is None else str(value) for value in columns["text"]]
        media["text"] = words.__getitem__
        files.pop("text", None)
    labels, names = None, tuple[str, ...]()
    if "label" in columns:
        named = _texts(columns["label"])
        labels, names = number_classes(named, sort_classes(name for name in named if name))
    return Catalogue(
        source,
        "manifest",
        _ids(table, files),
        {name: media[name] for name in MODALITIES if name in media},
        labels=labels,
        class_names=names,
        splits=_splits(source, columns) if "split" in columns else (),
        files={name: name_files(paths) for name, paths in files.items()},
        notes=table.notes,
        spans=_spans(source, columns) if {"start", "stop"} & columns.keys() else (),
        groups=tuple(_texts(columns["group"])) if "group" in columns else (),
        metadata={name: values for name, values in columns.items() if name not in {*_FILES, *_OTHERS}},
    )


def _paths(source: Path, values: Sequence[Scalar]) -> list[Path | None]:
    """Files of a column, from the folder of the table; None where there is none."""
    return [None if value is None else source.parent / expand_home(str(value)) for value in values]


def _texts(values: Sequence[Scalar]) -> list[str]:
    return ["" if value is None else str(value) for value in values]


def _ids(table: MetadataTable, files: dict[str, list[Path | None]]) -> tuple[str, ...]:
    """The table's ids; without such a column the files' names if all differ, or the rows' numbers."""
    if table.ids:
        missing = next((row for row, name in enumerate(table.ids, 1) if not name), None)
        if missing is not None:
            raise InputError(f"{table.path}, row {missing}: no id", fix="give every clip one, or take the column out")
        return table.ids
    first = next(iter(files.values()), ())
    names = ["" if path is None else path.stem for path in first]
    unique = bool(names) and all(names) and len(set(names)) == len(names)
    return tuple(names) if unique else tuple(map(str, range(table.rows)))


def _splits(source: Path, columns: Columns) -> tuple[str, ...]:
    names = [word.strip().lower() for word in _texts(columns["split"])]
    for row, name in enumerate(names, 1):
        if name and name not in SPLITS:
            raise InputError(f"{source}, row {row}: no such split", got=repr(name), valid="train, val, test or nothing")
    return tuple(SPLITS.get(name, "") for name in names)


def _spans(source: Path, columns: Columns) -> tuple[Span, ...]:
    ends = []
    for name in ("start", "stop"):
        values = columns.get(name) or (None,) * max(map(len, columns.values()))
        ends.append([_seconds(value, f"{source}, row {row}: {name}") for row, value in enumerate(values, 1)])
    for row, (start, stop) in enumerate(zip(*ends), 1):
        if stop is not None and stop <= (start or 0.0):
            got = f"{start or 0.0:g} to {stop:g}"
            raise InputError(f"{source}, row {row}: a clip stops after it starts", got=got, fix="correct start or stop")
    return tuple(zip(*ends))


def _seconds(value: Scalar, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise InputError(f"{where} is no number of seconds", got=repr(value), valid="0 or more, or nothing")
    return float(value)


layouts.register("manifest")(
    Layout(_read, _matches, "a table (.csv, .tsv, .jsonl) with a column visual, audio, text or text_file")
)
