"""The collections of a Milvus store: one with the items, and one with a row of notes about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from overtone.core import InputError
from overtone.core.documents import Document
from overtone.search.milvus.address import flag_field, vector_field

if TYPE_CHECKING:
    from pymilvus import MilvusClient

LONGEST = 1024
"""Most bytes of an id."""
MEAN = "v_mean"
"""The field with the mean of an item's vectors."""


@dataclass
class Notes(Document):
    """What a store knows about its items; Milvus has no place for it.

    Attributes:
        modalities: Modality to the width of its vectors.
        columns: Metadata column to its type.
        next: Number of the next item; none is used twice.
        attributes: What was written about the contents.
        index: Kind of index; empty before the first item.
        collection: The collection with the items; empty in a store of an older version.
    """

    modalities: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    next: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    index: str = ""
    collection: str = ""


class Asking:
    """A client whose refusals are one sentence.

    Args:
        client: Of Milvus.
        uri: The store's, for messages.
    """

    def __init__(self, client: MilvusClient, uri: str) -> None:
        self.client, self.uri = client, uri

    def __call__(self, what: str, *arguments: object, **options: object) -> Any:
        """Call a method of the client.

        Raises:
            InputError: Milvus refuses.
        """
        from pymilvus.exceptions import MilvusException

        try:
            return getattr(self.client, what)(*arguments, **options)
        except MilvusException as error:
            reason = str(error.message).splitlines()[0]
            raise InputError(f"{self.uri}: Milvus refuses to {what.replace('_', ' ')} ({reason})") from None

    def has(self, name: str) -> bool:
        """Whether there is a collection."""
        return bool(self("has_collection", name))

    def drop(self, name: str) -> None:
        """Remove a collection, if there is one."""
        if self.has(name):
            self("drop_collection", name)

    def make_notes(self, name: str, consistency: str) -> None:
        """Make the collection for the notes."""
        fields = [("text", "VARCHAR", {"max_length": 65_535}), ("v", "FLOAT_VECTOR", {"dim": 2})]
        self._make(name, "key", fields, "FLAT", consistency)

    def make_items(self, name: str, modalities: Mapping[str, int], index: str, consistency: str) -> None:
        """Make a collection for items with these modalities."""
        fields: list[tuple[str, str, Mapping[str, int]]] = [("seq", "INT64", {}), ("meta", "JSON", {})]
        for modality, width in modalities.items():
            fields += [(vector_field(modality), "FLOAT_VECTOR", {"dim": width}), (flag_field(modality), "BOOL", {})]
        if len(set(modalities.values())) == 1 < len(modalities):
            fields.append((MEAN, "FLOAT_VECTOR", {"dim": next(iter(modalities.values()))}))
        self._make(name, "id", fields, index, consistency)

    def _make(
        self, name: str, key: str, fields: Sequence[tuple[str, str, Mapping[str, int]]], index: str, consistency: str
    ) -> None:
        """Make a collection with a text key and fields of these names, types and options."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(key, DataType.VARCHAR, is_primary=True, max_length=LONGEST)
        indexes = MilvusClient.prepare_index_params()
        for one, kind, options in fields:
            schema.add_field(one, DataType[kind], **options)
            if kind == "FLOAT_VECTOR":
                indexes.add_index(one, index_type=index, metric_type="IP")
        self("create_collection", name, schema=schema, index_params=indexes, consistency_level=consistency)
