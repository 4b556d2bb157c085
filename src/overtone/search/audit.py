"""Whether a store's answers are those of an exhaustive search, with and without filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute

from overtone.core.documents import Document
from overtone.core.results import Record, Result
from overtone.search.base import Store
from overtone.search.chance import mean_vectors
from overtone.search.records import Vectors

_QUERIES = 200
_TIE = 2e-5
_FILTERED_COLUMNS = 3
_VALUES = 1000


@dataclass(frozen=True)
class AuditedSearch(Document):
    """Answers of a store against exact ones.

    Attributes:
        to: The modality that was searched.
        items: Number of items that pass it and have the modality.
        queries: Number of queries: items drawn at random.
        recall: Share of the exact k nearest items that the store found, mean over the queries.
        short: Share of the queries that got fewer items than there are to find.
        where: The filter; None without.
    """

    to: str
    items: int
    queries: int
    recall: float
    short: float
    where: str | None = None

    @property
    def exact(self) -> bool:
        """Whether nothing was missed."""
        return self.recall == 1 and self.short == 0


@dataclass(frozen=True, repr=False)
class Audit(Document, Result):
    """An audit of a store.

    Attributes:
        k: Items asked for per query.
        searches: One entry for each modality, without a filter and with each of them.
        verdict: A sentence.
    """

    k: int
    searches: tuple[AuditedSearch, ...]
    verdict: str

    def headline(self) -> str:
        """The verdict."""
        return self.verdict

    def iter_records(self) -> Iterator[Record]:
        """A row per modality and filter."""
        return (one.to_dict() for one in self.searches)


def audit_store(
    store: Store, *, where: Sequence[str] = (), k: int = 10, queries: int = _QUERIES, seed: int = 0
) -> Audit:
    """Compare a store's answers with those of brute force over all of its items.

    Approximate indexes lose items in silence, most of all under filters that few items pass. An item counts as found if
    its exact score is at least that of the exact k-th item, so ties are no misses.

    Args:
        store: A store.
        where: Filters in use; by default the most and the least frequent value of up to three columns.
        k: Items per query.
        queries: Number of queries, drawn from the store's items.
        seed: Of the draw.

    Returns:
        Recall with and without filters, and a verdict.

    Raises:
        InputError: A filter cannot be used, or what is stored is damaged.
    """
    store.verify()
    drawn = store.sample(queries, seed)
    filters = [None, *(where or common_filters(store))]
    searches = []
    for to in store.modalities:
        vectors, has = mean_vectors(drawn, (to,), unit=True)
        if has.any():
            searches += [_audit(store, vectors[has], to, one, k) for one in filters]
    return Audit(k, tuple(searches), _verdict(searches, k))


def common_filters(store: Store) -> list[str]:
    """For up to three columns of text or flags, filters for the most and the least frequent value."""
    filters: list[str] = []
    columns = [name for name, kind in store.columns.items() if kind in ("string", "bool")]
    for name in columns:
        tables = (part.metadata[name] for part in store.iterate())
        counts: dict[str | bool, int] = {}
        for column in tables:
            for entry in pyarrow.compute.value_counts(column.drop_null()).to_pylist():
                counts[entry["values"]] = counts.get(entry["values"], 0) + entry["counts"]
            if len(counts) > _VALUES:  # names and paths are no classes
                break
        if 1 < len(counts) <= _VALUES:
            ranked = sorted(counts, key=lambda value: (-counts[value], str(value)))
            filters += [f"{_quoted(name)} = {_literal(value)}" for value in (ranked[0], ranked[-1])]
        if len(filters) >= 2 * _FILTERED_COLUMNS:
            break
    return filters


def _audit(store: Store, queries: Vectors, to: str, where: str | None, k: int) -> AuditedSearch:
    """One search of all queries, served and exact."""
    served = [{hit.id for hit in hits} for hits in store.search(queries, k, to=to, where=where)]
    best = np.full((len(queries), k), -np.inf)
    scores = np.full((len(queries), k), -np.inf)
    taken, items = np.zeros(len(queries), int), 0
    for ids, block in _blocks(store, to, where):
        exact = queries.astype(np.float64) @ block.T
        best = -np.sort(-np.concatenate([best, exact], axis=1), axis=1)[:, :k]
        items += len(ids)
        for column, name in enumerate(ids):
            for query, names in enumerate(served):
                if name in names:
                    scores[query, taken[query]] = exact[query, column]
                    taken[query] += 1
    wanted = min(k, items)
    if not wanted:
        return AuditedSearch(to, 0, len(queries), 1.0, 0.0, where)
    found = (scores >= best[:, wanted - 1 : wanted] - _TIE)[:, :wanted].sum(axis=1)
    short = np.array([len(names) < wanted for names in served])
    return AuditedSearch(to, items, len(queries), float(found.mean() / wanted), float(short.mean()), where)


def _blocks(store: Store, to: str, where: str | None) -> Iterator[tuple[tuple[str, ...], Vectors]]:
    """Ids and vectors of the items that can be found."""
    for part in store.iterate(where=where):
        has = part.present[to]
        yield tuple(name for name, there in zip(part.ids, has) if there), part.vectors[to][has]


def _verdict(searches: Sequence[AuditedSearch], k: int) -> str:
    if not searches:
        return "There is nothing to search."
    if all(one.exact for one in searches):
        return f"Exact: in {len(searches)} searches every one of the {k} nearest items was found."
    worst = min(searches, key=lambda one: (one.recall, -one.short))
    plain = min((one.recall for one in searches if one.where is None), default=1.0)
    under = f" under the filter {worst.where}" if worst.where is not None else ""
    return (
        f"Approximate: the store finds {100 * plain:.1f} % of the nearest items without a filter, and "
        f"{100 * worst.recall:.1f} %{under} in {worst.to}: use an exact index, or search for more items than you need."
    )


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _literal(value: str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    doubled = value.replace("'", "''")
    return f"'{doubled}'"
