"""The protocol of a store: what can be asked of any of them, whatever is behind it."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import TracebackType
from typing import ClassVar

import numpy as np
import pyarrow
from numpy.typing import NDArray
from typing_extensions import Self

from overtone.core import InputError, Registry, Settings, unknown_name
from overtone.core.documents import Document
from overtone.features.arrays import ArrayLike
from overtone.search.records import (
    Records,
    Scalar,
    Vectors,
    cast_table,
    empty_table,
    join_columns,
    make_records,
    unit_rows,
)
from overtone.search.where import Filter, check_where, parse_where

stores: Registry[type[Store]] = Registry("store", "overtone.search.backends")
"""All kinds of stores, by the scheme of their URI."""


@dataclass(frozen=True)
class Hit(Document):
    """An item that a query found.

    Attributes:
        id: Its name.
        score: Cosine of the query with the item's vector; of several modalities the mean over those that the item has.
        metadata: Column to value.
        above_chance: The score in standard deviations above the mean score of random pairs; None where not computed.
    """

    id: str
    score: float
    metadata: dict[str, Scalar] = field(default_factory=dict)
    above_chance: float | None = None


@dataclass(frozen=True)
class StoreInfo(Document):
    """What a store is and holds.

    Attributes:
        uri: How it is opened.
        kind: The kind of store.
        items: Number of items.
        modalities: Modality to the width of its vectors; empty while nothing was ever added.
        columns: Metadata column to its type: ``string``, ``int64``, ``double`` or ``bool``.
        attributes: What was written about its contents, by name.
        settings: Of the store.
        details: What only this kind of store has, such as the number of segments.
    """

    uri: str
    kind: str
    items: int
    modalities: dict[str, int]
    columns: dict[str, str]
    attributes: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Scalar] = field(default_factory=dict)
    details: dict[str, Scalar] = field(default_factory=dict)


class Store(ABC):
    """Items with an id, a vector per modality and metadata; searched by cosine.

    The public methods check what comes in; a kind of store implements those that begin with an underscore. A store is a
    context manager, which closes it.
    """

    settings_type: ClassVar[type[Settings]]
    """Settings of this kind of store."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Modules that this kind needs beside those that are always there."""

    uri: str
    """How it was opened."""
    settings: Settings
    """With their final values."""

    @classmethod
    @abstractmethod
    def open(cls, location: str, settings: Settings, *, create: bool) -> Self:
        """Open the store at a location, the URI without its scheme.

        Args:
            location: Where it is.
            settings: Checked settings.
            create: Whether to make one where there is none.

        Raises:
            InputError: There is none, or it cannot be used.
        """

    @classmethod
    @abstractmethod
    def exists(cls, location: str) -> bool:
        """Whether there is a store of this kind at a location."""

    @classmethod
    @abstractmethod
    def drop(cls, location: str) -> None:
        """Remove the store at a location, if there is one; InputError while somebody writes into it."""

    @property
    @abstractmethod
    def modalities(self) -> dict[str, int]:
        """Modality to the width of its vectors; empty while nothing was ever added."""

    @property
    @abstractmethod
    def columns(self) -> dict[str, str]:
        """Metadata column to its type."""

    @abstractmethod
    def info(self) -> StoreInfo:
        """What the store is and holds."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the store; it can be written by others again."""

    def refresh(self) -> None:  # noqa: B027 - only stores that show a fixed version have anything to do
        """See what others have written since the store was opened."""

    def compact(self) -> None:  # noqa: B027 - only stores that keep what was deleted have anything to do
        """Give back the space of deleted items."""

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
            return self._delete(tuple(dict.fromkeys(map(str, ids))))

    def known(self, ids: Sequence[str]) -> list[str]:
        """Which ids are in the store.

        Args:
            ids: Names.

        Returns:
            Those that are, in this order.
        """
        return self._known(tuple(map(str, ids)))

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
        found = self._get(tuple(dict.fromkeys(names)))
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

    def _writing(self) -> AbstractContextManager[None]:
        """What surrounds a write."""
        return nullcontext()

    @abstractmethod
    def _set_attributes(self, attributes: dict[str, str]) -> None: ...

    @abstractmethod
    def _known(self, ids: tuple[str, ...]) -> list[str]: ...

    @abstractmethod
    def _write(self, records: Records) -> None:
        """Store items, in place of those with the same ids; all of them or none."""

    @abstractmethod
    def _delete(self, ids: tuple[str, ...]) -> int: ...

    @abstractmethod
    def _get(self, ids: tuple[str, ...]) -> Records:
        """The items that are there, in any order."""

    @abstractmethod
    def _iterate(self, batch: int, where: Filter | None) -> Iterator[Records]: ...

    @abstractmethod
    def _count(self, where: Filter | None) -> int: ...

    @abstractmethod
    def _search(self, queries: Vectors, k: int, to: tuple[str, ...], where: Filter | None) -> list[tuple[Hit, ...]]: ...


def join_records(parts: Sequence[Records], modalities: Mapping[str, int], columns: Mapping[str, str]) -> Records:
    """Items one after the other; the modalities and columns say what there is if there are none."""
    tables = [cast_table(part.metadata, columns) for part in parts] or [cast_table(empty_table(0), columns)]
    vectors: dict[str, NDArray[np.float32]] = {
        name: np.concatenate([np.zeros((0, width), np.float32), *(part.vectors[name] for part in parts)])
        for name, width in modalities.items()
    }
    rows = sum(map(len, parts))
    metadata = pyarrow.concat_tables(tables) if columns else empty_table(rows)
    return Records(tuple(name for part in parts for name in part.ids), vectors, metadata)
