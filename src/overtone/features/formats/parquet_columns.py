"""Columns of Parquet files that mean more than their type says: lists of labels, bytes of numbers, named classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from overtone.features.arrays import Rows, Values
from overtone.features.class_order import sort_classes
from overtone.features.keys import LABELS

if TYPE_CHECKING:
    import pyarrow

_TINY = 1e-20
"""Numbers nearer to zero than this, or farther from it than its inverse, are bytes of something else."""


def words_of_lists(column: pyarrow.Array, key: str) -> tuple[Values, Values] | None:
    """(N, C) multi-hot labels and C names, of lists of names or of class numbers under a key of labels; else None."""
    import pyarrow.types as kinds

    if key not in LABELS or not (kinds.is_list(column.type) or kinds.is_large_list(column.type)):
        return None
    inner = column.type.value_type
    texts = kinds.is_string(inner) or kinds.is_large_string(inner) or kinds.is_string_view(inner)
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if not texts and not (kinds.is_integer(inner) and len(np.unique(lengths)) > 1):
        return None
    lists = [
        {item.strip() if texts else item for item in row or () if item not in (None, "", -1)}
        for row in column.to_pylist()
    ]
    found = set().union(*lists)
    names = sort_classes(found) if texts else sorted(found)
    place = {name: at for at, name in enumerate(names)}
    labels = np.zeros((len(lists), max(1, len(names))), np.uint8)
    for row, found in enumerate(lists):
        labels[row, [place[name] for name in found]] = 1
    return labels, np.array([str(name) for name in names] or ["none"])


def numbers_of_bytes(column: pyarrow.Array) -> Values | None:
    """(N, d) numbers of a column of bytes, as many in each row; None where they are none."""
    import pyarrow.types as kinds

    if not (
        kinds.is_binary(column.type) or kinds.is_large_binary(column.type) or kinds.is_fixed_size_binary(column.type)
    ):
        return None
    rows = [row or b"" for row in column.to_pylist()]
    size = len(rows[0]) if rows else 0
    if not size or size % 4 or any(len(row) != size for row in rows):
        return None
    whole = bytearray(b"".join(rows))
    for kind in ("<f4", "<f8"):
        if size % np.dtype(kind).itemsize == 0:
            found: Values = np.frombuffer(whole, kind).reshape(len(rows), -1)
            magnitude = np.abs(found[found != 0].astype(np.float64))
            if bool(((magnitude > _TINY) & (magnitude < 1 / _TINY)).all()):
                return found
    return None


def names_of_hugging_face(texts: Mapping[str, str], found: Mapping[str, Rows]) -> list[str]:
    """Names of the label column's classes that the library datasets wrote into the file's metadata; none without."""
    try:
        features = json.loads(texts.get("huggingface", "{}"))["info"]["features"]
        names = features[next(key for key in LABELS if key in found)]["names"]
    except (ValueError, KeyError, TypeError, StopIteration):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []
