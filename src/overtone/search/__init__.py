"""Search: stores behind one protocol, filters, scores against chance; near-duplicates, outliers, mismatched pairs."""

from overtone.search.audit import Audit, AuditedSearch, audit_store
from overtone.search.base import Hit, Store, StoreInfo, stores
from overtone.search.chance import ChanceLevel
from overtone.search.clips import Clip, ScaledClips
from overtone.search.duplicates import DuplicateGroup, Duplicates, find_duplicates
from overtone.search.exports import export_store
from overtone.search.mismatched import Mismatch, Mismatches, find_mismatched
from overtone.search.opening import open_store, store_exists
from overtone.search.outliers import Outlier, Outliers, find_outliers
from overtone.search.querying import search_ids, search_vectors
from overtone.search.records import Records, make_records
from overtone.search.result import Indexing, QueryHits, SearchResult
from overtone.search.where import parse_where

__all__ = [
    "Audit",
    "AuditedSearch",
    "ChanceLevel",
    "Clip",
    "DuplicateGroup",
    "Duplicates",
    "Hit",
    "Indexing",
    "Mismatch",
    "Mismatches",
    "Outlier",
    "Outliers",
    "QueryHits",
    "Records",
    "ScaledClips",
    "SearchResult",
    "Store",
    "StoreInfo",
    "audit_store",
    "export_store",
    "find_duplicates",
    "find_mismatched",
    "find_outliers",
    "make_records",
    "open_store",
    "parse_where",
    "search_ids",
    "search_vectors",
    "store_exists",
    "stores",
]
