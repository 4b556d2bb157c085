"""From a run and its data to items of a store: embeddings, labels, splits, media paths and further columns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from overtone.core import InputError, Progress, ProgressCallback
from overtone.core.printable import suffix_of
from overtone.features.arrays import READ_ERRORS
from overtone.search.base import Store
from overtone.search.origin import check_origin, set_origin
from overtone.search.records import RESERVED, empty_table, make_table
from overtone.search.result import Indexing

if TYPE_CHECKING:
    from overtone.features import Features, PairedFeatures
    from overtone.training import Run

BLOCK = 65_536
"""Items that are embedded and written together."""


def index_features(
    store: Store,
    run: Run,
    data: PairedFeatures,
    *,
    metadata: pyarrow.Table | None = None,
    upsert: bool = False,
    progress: ProgressCallback | None = None,
) -> Indexing:
    """Embed features with a run and write them into a store.

    Args:
        store: A store.
        run: A trained run.
        data: Features of the run's modalities.
        metadata: Further columns, one row per clip, in the order of the clips.
        upsert: Whether items that are in the store are replaced; otherwise they are an error.
        progress: Called after each block of items.

    Returns:
        The store and how many items were written.

    Raises:
        InputError: The data does not fit the run or the store, its items were embedded with other weights, or an item
            is in the store already.
    """
    begun, total = time.perf_counter(), len(data)
    run.check(data)
    check_origin(store, run)
    if not upsert and (known := store.known(data.ids)):
        what = f"{store.uri}: has item {known[0]!r} already ({len(known):,} of {total:,})"
        raise InputError(what, fix="--upsert replaces items, --overwrite the whole store")
    columns = describe(data)
    if metadata is not None:
        for name in metadata.column_names:
            columns = columns.drop_columns([name]) if name in columns.column_names else columns
            columns = columns.append_column(name, metadata[name])
    set_origin(store, run, data.provenance.source)  # first: a call that is stopped leaves no items of unknown weights
    write = store.upsert if upsert else store.add
    for start, part in _blocks(data):
        embeddings = {name: rows.numpy() for name, rows in run.embed(part).items()}
        present = {name: part.has(name).numpy() for name in part.names}
        write(part.ids, embeddings, columns.slice(start, len(part)), present=present)
        if progress is not None:
            seconds = time.perf_counter() - begun
            progress(Progress("index", start + len(part), total, unit="item", seconds=seconds))
    return Indexing(store.info(), total, time.perf_counter() - begun)


def describe(data: Features) -> pyarrow.Table:
    """What features know of their clips, as metadata columns.

    ``label`` is the class name, of several the names with ", " between them; null without annotation. ``split``,
    ``group`` and ``media_<modality>`` are there where they are known.
    """
    import torch

    columns: dict[str, list[str | None]] = {}
    if data.labels is not None:
        named: list[list[str]] = [[] for _ in range(len(data))]
        if data.labels.dim() == 1:
            named = [[data.class_names[code]] if code >= 0 else [] for code in data.labels.tolist()]
        else:
            for row, kind in torch.nonzero(data.labels > (0.5 if data.label_kind == "soft" else 0.0)).tolist():
                named[row].append(data.class_names[kind])
        columns["label"] = [", ".join(names) or None for names in named]
    if data.splits:
        splits: list[str | None] = [None] * len(data)
        for name, rows in data.splits.items():
            for row in rows.tolist():
                splits[row] = name
        columns["split"] = splits
    if data.groups:
        columns["group"] = [group or None for group in data.groups]
    for name, paths in data.media.items():
        columns[f"media_{name}"] = [path or None for path in paths]
    return make_table(columns, len(data))


def read_metadata(path: str | Path, data: Features) -> pyarrow.Table:
    """Read further columns from a table with a column ``id``, in the order of the clips.

    Args:
        path: A .csv or .parquet file.
        data: The clips; those that the table lacks have null in every column.

    Returns:
        The columns without the ids.

    Raises:
        InputError: The file cannot be read, has no column ``id``, an id twice, or none of the clips.
    """
    path = Path(path)
    readers = {".csv": pyarrow.csv.read_csv, ".parquet": pyarrow.parquet.read_table, ".pq": pyarrow.parquet.read_table}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: unknown kind of table", got=suffix_of(path), valid=".csv, .parquet")
    try:
        table = readers[path.suffix.lower()](path)
    except READ_ERRORS as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})", fix="check the file") from None
    if RESERVED not in table.column_names:
        raise InputError(f"{path}: no column {RESERVED!r}", got=", ".join(table.column_names))
    ids = table[RESERVED].cast(pyarrow.string()).combine_chunks()
    if len(ids.unique()) < len(ids):
        counts = ids.value_counts().to_pylist()
        twice = next(entry["values"] for entry in counts if entry["counts"] > 1)
        raise InputError(f"{path}: id {twice!r} stands twice", fix="one row per clip")
    place = pyarrow.compute.index_in(pyarrow.array(data.ids, pyarrow.string()), value_set=ids)
    if place.null_count == len(place) and len(place):
        raise InputError(
            f"{path}: has none of the clips' ids",
            got=repr(ids[0].as_py()) if len(ids) else "no rows",
            valid=f"such as {data.ids[0]!r}",
        )
    columns = table.drop_columns([RESERVED])
    return make_table(columns.take(place), len(data)) if columns.num_columns else empty_table(len(data))


def _blocks(data: PairedFeatures) -> Iterator[tuple[int, PairedFeatures]]:
    """Parts of the clips, each with the number of its first one."""
    if len(data) <= BLOCK:
        yield 0, data
        return
    for start in range(0, len(data), BLOCK):
        yield start, data.subset(np.arange(start, min(start + BLOCK, len(data))))
