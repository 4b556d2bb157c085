"""What a store answers: hits, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from overtone.core.documents import Document
from overtone.core.results import Record, Result
from overtone.features import Scalar


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


@dataclass(frozen=True, repr=False)
class StoreInfo(Document, Result):
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

    def headline(self) -> str:
        """What the store is and how much it holds."""
        widths = ", ".join(f"{name} ({width})" for name, width in self.modalities.items())
        return f"{self.kind} at {self.uri}: {self.items:,} items; {widths or 'no vectors yet'}"

    def iter_records(self) -> Iterator[Record]:
        """A row per metadata column."""
        return ({"column": name, "type": kind} for name, kind in self.columns.items())
