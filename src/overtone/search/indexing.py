"""From a run and its data to items of a store: embeddings, labels, splits, media paths and further columns."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow

from overtone.core import InputError, Progress, ProgressCallback
from overtone.features import Scalar
from overtone.search.base import Store
from overtone.search.origin import check_origin, set_origin
from overtone.search.records import make_table
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
    upsert: bool = False,
    progress: ProgressCallback | None = None,
) -> Indexing:
    """Embed features with a run and write them into a store.

    Args:
        store: A store.
        run: A trained run.
        data: Features of the run's modalities.
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
    set_origin(store, run, data)  # first: a call that is stopped leaves no items of unknown weights
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
    ``group`` and ``media_<modality>`` are there where they are known, and so are the columns of the features' metadata;
    one of the same name takes the place of these.
    """
    import torch

    columns: dict[str, Sequence[Scalar]] = {}
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
    return make_table(columns | data.metadata, len(data))


def _blocks(data: PairedFeatures) -> Iterator[tuple[int, PairedFeatures]]:
    """Parts of the clips, each with the number of its first one."""
    if len(data) <= BLOCK:
        yield 0, data
        return
    for start in range(0, len(data), BLOCK):
        yield start, data.subset(np.arange(start, min(start + BLOCK, len(data))))
