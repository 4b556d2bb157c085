"""Search: stores of embeddings behind one protocol, opened by URI; filters, scores against chance, audits."""

from overtone.search.base import Hit, Store, StoreInfo, stores
from overtone.search.opening import open_store, store_exists
from overtone.search.querying import search_ids, search_vectors
from overtone.search.records import Records, make_records
from overtone.search.result import ChanceLevel, Indexing, QueryHits, SearchResult
from overtone.search.where import parse_where

__all__ = [
    "ChanceLevel",
    "Hit",
    "Indexing",
    "QueryHits",
    "Records",
    "SearchResult",
    "Store",
    "StoreInfo",
    "make_records",
    "open_store",
    "parse_where",
    "search_ids",
    "search_vectors",
    "store_exists",
    "stores",
]
