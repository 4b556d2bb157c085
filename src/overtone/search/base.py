"""The protocol of a store: what can be asked of any of them, whatever is behind it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

import numpy as np
import pyarrow
from typing_extensions import Self

from overtone.core import InputError, Registry, unknown_name
from overtone.core.printable import has_half_characters
from overtone.features import Scalar
from overtone.features.arrays import ArrayLike
from overtone.search.filters import Filter, check_where
from overtone.search.hits import Hit
from overtone.search.kind import StoreKind
from overtone.search.records import (
    Records,
    join_columns,
    join_records,
    make_records,
    unit_rows,
)
from overtone.search.where import parse_where

stores: Registry[type[Store]] = Registry("store", "overtone.search.backends")
"""All kinds of stores, by the scheme of their URI."""


class Store(StoreKind):
    """Items with an id, a vector per modality and metadata; searched by cosine.

    The methods here check what comes in and are the same for every kind of store; a kind implements those of
    :class:`overtone.search.kind.StoreKind`. A store is a context manager, which closes it.
    """

    def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Write down something about the contents, over entries of the same name.

        Args:
            attributes: Name to text.
        """
        with self._writing():
            self._set_attributes({str(name): str(text) for name, text in attributes.items()})

    def add(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: Mapping[str, Sequence[Scalar]] | pyarrow.Table | None = None,
        *,
        present: Mapping[str, ArrayLike] | None = None,
    ) -> int:
        """Add new items. When the call returns they are stored; until then, none of them is.

        Args:
            ids, vectors, metadata, present: As for :func:`overtone.search.make_records`.

        Returns:
            Number of items added.

        Raises:
            InputError: An id is in the store already, or something does not fit; nothing was added.
        """
        with self._writing():
            records = self._checked(ids, vectors, metadata, present)
            if not len(records):
                return 0
            known = self._known(records.ids)
            if known:
                row = records.ids.index(known[0])
                more = f" (and {len(known) - 1} more)" if len(known) > 1 else ""
                what = f"row {row}, id {known[0]!r}: is in the store already{more}"
                raise InputError(what, fix="upsert replaces items that are there")
            self._write(records)
            return len(records)

    def upsert(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: Mapping[str, Sequence[Scalar]] | pyarrow.Table | None = None,
        *,
        present: Mapping[str, ArrayLike] | None = None,
    ) -> int:
        """Add items; one whose id is in the store already is replaced, with all of its vectors and metadata.

        Args:
            ids, vectors, metadata, present: As for :func:`overtone.search.make_records`.

        Returns:
            Number of items written.

        Raises:
            InputError: Something does not fit; nothing was written.
        """
        with self._writing():
            records = self._checked(ids, vectors, metadata, present)
            if len(records):
                self._write(records)
            return len(records)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete items; ids that are not in the store are passed over.

        Args:
            ids: Names.

        Returns:
            Number of items deleted.
        """
        with self._writing():
            return self._delete(tuple(dict.fromkeys(_storable(ids))))

    def known(self, ids: Sequence[str]) -> list[str]:
        """Which ids are in the store.

        Args:
            ids: Names.

        Returns:
            Those that are, in this order.
        """
        return self._known(tuple(_storable(ids)))

    def get(self, ids: Sequence[str]) -> Records:
        """The items with these ids, in this order.

        Args:
            ids: Names.

        Returns:
            Vectors as they are stored, and metadata.

        Raises:
            InputError: One is not in the store.
        """
        names = tuple(map(str, ids))
        found = self._get(tuple(dict.fromkeys(_storable(names))))
        place = {name: row for row, name in enumerate(found.ids)}
        for name in names:
            if name not in place:
                raise InputError(f"{self.uri}: no item {name!r}", got=f"{self.count():,} items")
        return found.take(np.array([place[name] for name in names], dtype=np.int64))

    def iterate(self, batch: int = 10_000, *, where: str | None = None) -> Iterator[Records]:
        """All items, in a fixed order.

        Args:
            batch: Most items at a time.
            where: A filter, see :mod:`overtone.search.where`.

        Yields:
            Items with vectors and metadata.

        Raises:
            InputError: The filter cannot be used.
        """
        return self._iterate(max(1, batch), self._filter(where))

    def count(self, where: str | None = None) -> int:
        """Number of items.

        Args:
            where: A filter, see :mod:`overtone.search.where`.

        Returns:
            Number of items that pass it.

        Raises:
            InputError: The filter cannot be used.
        """
        return self._count(self._filter(where))

    def search(
        self,
        queries: ArrayLike,
        k: int = 10,
        *,
        to: str | Sequence[str] | None = None,
        where: str | None = None,
    ) -> list[tuple[Hit, ...]]:
        """The items nearest to each query by cosine.

        Args:
            queries: (d,) one query, or (Q, d).
            k: Most items per query.
            to: The modality that is searched, or several: then the score is the mean over those that an item has. All
                modalities, if None.
            where: Only items that pass this filter, see :mod:`overtone.search.where`.

        Returns:
            One tuple per query, the best first.

        Raises:
            InputError: The queries have another width or hold NaN, or modality or filter cannot be used.
        """
        rows = np.asarray(queries)
        vectors = unit_rows(rows[None] if rows.ndim == 1 else rows, "queries") if rows.size else None
        if k < 1:
            raise InputError("k is the number of items per query", got=k, valid="1 or more")
        if not self.modalities or vectors is None:
            return [()] * (0 if vectors is None else len(vectors))
        chosen = self._to(to)
        self._check_width(vectors.shape[1], "queries", chosen)
        return self._search(vectors, k, chosen, self._filter(where))

    def sample(self, items: int, seed: int = 0) -> Records:
        """Some items drawn at random without replacement.

        Args:
            items: How many, at most.
            seed: Of the draw.

        Returns:
            Items with vectors and metadata; all of them if there are no more.
        """
        generator, kept, seen = random.Random(seed), list[Records](), 0
        for part in self.iterate():  # reservoir sampling: one pass, and only the sample is held
            for row in range(len(part)):
                if seen < items:
                    kept.append(part.take(slice(row, row + 1)))
                elif (at := generator.randrange(seen + 1)) < items:
                    kept[at] = part.take(slice(row, row + 1))
                seen += 1
        return join_records(kept, self.modalities, self.columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checked(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: Mapping[str, Sequence[Scalar]] | pyarrow.Table | None,
        present: Mapping[str, ArrayLike] | None,
    ) -> Records:
        """Items that go with those that are there."""
        records = make_records(ids, vectors, metadata, present)
        join_columns(self.columns, records.columns)
        if not self.modalities:
            return records
        for name, rows in records.vectors.items():
            if name not in self.modalities:
                raise unknown_name("modality", name, self.modalities)
            self._check_width(rows.shape[1], name, (name,))
        return records

    def _check_width(self, width: int, what: str, modalities: Sequence[str]) -> None:
        for name in modalities:
            if self.modalities[name] != width:
                raise InputError(
                    f"{what}: vectors of another width than the store's", got=width, valid=self.modalities[name]
                )

    def _to(self, to: str | Sequence[str] | None) -> tuple[str, ...]:
        names = tuple(self.modalities) if to is None else (to,) if isinstance(to, str) else tuple(to)
        for name in names:
            if name not in self.modalities:
                raise unknown_name("modality", name, self.modalities)
        if not names:
            raise InputError("a search needs a modality", got="none", valid=", ".join(self.modalities))
        return names

    def _filter(self, where: str | None) -> Filter | None:
        if where is None:
            return None
        found = parse_where(where)
        if self.modalities:
            check_where(found, self.columns, where)
        return found


def _storable(ids: Sequence[str]) -> list[str]:
    """The ids that a store can have: a name that is not UTF-8, as on a command line, is the name of no item."""
    return [name for name in map(str, ids) if not has_half_characters(name)]
