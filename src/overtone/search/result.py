"""The typed results of indexing and searching."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from overtone.core.documents import Document
from overtone.core.results import Record, Result, counted
from overtone.features.clip_records import rename_taken
from overtone.search.audit import Audit
from overtone.search.chance import ChanceLevel
from overtone.search.hits import Hit, StoreInfo


@dataclass(frozen=True)
class QueryHits(Document):
    """What one query found.

    Attributes:
        query: Id of the query.
        hits: The nearest items, the best first.
    """

    query: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, repr=False)
class SearchResult(Document, Result):
    """The answers to one or several queries.

    Attributes:
        store: URI of the store.
        from_modality: Modalities of the queries; of several the mean.
        to_modality: Modalities that were searched; of several the mean score.
        k: Most items per query.
        items: Number of items of the store that pass the filter.
        queries: One entry per query.
        seconds: Time of the search, without the embedding of the queries.
        where: The filter; None without.
        chance: Scores of random pairs; None in a store of fewer than three items with these modalities.
    """

    store: str
    from_modality: tuple[str, ...]
    to_modality: tuple[str, ...]
    k: int
    items: int
    queries: tuple[QueryHits, ...]
    seconds: float
    where: str | None = None
    chance: ChanceLevel | None = None

    def headline(self) -> str:
        """How many queries went from where to where."""
        ways = f"{' and '.join(self.from_modality)} → {' and '.join(self.to_modality)}"
        where = "" if self.where is None else f" where {self.where}"
        return (
            f"{counted(len(self.queries), 'query', 'queries')} {ways} among {self.items:,} items of {self.store}{where}"
        )

    def iter_records(self) -> Iterator[Record]:
        """A row per hit: the query, the rank from 1, and the hit with its metadata."""
        for one in self.queries:
            for rank, hit in enumerate(one.hits, 1):
                own: Record = {"query": one.query, "rank": rank, "id": hit.id, "score": hit.score}
                own["above_chance"] = hit.above_chance
                yield {**own, **rename_taken(hit.metadata, own)}


@dataclass(frozen=True, repr=False)
class Indexing(Document, Result):
    """What was written into a store.

    Attributes:
        store: The store afterwards.
        written: Number of items written.
        seconds: Time in all, the embedding included.
        audit: How exact the store's answers are; None unless asked for.
    """

    store: StoreInfo
    written: int
    seconds: float
    audit: Audit | None = None

    def headline(self) -> str:
        """How much was written, and where."""
        return f"{self.written:,} items written into {self.store.uri}, which holds {self.store.items:,}"

    def iter_records(self) -> Iterator[Record]:
        """A row per modality of the store."""
        return ({"modality": name, "width": width} for name, width in self.store.modalities.items())
