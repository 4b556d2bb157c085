"""Queries by id or by vectors: from one modality to another, within one, or over several; scores against chance."""

from __future__ import annotations

import difflib
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, unknown_name
from overtone.search.base import Store
from overtone.search.chance import ChanceLevel, chance_level, mean_vectors
from overtone.search.hits import Hit
from overtone.search.records import Records, empty_table, unit_rows
from overtone.search.result import QueryHits, SearchResult

Modalities = str | Sequence[str] | None
"""One name, several, or ``"a,b"``; None for what fits."""


class SearchOptions(TypedDict, total=False):
    """Which way to search and among which items; see :func:`search_vectors`."""

    from_modality: Modalities
    to_modality: Modalities
    where: str | None


_NEAR_NAMES = 100_000
"""Ids that are compared with a misspelt one, at most."""


def search_ids(
    store: Store,
    ids: Sequence[str],
    k: int = 10,
    *,
    from_modality: Modalities = None,
    to_modality: Modalities = None,
    where: str | None = None,
    chance: ChanceLevel | None = None,
) -> SearchResult:
    """Search by items of the store, which do not find themselves.

    Args:
        store: A store.
        ids: Names of items in it.
        k: Most items per query.
        from_modality, to_modality: See :func:`search_vectors`.
        where: Only items that pass this filter.
        chance: Scores of random pairs for this way; if None, they are computed, in one pass of the store.

    Returns:
        The answers.

    Raises:
        InputError: An id is not in the store, or a modality or the filter cannot be used.
    """
    known = set(store.known(ids))
    for name in ids:
        if name not in known:
            raise _unknown_id(store, name)
    records = store.get(ids)
    found = _search(store, records, k + 1, from_modality, to_modality, where, chance)
    own = [replace(one, hits=tuple(hit for hit in one.hits if hit.id != one.query)[:k]) for one in found.queries]
    return replace(found, k=k, queries=tuple(own))


def search_vectors(
    store: Store,
    vectors: Mapping[str, NDArray[np.float32]],
    k: int = 10,
    *,
    ids: Sequence[str] | None = None,
    present: Mapping[str, NDArray[np.bool_]] | None = None,
    from_modality: Modalities = None,
    to_modality: Modalities = None,
    where: str | None = None,
    chance: ChanceLevel | None = None,
) -> SearchResult:
    """Search by embeddings of one modality or of several.

    Args:
        store: A store.
        vectors: Modality to (Q, d) rows.
        k: Most items per query.
        ids: Q names of the queries; row numbers by default.
        present: Modality to (Q,) flags of the queries that have it; all of them, if a modality is not named.
        from_modality: Modalities of the query, all that it has by default; of several the mean of the unit vectors.
        to_modality: Modalities that are searched; by default the other one if the query is of one of two, else all.
        where: Only items that pass this filter.
        chance: As for :func:`search_ids`.

    Returns:
        The answers, with scores against the chance level of the store.

    Raises:
        InputError: The vectors, a modality or the filter cannot be used.
    """
    rows = {name: unit_rows(part, name, ids, (present or {}).get(name)) for name, part in vectors.items()}
    count = len(next(iter(rows.values()), ()))
    names = tuple(map(str, range(count) if ids is None else ids))
    return _search(store, Records(names, rows, empty_table(count)), k, from_modality, to_modality, where, chance)


def split_names(names: Modalities) -> tuple[str, ...] | None:
    """``"a,b"`` to ``("a", "b")``; a sequence of names as it is."""
    if isinstance(names, str):
        return tuple(name.strip() for name in names.split(",") if name.strip())
    return None if names is None else tuple(names)


def _search(
    store: Store,
    queries: Records,
    k: int,
    from_modality: Modalities,
    to_modality: Modalities,
    where: str | None,
    chance: ChanceLevel | None,
) -> SearchResult:
    sources = _sources(store, queries, split_names(from_modality))
    targets = split_names(to_modality) or _other(store, sources)
    for name in targets:
        if name not in store.modalities:
            raise unknown_name(f"modality of {store.uri}", name, store.modalities)
    vectors, has = mean_vectors(queries, sources, unit=True)
    if not has.all():
        row = int(np.flatnonzero(~has)[0])
        what = f"query {queries.ids[row]!r}: lacks {' and '.join(sources)}"
        raise InputError(what, fix="query by the modality that it has: --from")
    begun = time.perf_counter()
    hits = store.search(vectors, k, to=targets, where=where)
    seconds = time.perf_counter() - begun
    if chance is None and store.modalities.keys() >= set(sources):
        chance = chance_level(store, sources, targets)
    answers = tuple(
        QueryHits(name, tuple(_against(hit, chance) for hit in found)) for name, found in zip(queries.ids, hits)
    )
    return SearchResult(store.uri, sources, targets, k, store.count(where), answers, seconds, where, chance)


def _sources(store: Store, queries: Records, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    """The modalities of the query."""
    offered = tuple(queries.vectors)
    for name in asked or ():
        if name not in offered:
            raise unknown_name("modality of the query", name, offered)
    return asked or offered


def _other(store: Store, sources: tuple[str, ...]) -> tuple[str, ...]:
    """What is searched by default: the other modality of two, else all."""
    names = tuple(store.modalities)
    rest = tuple(name for name in names if name not in sources)
    return rest if len(sources) == 1 and len(names) == 2 and len(rest) == 1 else names


def _against(hit: Hit, chance: ChanceLevel | None) -> Hit:
    return hit if chance is None else replace(hit, above_chance=(hit.score - chance.mean) / chance.std)


def _unknown_id(store: Store, name: str) -> InputError:
    names = (one for part in store.iterate() for one in part.ids)
    close = difflib.get_close_matches(name, list(itertools.islice(names, _NEAR_NAMES)), n=1)
    fix = f"did you mean {close[0]!r}?" if close else "name an item, or a file of features"
    return InputError(f"{store.uri}: no item {name!r}, and no file of that name", fix=fix)
