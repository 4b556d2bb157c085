"""Verbs that fill a store and empty it: index and export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Unpack

from overtone.api.parameters import Data, Flag, PairReading, Param, Settable, Settings
from overtone.api.reading import read
from overtone.api.running import require_run
from overtone.core import InputError, ProgressCallback
from overtone.core.arguments import checks_types
from overtone.core.outputs import check_file, check_writable
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from overtone.search import Indexing, Store
    from overtone.training import Run

STORE = "overtone.search.backends.flat.FlatSettings"


@checks_types
@shows_progress
def index(
    run: Annotated[str | Path | Run, Param("RUN")],
    data: Data,
    *,
    store: Annotated[str | Path | None, Param("URI")] = None,
    upsert: Flag = False,
    overwrite: Flag = False,
    audit: Flag = False,
    where: Annotated[str | Sequence[str], Param("FILTER", many=True)] = (),
    settings: Annotated[Settings, Settable(STORE)] = None,
    device: Annotated[str, Param("NAME")] = "cpu",
    progress: ProgressCallback | None = None,
    **reading: Unpack[PairReading],
) -> Indexing:
    """Embed DATA with a trained RUN and put it into a store, with ids, labels, splits and media paths, to be searched.

    Args:
        run: The folder of a finished run. In Python also a run.
        data: A feature file, a folder, or a corpus, of the kind that the run was trained on.
        store: The store, made if it is not there: a folder, or KIND:PLACE; by default the folder RUN/store.
        upsert: Replace items that are in the store already; otherwise they are an error.
        overwrite: Replace the whole store, once the new one is written.
        audit: Afterwards compare the store's answers with exact ones, with and without filters.
        where: Of the audit: a filter in use; may be repeated; by default frequent and rare values of some columns.
        settings: Settings of the store.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        progress: Called after each block of items.
        reading: How to read the data; see :func:`overtone.load`. The columns of ``metadata`` are there for --where.

    Returns:
        The store, and how many items were written.

    Raises:
        InputError: The run, the data or the store cannot be used, the store holds items of other weights, or an item
            is in the store already.
    """
    require_run(run)
    if where and not audit:
        raise InputError("index: --where is for the audit", fix="ask for it: --audit")
    filters = (where,) if isinstance(where, str) else tuple(where)
    from overtone.search import audit_store
    from overtone.search.indexing import index_features
    from overtone.search.opening import DEFAULT, open_store, replace_store
    from overtone.search.where import parse_where
    from overtone.training import Run

    for one in filters:
        parse_where(one)  # a mistake is said before the work
    run = run if isinstance(run, Run) else Run.load(run, device)
    if store is None:
        if run.folder is None:
            raise InputError("the run has no folder", fix="name a store")
        store = run.folder / DEFAULT
    reading.setdefault("modalities", run.modalities)
    features = read(data, reading)
    run.check(features)
    opening = (
        replace_store(store, settings=settings) if overwrite else open_store(store, create=True, settings=settings)
    )
    with opening as opened:
        found = index_features(opened, run, features, upsert=upsert, progress=progress)
    if not audit:
        return found
    with open_store(store, settings=settings) as opened:
        return replace(found, audit=audit_store(opened, where=filters))


@checks_types
def export(
    store: Annotated[str | Path | Store, Param("STORE|RUN")],
    *,
    out: Annotated[str | Path | Sequence[str | Path], Param("FILE", many=True)] = (),
    overwrite: Flag = False,
) -> list[Path]:
    """Write all items of STORE into files that other programs open.

    The suffix says which: .parquet for Embedding Atlas, .npz for numpy and for Overtone, .json for FiftyOne, and a name
    without suffix a folder for TensorBoard's embedding projector.

    Args:
        store: The store, or the run whose store it is. In Python also an open store.
        out: File or folder to write; may be repeated.
        overwrite: Replace files that are there.

    Returns:
        What was written.

    Raises:
        InputError: The store cannot be used, a suffix is of no known program, or a file cannot be written.
    """
    from overtone.search import Store, export_store, open_store

    files = [out] if isinstance(out, (str, Path)) else list(out)
    if not files:
        raise InputError("export: no file is named", fix="name one or several with --out")
    place = store if isinstance(store, (str, Path)) else store.uri
    inputs = (place, str(place).partition(":")[2])  # a store may be named by its kind and its place
    for file in map(Path, files):
        if file.suffix:
            check_file(file, inputs=inputs, overwrite=overwrite)
        else:
            check_writable(file)
    if isinstance(store, Store):
        return [export_store(store, file) for file in files]
    with open_store(store) as opened:
        return [export_store(opened, file) for file in files]
