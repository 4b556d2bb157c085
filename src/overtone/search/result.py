"""The typed results of indexing and searching."""

from __future__ import annotations

from dataclasses import dataclass

from overtone.core.documents import Document
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


@dataclass(frozen=True)
class SearchResult(Document):
    """The answers to one or several queries.

    Attributes:
        store: URI of the store.
        from_modality: Modalities of the queries; of several the mean.
        to_modality: Modalities that were searched; of several the mean score.
        k: Most items per query.
        items: Number of items that could be found.
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


@dataclass(frozen=True)
class Indexing(Document):
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
