"""The verb that asks a store: search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from typing_extensions import Unpack

from overtone.api.parameters import PairReading, Param, ViewReading
from overtone.api.reading import is_in_part, log, read, read_one
from overtone.api.running import is_run
from overtone.core import InputError, require_kind, unknown_name
from overtone.core.arguments import checks_types

if TYPE_CHECKING:
    from overtone.features import Features
    from overtone.search import SearchResult, Store
    from overtone.search.querying import SearchOptions
    from overtone.training import Run


@checks_types
def search_store(
    store: Annotated[str | Path | Store, Param("STORE|RUN")],
    *,
    query: Annotated[str | Path | Features | Sequence[str], Param("ID|FILE", many=True)] = (),
    text: Annotated[str | Sequence[str], Param("WORDS", many=True)] = (),
    row: Annotated[str | Sequence[str], Param("N|ID", many=True)] = (),
    from_modality: Annotated[str | Sequence[str] | None, Param("A[,B]", option="--from")] = None,
    to_modality: Annotated[str | Sequence[str] | None, Param("A[,B]", option="--to")] = None,
    k: Annotated[int, Param("K", option="-k", minimum=1)] = 10,
    where: Annotated[str | None, Param("FILTER")] = None,
    run: Annotated[str | Path | Run | None, Param("RUN", option="--run")] = None,
    backbone: Annotated[str | None, Param("NAME:PLACE")] = None,
    device: Annotated[str, Param("NAME")] = "cpu",
    **reading: Unpack[PairReading],
) -> SearchResult:
    """Find the items of STORE that are nearest to each query, by cosine; many queries are one batched call.

    A query is an item of the store, by its id; an image, a sound, a video or a text, which is described as the features
    of the items were; or the clips of a feature file. New clips are embedded with the run that the store was made with.
    From one modality to the other, within one, or with both fused.

    Args:
        store: The store, or the run whose store it is. In Python also an open store.
        query: Id of an item, a file of media (dog.wav), or a file of features; may be repeated. In Python also
            features.
        text: Words to search by, where one of the modalities is text; may be repeated.
        row: Of a feature file only these clips, by number from 0 or by id; may be repeated.
        from_modality: Modality of the query, or two; by default all that it has.
        to_modality: Modality to search, or two; by default the one that the query is not of, else both.
        k: Items per query.
        where: Only items that pass a filter such as "duration > 3 and label = 'dog'".
        run: Run that embeds new clips, if not the one that the store was made with.
        backbone: A backbone that describes media, if its model lies elsewhere than when the features were made.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        reading: How to read a feature file; see :func:`overtone.load`.

    Returns:
        The nearest items of each query, with scores.

    Raises:
        InputError: The store, a query, a modality or the filter cannot be used, or new clips would be described by
            another backbone, or embedded with other weights, than the store's items.
    """
    from overtone.features import Features, corpora
    from overtone.media.queries import describe_media, is_medium
    from overtone.search import Store, open_store, search_ids
    from overtone.search.origin import read_recipes
    from overtone.search.querying import split_names

    kinds = (str, Path, Features, Sequence)
    require_kind(query, kinds, "a query is an id, a file or features", fix="name items, or files")
    options: SearchOptions = {"from_modality": from_modality, "to_modality": to_modality, "where": where}
    opened = store if isinstance(store, Store) else open_store(store)
    try:
        if isinstance(query, Features):
            return _search_features(opened, query, row, k, run, device, options)
        asked, words = _listed(query), _listed(text)
        if not all((asked + words) or [""]):
            raise InputError("a search needs a query", fix="name an item of the store, or a file: --query")
        known = set(opened.known(asked))
        taken = () if row else known  # rows are of a file, whatever items are called
        files = [one for one in asked if one not in taken and (one in corpora or Path(one).exists())]
        if not (files or words):
            if row:
                raise InputError("--row is for queries from a feature file", got=", ".join(asked))
            return search_ids(opened, asked, k, **options)
        chosen, sides = _run_of(opened, run, device), split_names(from_modality)
        for name in sides or ():
            if name not in chosen.modalities:
                raise unknown_name("modality of the query", name, chosen.modalities)
        recipes = read_recipes(opened) or chosen.recipes
        media = [file for file in files if is_medium(file, recipes)]
        if words or media:
            if row:
                raise InputError("--row is for queries from a feature file", got=", ".join(media + words))
            if others := [one for one in asked if one not in media]:
                what = "media cannot be searched by together with items of the store, or with other files"
                raise InputError(what, got=", ".join(others), fix="search once for each kind of query")
            sequences = [name for name, shape in zip(chosen.modalities, chosen.info["shapes"]) if len(shape) > 1]
            described = describe_media(
                media, recipes, words=words, asked=sides, sequences=sequences, device=device, spec=backbone
            )
            _refuse_mixed(described, sides)
            return _search_features(opened, described, (), k, chosen, device, options)
        if len(asked) > 1:
            raise InputError("a feature file is a query on its own", got=", ".join(asked), fix="search once for each")
        data = _read_queries(files[0], chosen, sides, reading)
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
    from overtone.media.recipes import check_recipes
    from overtone.search import search_vectors
    from overtone.search.origin import check_origin, read_recipes
    from overtone.search.querying import split_names

    rows = [_row_number(data, one) for one in ([row] if isinstance(row, str) else row)]
    embedder = _run_of(store, run, device)
    check_origin(store, embedder)
    check_recipes(data, read_recipes(store) or embedder.recipes)
    if isinstance(data, PairedFeatures) and data.names != embedder.modalities:
        embedder.check(data)  # refuses them
    asked = split_names(options.get("from_modality")) or data.names
    names = [name for name in asked if name in data.names]
    chosen = _those_with_any(data.subset(rows) if rows else data, names, bool(rows))
    vectors = {name: embedder.embed_one(name, chosen).numpy() for name in names}
    present = {name: chosen.has(name).numpy() for name in names}
    return search_vectors(store, vectors, k, ids=chosen.ids, present=present, **options)


def _refuse_mixed(described: Features, asked: tuple[str, ...] | None) -> None:
    """Refuse media of which some have another modality than others, as these go other ways through the space."""
    for name in described.names if asked is None else ():
        there = described.has(name)
        if not there.all():
            has, lacks = (described.ids[int(rows.nonzero()[0, 0])] for rows in (there, ~there))
            what = f"media of several modalities: {has} has {name} and {lacks} has none"
            raise InputError(what, fix="search once for each, or by what all of them have: --from")


def _listed(one: object) -> list[str]:
    """One or several queries as a list of texts."""
    return [str(one)] if isinstance(one, (str, Path)) else [str(part) for part in cast("Sequence[str]", one)]


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
    from overtone.search.origin import embedding_run
    from overtone.training import Run

    if isinstance(run, Run):
        return run
    found = run or embedding_run(store)
    if not found or not is_run(found):
        what = f"{store.uri}: the run that it was made with is not known" if not found else f"{found}: not a run folder"
        raise InputError(what, fix="name the run that embeds the queries: --run")
    return Run.load(found, device)
