"""Search: stores of embeddings behind one protocol, opened by URI; filters, scores against chance, audits."""

from overtone.search.base import Hit, Store, StoreInfo, stores
from overtone.search.opening import open_store, store_exists
from overtone.search.records import Records, make_records
from overtone.search.where import parse_where

__all__ = [
    "Hit",
    "Records",
    "Store",
    "StoreInfo",
    "make_records",
    "open_store",
    "parse_where",
    "store_exists",
    "stores",
]
