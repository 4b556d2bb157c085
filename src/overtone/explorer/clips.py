"""The clips that are explored: ids, metadata, filters, text search, and the columns to colour by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow
import pyarrow.compute as compute
from numpy.typing import NDArray

from overtone.core import unknown_name
from overtone.explorer.columns import Column, describe_column, encode_column
from overtone.features import Scalar
from overtone.search import parse_where
from overtone.search.expression import evaluate_filter
from overtone.search.filters import check_where

Rows = NDArray[np.int64]
"""Numbers of clips, from 0."""

MEDIA = "media_"
"""Prefix of the metadata columns with paths."""


@dataclass(frozen=True, eq=False)
class Clips:
    """N clips.

    Attributes:
        ids: N names.
        table: N rows of metadata, with the types of :data:`overtone.search.records.COLUMN_TYPES`.
    """

    ids: tuple[str, ...]
    table: pyarrow.Table

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Id to row."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def types(self) -> dict[str, str]:
        """Column to the name of its type."""
        return {field.name: str(field.type) for field in self.table.schema}

    def passing(self, where: str) -> Rows:
        """The rows that pass a filter of :mod:`overtone.search.where`.

        Raises:
            InputError: The filter cannot be parsed, or does not fit the columns.
        """
        found = parse_where(where)
        check_where(found, self.types, where)
        flags = evaluate_filter(found, self.table, self.types)
        return np.flatnonzero(compute.fill_null(flags, False).to_numpy(zero_copy_only=False))

    def containing(self, text: str) -> Rows:
        """The rows whose id or text has every word of a text in it, whatever the case; ids that begin with it first."""
        flags = np.ones(len(self), dtype=bool)
        columns = [self.table[name] for name, kind in self.types.items() if kind == "string"]
        columns.append(pyarrow.chunked_array([self.ids], pyarrow.string()))
        for word in text.split():
            hit = np.zeros(len(self), dtype=bool)
            for column in columns:
                matched = compute.match_substring(column, word, ignore_case=True)
                hit |= compute.fill_null(matched, False).to_numpy(zero_copy_only=False)
            flags &= hit
        found = np.flatnonzero(flags)
        begins = np.array([not self.ids[row].casefold().startswith(text.casefold()) for row in found], dtype=bool)
        return found[np.argsort(begins, kind="stable")]

    def describe(self, rows: Sequence[int]) -> list[dict[str, Scalar]]:
        """Id, row and metadata of some clips; paths of media are left out."""
        part: list[dict[str, Scalar]] = self.table.take(pyarrow.array(rows, pyarrow.int64())).to_pylist()
        return [
            {
                "row": row,
                "id": self.ids[row],
                **{name: one for name, one in values.items() if not name.startswith(MEDIA)},
            }
            for row, values in zip(rows, part)
        ]

    def media_path(self, row: int, modality: str) -> str | None:
        """The path of a clip's media, as it was stored."""
        name = MEDIA + modality
        return self.table[name][row].as_py() if name in self.table.column_names else None

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """What clips can be coloured by: label and split first."""
        names = [name for name in self.table.column_names if not name.startswith(MEDIA)]
        ordered = sorted(names, key=lambda name: name not in ("label", "split"))
        return tuple(describe_column(name, self.table[name]) for name in ordered)

    def values(self, name: str) -> NDArray[np.int32] | NDArray[np.float32]:
        """(N,) values of a column, see :func:`overtone.explorer.columns.encode_column`.

        Raises:
            InputError: There is no such column that is not text.
        """
        known = {one.name: one for one in self.columns if one.kind != "text"}
        if name not in known:
            raise unknown_name("column to colour by", name, known)
        return encode_column(known[name], self.table[name])
