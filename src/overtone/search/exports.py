"""A store as files that other programs open: Embedding Atlas, numpy, TensorBoard's projector, FiftyOne."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

import numpy as np
import pyarrow
import pyarrow.parquet

from overtone.core import InputError
from overtone.core.atomic import atomic_folder, atomic_path
from overtone.core.files import json_text
from overtone.core.printable import suffix_of
from overtone.features import Scalar, save_arrays
from overtone.features.keys import ROLES
from overtone.search.base import Store
from overtone.search.records import RESERVED, Records, cast_table

NEIGHBOURS = 15
"""Neighbours of each item in a file for Embedding Atlas."""
_LABEL, _MEDIA = "label", "media_"
_FIFTYONE_FIELDS = {"string": "StringField", "int64": "IntField", "double": "FloatField", "bool": "BooleanField"}
_FIFTYONE_TAKEN = ("id", "filepath", "tags", "metadata", "frames", "media_type", "created_at", "last_modified_at")


def export_store(store: Store, path: str | Path) -> Path:
    """Write all items of a store into a file or folder of another program.

    ==================  ============================================================================================
    ``NAME.parquet``    Embedding Atlas: ``--vector vector_<modality> --neighbors neighbors_<modality>``
    ``NAME.npz``        arrays in the plain layout, which :func:`overtone.load` and ``numpy.load`` read
    ``NAME.json``       FiftyOne: ``fiftyone.Dataset.from_json``; a sample per item with its first media path
    ``NAME`` (folder)   TensorBoard's embedding projector: vectors and metadata as .tsv, and projector_config.pbtxt
    ==================  ============================================================================================

    Args:
        store: A store.
        path: The suffix says for which program.

    Returns:
        The path.

    Raises:
        InputError: The suffix is of no known program, the store is empty, or the file cannot be written.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        valid = ", ".join(suffix or "a folder without a suffix" for suffix in _WRITERS)
        raise InputError(f"{path}: no program is known for this suffix", got=suffix_of(path), valid=valid)
    if not store.count():
        raise InputError(f"{store.uri}: holds no items to export")
    try:
        writer(store, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def _write_atlas(store: Store, path: Path) -> None:
    """Ids, metadata, vectors, and per modality the row numbers and cosine distances of the nearest items."""
    rows = {name: row for row, name in enumerate(one for part in store.iterate() for one in part.ids)}
    with atomic_path(path) as temporary:
        writer = None
        for part in store.iterate():
            columns = {RESERVED: pyarrow.array(part.ids, pyarrow.string())}
            table = cast_table(part.metadata, store.columns)
            columns |= {name: table[name] for name in table.column_names}
            for name, vectors in part.vectors.items():
                flat = pyarrow.array(vectors.ravel())
                columns[f"vector_{name}"] = pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
                columns[f"neighbors_{name}"] = _neighbours(store, part, name, rows)
            found = pyarrow.table(columns)
            writer = writer or pyarrow.parquet.ParquetWriter(temporary, found.schema)
            writer.write_table(found)
        if writer is not None:
            writer.close()


def _neighbours(store: Store, part: Records, name: str, rows: dict[str, int]) -> pyarrow.Array:
    """Per item the nearest others in its own modality; null where it lacks it."""
    has = part.present[name]
    hits = iter(store.search(part.vectors[name][has], NEIGHBOURS + 1, to=name) if has.any() else [])
    found = []
    for one, there in zip(part.ids, has):
        others = [hit for hit in next(hits) if hit.id != one][:NEIGHBOURS] if there else None
        found.append(
            None
            if others is None
            else {"ids": [rows[hit.id] for hit in others], "distances": [1 - hit.score for hit in others]}
        )
    kind = pyarrow.struct([("ids", pyarrow.list_(pyarrow.int64())), ("distances", pyarrow.list_(pyarrow.float64()))])
    return pyarrow.array(found, kind)


def _write_npz(store: Store, path: Path) -> None:
    """The plain layout; rows of NaN where an item lacks a modality."""
    parts = list(store.iterate())
    arrays = {"modalities": np.array(list(store.modalities))}
    arrays["ids"] = np.array([one for part in parts for one in part.ids], dtype=str)
    for name in store.modalities:
        vectors = np.concatenate([part.vectors[name] for part in parts])
        vectors[~vectors.any(axis=1)] = np.nan
        arrays[name] = vectors
    for name, kind in store.columns.items():
        values = [value for part in parts for value in part.metadata[name].to_pylist()]
        key = "y" if name == _LABEL else name
        if key == "y" and (None in values or any(", " in value for value in values)):
            key = "label_names"  # several labels, or none: no column of classes
        if key in arrays or (key in ROLES and key not in ("y", "split")):
            key = f"column_{key}"
        missing = {"string": "", "bool": False}.get(kind, np.nan)
        arrays[key] = np.array([missing if value is None else value for value in values])
    save_arrays(arrays, path)


def _write_fiftyone(store: Store, path: Path) -> None:
    """A dataset as FiftyOne serialises it: the types of its fields, and samples with path, label, vectors, metadata."""
    kinds = "fiftyone.core.fields."
    fields = {"clip_id": f"{kinds}StringField"}
    fields["ground_truth"] = f"{kinds}EmbeddedDocumentField(fiftyone.core.labels.Classification)"
    vectors = {name: f"embedding_{name}" for name in store.modalities}
    fields |= dict.fromkeys(vectors.values(), f"{kinds}ListField({kinds}FloatField)")
    columns = {}
    for name in (column for column in store.columns if column != _LABEL):
        columns[name] = _fiftyone_name(name, fields)
        fields[columns[name]] = kinds + _FIFTYONE_FIELDS[store.columns[name]]
    rows = (row for part in store.iterate() for row in part.metadata.to_pylist())
    suffix = next(
        (PurePath(media).suffix for row in rows if (media := _media_path(row))), ""
    )  # one kind of media in all
    samples = []
    for part in store.iterate():
        for row, (one, metadata) in enumerate(zip(part.ids, part.metadata.to_pylist())):
            label = metadata.get(_LABEL)
            media = _media_path(metadata) or one + suffix
            sample: dict[str, object] = {"filepath": media, "tags": [], "metadata": None}
            sample |= {"clip_id": one, "ground_truth": None}
            if label is not None:
                sample["ground_truth"] = {"_cls": "Classification", "label": str(label)}
            for name, field in vectors.items():
                sample[field] = part.vectors[name][row].tolist() if part.present[name][row] else None
            samples.append(sample | {field: metadata[name] for name, field in columns.items()})
    document = {"name": path.stem, "sample_fields": fields, "info": {}, "samples": samples}
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(document), encoding="utf-8")


def _fiftyone_name(name: str, taken: Mapping[str, str]) -> str:
    """The name of a field: without dots and dollars, not beginning with a line, and none that is taken."""
    plain = re.sub(r"[.$]", "_", name).lstrip("_") or "column"
    while plain in taken or plain in _FIFTYONE_TAKEN:
        plain = f"column_{plain}"
    return plain


def _media_path(metadata: Mapping[str, Scalar]) -> str | None:
    """The path of an item's media, of several that of a video or an image."""
    paths = [str(value) for name, value in metadata.items() if name.startswith(_MEDIA) and value]
    seen = [path for path in paths if (mimetypes.guess_type(path)[0] or "").startswith(("video/", "image/"))]
    return next(iter([*seen, *paths]), None)


def _write_projector(store: Store, path: Path) -> None:
    """A log folder for TensorBoard; an item without a modality is not among that modality's points."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path}: exists and is not an empty folder", fix="choose another place")
    with atomic_folder(path) as temporary:
        for name in store.modalities:
            with (
                (temporary / f"{name}.tsv").open("w", encoding="utf-8") as vectors,
                (temporary / f"{name}_metadata.tsv").open("w", encoding="utf-8") as metadata,
            ):
                if store.columns:  # a single column has no heading
                    metadata.write("\t".join([RESERVED, *store.columns]) + "\n")
                for part in store.iterate():
                    table = part.metadata.to_pylist()
                    for row in np.flatnonzero(part.present[name]).tolist():
                        vectors.write("\t".join(f"{value:.7g}" for value in part.vectors[name][row]) + "\n")
                        cells = [part.ids[row], *(table[row][column] for column in store.columns)]
                        metadata.write("\t".join(map(_cell, cells)) + "\n")
        parts = [
            f"embeddings {{\n  tensor_name: {json.dumps(name)}\n  tensor_path: {json.dumps(name + '.tsv')}\n"
            f"  metadata_path: {json.dumps(name + '_metadata.tsv')}\n}}\n"
            for name in store.modalities
        ]
        (temporary / "projector_config.pbtxt").write_text("".join(parts), encoding="utf-8")


def _cell(value: Scalar) -> str:
    """A value in a line of tab-separated values."""
    return "" if value is None else " ".join(str(value).split()) or " "


_WRITERS: dict[str, Callable[[Store, Path], None]] = {
    ".parquet": _write_atlas,
    ".npz": _write_npz,
    ".json": _write_fiftyone,
    "": _write_projector,
}
