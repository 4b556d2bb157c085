"""What a kind of store implements; :class:`overtone.search.Store` checks what comes in before it gets here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from typing_extensions import Self

from overtone.core import Settings
from overtone.search.filters import Filter
from overtone.search.hits import Hit, StoreInfo
from overtone.search.records import Records, Vectors


class StoreKind(ABC):
    """What differs between kinds of stores: opening, and the calls with checked arguments.

    Ids come without repetition, vectors as unit rows of the store's widths, filters parsed and checked.
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
    def replace(cls, location: str, settings: Settings) -> AbstractContextManager[Self]:
        """An empty store that takes the place of the one at a location when the block ends.

        Until then, and for good if the block raises, the store that was there stays as it was.

        Args:
            location: Where it is; where there is no store, one is made.
            settings: Checked settings of the new store.

        Raises:
            InputError: Somebody writes into it, or it cannot be written.
        """

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri}: {', '.join(self.modalities) or 'no vectors yet'})"

    def refresh(self) -> None:  # noqa: B027 - only stores that show a fixed version have anything to do
        """See what others have written since the store was opened."""

    def verify(self) -> None:  # noqa: B027 - only stores that keep checksums have anything to do
        """Read everything that is stored and compare checksums; InputError where something was changed from outside."""

    def compact(self) -> None:  # noqa: B027 - only stores that keep what was deleted have anything to do
        """Give back the space of deleted items."""

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
