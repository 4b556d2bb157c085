"""``hugging-face``: a dataset of images as the hub's library saves it (Arrow) or as the hub stores it (Parquet)."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from overtone.core import InputError
from overtone.core.files import read_json
from overtone.core.sources import check_inside, require_file
from overtone.features.formats import report_damage
from overtone.media.catalogue import IMAGE, UNLABELLED, Catalogue, chain_rows, number_classes
from overtone.media.decoding.images import Raw
from overtone.media.layouts import Layout, layouts
from overtone.media.layouts.folder import SPLITS

_KEPT = 4  # groups of rows in memory: threads that decode neighbours may be on either side of a border

_LABELS = ("label", "labels", "fine_label", "y")
"""Names of a column of class numbers without metadata on the classes."""


class _Part:
    """One file of rows, memory-mapped; ``split`` as the dataset calls it, empty for none."""

    def __init__(self, split: str, file: Path) -> None:
        self.split, self.file, self.parquet = split, file, file.suffix == ".parquet"
        with self._reporting():
            self.rows = pq.ParquetFile(str(file), memory_map=True) if self.parquet else _read_arrow(file)
            self.schema = self.rows.schema_arrow if self.parquet else self.rows.schema

    def column(self, name: str) -> tuple[int, Callable[[int], Any]]:
        """Number of rows, and row number to value of one column; of Parquet, some groups of rows stay in memory."""
        if not self.parquet:
            values = self.rows.column(name)
            return len(values), lambda row: values[row].as_py()
        lock = threading.Lock()  # the reader is not made for several threads
        group_of = lru_cache(maxsize=_KEPT)(lambda group: self.rows.read_row_group(group, columns=[name]).column(0))

        def value(group: int, row: int) -> object:
            with lock, self._reporting():
                column = group_of(group)
            return column[row].as_py()

        metadata = self.rows.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        return sum(sizes), chain_rows([(size, partial(value, group)) for group, size in enumerate(sizes)])

    def values(self, name: str) -> list[Any]:
        """All values of one column."""
        with self._reporting():
            table = self.rows.read(columns=[name]) if self.parquet else self.rows
            return list(table.column(name).to_pylist())

    def _reporting(self) -> AbstractContextManager[None]:
        return report_damage(self.file, "an Arrow or Parquet file", (pa.ArrowException,))


def _read_arrow(file: Path) -> pa.Table:
    """An Arrow file: a stream, as the library writes, or a file with an index."""
    source = pa.memory_map(str(file))
    try:
        return pa.ipc.open_stream(source).read_all()
    except pa.ArrowInvalid:
        return pa.ipc.open_file(source).read_all()


def _matches(path: Path) -> bool:
    """Whether the library's index files lie there, or Parquet files."""
    return path.is_dir() and ((path / "dataset_dict.json").is_file() or bool(_files(path)))


def _read(source: Path) -> Catalogue:
    """The catalogue; images are read from the files on demand."""
    parts = [_Part(split, file) for split, file in _files(source)]
    if not parts:
        raise InputError(f"{source}: no .arrow or .parquet file in it", fix="save the dataset again with save_to_disk")
    schema = parts[0].schema
    described = _described(source, schema)
    images = _images_column(source, schema, described)
    columns = [part.column(images) for part in parts]
    image_of = chain_rows(columns)

    def image(row: int) -> Raw:
        value = image_of(row)
        value = value if isinstance(value, Mapping) else {"bytes": value}
        if value.get("bytes") is not None:
            return bytes(value["bytes"])
        check_inside(str(value.get("path")), f"{source}, image {row}")
        return source / str(value.get("path"))

    split_of = [part.split for part, (size, _) in zip(parts, columns) for _ in range(size)]
    labels, names, notes = _labels(parts, schema, described)
    return Catalogue(
        source,
        "hugging-face",
        _ids(split_of),
        {IMAGE: image},
        labels=labels,
        class_names=names,
        splits=tuple(SPLITS.get(split, "") for split in split_of) if any(split_of) else (),
        notes=notes,
    )


