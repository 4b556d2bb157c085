"""Search: stores behind one protocol, filters, scores against chance; duplicates, outliers, mismatches; labels."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from overtone.search.audit import Audit, AuditedSearch, audit_store
from overtone.search.base import Store, stores
from overtone.search.chance import ChanceLevel
from overtone.search.exports import export_store
from overtone.search.hits import Hit, StoreInfo
from overtone.search.opening import open_store, replace_store, store_exists
from overtone.search.querying import search_ids, search_vectors
from overtone.search.records import Records, make_records
from overtone.search.result import Indexing, QueryHits, SearchResult
from overtone.search.where import parse_where

if TYPE_CHECKING:
    from overtone.search.clips import Clip, ScaledClips
    from overtone.search.duplicates import DuplicateGroup, Duplicates, find_duplicates
    from overtone.search.labelling import LabelledClip, Labelling, label_clips
    from overtone.search.leakage import find_leakage
    from overtone.search.mismatched import Mismatch, Mismatches, find_mismatched
    from overtone.search.outliers import Outlier, Outliers, find_outliers

__all__ = [
    "Audit",
    "AuditedSearch",
    "ChanceLevel",
    "Clip",
    "DuplicateGroup",
    "Duplicates",
    "Hit",
    "Indexing",
    "LabelledClip",
    "Labelling",
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
    "find_leakage",
    "find_mismatched",
    "find_outliers",
    "label_clips",
    "make_records",
    "open_store",
    "parse_where",
    "replace_store",
    "search_ids",
    "search_vectors",
    "store_exists",
    "stores",
]

_WITH_TORCH = {
    "Clip": "clips",
    "DuplicateGroup": "duplicates",
    "Duplicates": "duplicates",
    "LabelledClip": "labelling",
    "Labelling": "labelling",
    "Mismatch": "mismatched",
    "Mismatches": "mismatched",
    "Outlier": "outliers",
    "Outliers": "outliers",
    "ScaledClips": "clips",
    "find_duplicates": "duplicates",
    "find_leakage": "leakage",
    "find_mismatched": "mismatched",
    "find_outliers": "outliers",
    "label_clips": "labelling",
}


def __getattr__(name: str) -> object:
    """What looks through clips, imported on first use: it needs torch, which takes seconds and no search does."""
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)
