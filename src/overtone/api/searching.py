"""Verbs around a store: index and search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from typing_extensions import Unpack

from overtone.api.parameters import Data, Flag, PairReading, Param, Settable, Settings, ViewReading
from overtone.api.reading import is_in_part, log, read, read_one
from overtone.api.running import is_run, require_run
from overtone.core import InputError, ProgressCallback
from overtone.core.outputs import check_file, check_writable

if TYPE_CHECKING:
    from overtone.features import Features
    from overtone.search import Indexing, SearchResult, Store
    from overtone.search.querying import SearchOptions
    from overtone.training import Run

STORE = "overtone.search.backends.flat.FlatSettings"


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


def search_store(
    store: Annotated[str | Path | Store, Param("STORE|RUN")],
    *,
    query: Annotated[str | Path | Features | Sequence[str], Param("ID|FILE", many=True)] = (),
    row: Annotated[str | Sequence[str], Param("N|ID", many=True)] = (),
    from_modality: Annotated[str | Sequence[str] | None, Param("A[,B]", option="--from")] = None,
    to_modality: Annotated[str | Sequence[str] | None, Param("A[,B]", option="--to")] = None,
    k: Annotated[int, Param("K", option="-k", minimum=1)] = 10,
    where: Annotated[str | None, Param("FILTER")] = None,
    run: Annotated[str | Path | Run | None, Param("RUN", option="--run")] = None,
    device: Annotated[str, Param("NAME")] = "cpu",
    **reading: Unpack[PairReading],
) -> SearchResult:
    """Find the items of STORE that are nearest to each query, by cosine; many queries are one batched call.

    A query is an item of the store, by its id, or the clips of a feature file, which are embedded with the run that the
    store was made with. From one modality to the other, within one, or with both fused.

    Args:
        store: The store, or the run whose store it is. In Python also an open store.
        query: Id of an item, or a file of features; may be repeated. In Python also features.
        row: Of a feature file only these clips, by number from 0 or by id; may be repeated.
        from_modality: Modality of the query, or two; by default all that it has.
        to_modality: Modality to search, or two; by default the one that the query is not of, else both.
        k: Items per query.
        where: Only items that pass a filter such as "duration > 3 and label = 'dog'".
        run: Run that embeds a feature file, if not the one that the store was made with.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        reading: How to read a feature file; see :func:`overtone.load`.

    Returns:
        The nearest items of each query, with scores.

    Raises:
        InputError: The store, a query, a modality or the filter cannot be used, or new features would be embedded with
            other weights than the store's items.
    """
    from overtone.features import Features, corpora
    from overtone.search import Store, open_store, search_ids
    from overtone.search.querying import split_names

    options: SearchOptions = {"from_modality": from_modality, "to_modality": to_modality, "where": where}
    opened = store if isinstance(store, Store) else open_store(store)
    try:
        if isinstance(query, Features):
            return _search_features(opened, query, row, k, run, device, options)
        asked = [str(one) for one in ([query] if isinstance(query, (str, Path)) else query)]
        if not all(asked or [""]):
            raise InputError("a search needs a query", fix="name an item of the store, or a feature file: --query")
        known = set(opened.known(asked))
        taken = () if row else known  # rows are of a file, whatever items are called
        files = [one for one in asked if one not in taken and (one in corpora or Path(one).exists())]
        if not files:
            if row:
                raise InputError("--row is for queries from a feature file", got=", ".join(asked))
            return search_ids(opened, asked, k, **options)
        if len(asked) > 1:
            raise InputError("a feature file is a query on its own", got=", ".join(asked), fix="search once for each")
        chosen = _run_of(opened, run, device)
        data = _read_queries(files[0], chosen, split_names(from_modality), reading)
        return _search_features(opened, data, row, k, chosen, device, options)
    finally:
        if opened is not store:
            opened.close()


def _search_features(
    store: Store,
    data: Features,
    row: str | Sequence[str],
    k: int,
    run: str | Path | Run | None,
    device: str,
    options: SearchOptions,
) -> SearchResult:
    """Embed the rows that are asked for and search by them."""
    from overtone.features import PairedFeatures
    from overtone.search import search_vectors
    from overtone.search.origin import check_origin
    from overtone.search.querying import split_names

    rows = [_row_number(data, one) for one in ([row] if isinstance(row, str) else row)]
    embedder = _run_of(store, run, device)
    check_origin(store, embedder)
    if isinstance(data, PairedFeatures) and data.names != embedder.modalities:
        embedder.check(data)  # refuses them
    asked = split_names(options.get("from_modality")) or data.names
    names = [name for name in asked if name in data.names]
    chosen = _those_with_any(data.subset(rows) if rows else data, names, bool(rows))
    vectors = {name: embedder.embed_one(name, chosen).numpy() for name in names}
    present = {name: chosen.has(name).numpy() for name in names}
    return search_vectors(store, vectors, k, ids=chosen.ids, present=present, **options)


def _those_with_any(data: Features, names: Sequence[str], chosen: bool) -> Features:
    """The clips that have one of some modalities, after a note on the others; if they were chosen, all must have."""
    import torch

    there = torch.stack([data.has(name) for name in names]).any(0)
    if there.all():
        return data
    what = " and ".join(names)
    if chosen or not there.any():
        source, lacking = data.provenance.source, data.ids[int((~there).nonzero()[0, 0])]
        raise InputError(f"{source}, clip {lacking!r}: without {what}", fix="query by what it has: --from")
    log.info("%d of %d clips lack %s and are no queries", int((~there).sum()), len(data), what)
    return data.subset(there.nonzero().flatten())


def _read_queries(source: str, run: Run, asked: tuple[str, ...] | None, reading: PairReading) -> Features:
    """Features of the modality that is asked for, or of those that the source has."""
    from overtone.features.loading import open_source
    from overtone.features.reading import check_reading

    if asked is None:
        with open_source(source, check_reading()) as table:
            asked = tuple(name for name in run.modalities if any(key.startswith(name) for key in table.arrays))
    keys = dict(zip(run.modalities, reading.get("modalities") or run.modalities))
    if len(asked) == 1 and not is_in_part(source, keys.get(asked[0], ""), tuple(keys.values()), reading):
        return read_one(source, asked[0], run.modalities, cast(ViewReading, reading), splits=False)
    return read(source, cast(PairReading, {"modalities": run.modalities, **reading}), splits=False)


def _row_number(data: Features, row: str) -> int:
    """The row that a number or an id names; an id comes first."""
    if row in data.ids:
        return data.ids.index(row)
    if row.isdigit() and int(row) < len(data):
        return int(row)
    raise InputError(f"{data.provenance.source}: no row {row!r}", valid=f"0 to {len(data) - 1}, or an id")


def _run_of(store: Store, run: str | Path | Run | None, device: str) -> Run:
    """The run that embeds queries: the one given, or the one that the store was made with."""
    from overtone.search.origin import RUN
    from overtone.training import Run

    if isinstance(run, Run):
        return run
    found = run or store.info().attributes.get(RUN)
    if not found or not is_run(found):
        what = f"{store.uri}: the run that it was made with is not known" if not found else f"{found}: not a run folder"
        raise InputError(what, fix="name the run that embeds the queries: --run")
    return Run.load(found, device)