def _files(source: Path) -> list[tuple[str, Path]]:
    """All files with their splits, in the order of the splits; for Parquet a file's name begins with its split."""
    if (source / "dataset_dict.json").is_file():
        splits = read_json(source / "dataset_dict.json").get("splits")
        if not isinstance(splits, list) or not all(isinstance(split, str) for split in splits):
            raise InputError(f"{source / 'dataset_dict.json'}: no list of splits", fix="save the dataset again")
        for split in splits:
            check_inside(split, source / "dataset_dict.json")
        return [(split, file) for split in splits for file in _arrow_files(source / split)]
    if (source / "state.json").is_file():
        return [("", file) for file in _arrow_files(source)]
    files = sorted(require_file(file) for pattern in ("*.parquet", "*/*.parquet") for file in source.glob(pattern))
    splits = [
        next((name for name in (file.name.split("-")[0].split(".")[0], file.parent.name) if name in SPLITS), "")
        for file in files
    ]
    return list(zip(splits, files))


def _arrow_files(folder: Path) -> list[Path]:
    return [require_file(file) for file in sorted(folder.glob("*.arrow"))]


def _described(source: Path, schema: pa.Schema) -> dict[str, Any]:
    """What the library noted about the columns: in the file itself, or beside it."""
    noted = (schema.metadata or {}).get(b"huggingface")
    if noted is not None:
        return _features_of(noted.decode("utf-8", "replace"))
    for file in sorted(source.glob("dataset_info.json")) + sorted(source.glob("*/dataset_info.json")):
        return _mapping(read_json(file).get("features"))
    return {}


def _features_of(noted: str) -> dict[str, Any]:
    """What the library noted in the file itself; nothing where that is damaged."""
    try:
        return _mapping(_mapping(_mapping(json.loads(noted)).get("info")).get("features"))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> dict[str, Any]:
    """A mapping as it is, nothing for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}


def _images_column(source: Path, schema: pa.Schema, described: Mapping[str, Any]) -> str:
    def holds_images(name: str) -> bool:
        kind = schema.field(name).type
        noted = described.get(name)
        if isinstance(noted, Mapping) and "_type" in noted:
            return bool(noted["_type"] == "Image")
        return pa.types.is_struct(kind) and {"bytes", "path"} <= {kind.field(i).name for i in range(kind.num_fields)}

    found = [name for name in schema.names if holds_images(name)]
    if not found:
        got = f"columns {', '.join(schema.names)}"
        raise InputError(f"{source}: no column of images", got=got, valid="a column of the type Image")
    return str(found[0])


def _labels(
    parts: list[_Part], schema: pa.Schema, described: Mapping[str, Any]
) -> tuple[np.ndarray[Any, Any] | None, tuple[str, ...], tuple[str, ...]]:
    """Class numbers, class names and notes; of several kinds of classes the finest."""
    kinds = {
        name: tuple(map(str, noted.get("names") or ()))
        for name, noted in described.items()
        if isinstance(noted, Mapping) and noted.get("_type") == "ClassLabel"
    }
    plain = [name for name in _LABELS if name in schema.names and not kinds]
    if not kinds and not plain:
        return None, (), ("no column of classes: no labels",)
    column = max(kinds, key=lambda name: len(kinds[name])) if kinds else plain[0]
    values = [value for part in parts for value in part.values(column)]
    notes = (f"took the classes of {column!r}",) if len(kinds) > 1 else ()
    if any(isinstance(value, str) for value in values):
        return *number_classes([str(value) for value in values]), notes
    numbers = np.array([UNLABELLED if value is None else value for value in values], dtype=np.int64)
    names = kinds.get(column) or tuple(map(str, range(int(numbers.max(initial=0)) + 1)))
    return numbers, names, notes


def _ids(split_of: list[str]) -> tuple[str, ...]:
    counters: defaultdict[str, Iterator[int]] = defaultdict(count)
    return tuple(f"{split}/{next(counters[split])}" if split else str(next(counters[split])) for split in split_of)


layouts.register("hugging-face")(
    Layout(_read, _matches, "dataset_dict.json or state.json beside .arrow files, or .parquet files")
)
