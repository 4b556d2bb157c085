"""``milvus``: Milvus Lite as a file, or a Milvus server or cluster by URL; one client for both."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from typing_extensions import Self

from overtone.core import InputError, Settings
from overtone.search.base import Store, stores
from overtone.search.filters import Filter
from overtone.search.hits import Hit, StoreInfo
from overtone.search.milvus.address import connect, flag_field, is_file, split_address, vector_field
from overtone.search.milvus.collections import LONGEST, MEAN, Asking, Notes
from overtone.search.milvus.filter import quote, to_milvus
from overtone.search.records import Records, Vectors, cast_table, join_columns, join_records, make_table

_ROWS = 1000  # of a request
_QUERIES = 200
_MOST = 16_384  # hits that Milvus gives for one query
_OPEN: Counter[str] = Counter()  # clients of this process by address: a file's server ends with the last one


class MilvusSettings(Settings):
    """Settings of a Milvus store."""

    index: Literal["FLAT", "IVF_FLAT", "HNSW", "AUTOINDEX"] = "FLAT"
    """Kind of index, fixed when the store is made; all but FLAT are approximate: see the audit."""
    consistency: Literal["Strong", "Session", "Bounded", "Eventually"] = "Strong"
    """What a search must have seen: Strong waits for every write that was acknowledged."""


@stores.register("milvus")
class MilvusStore(Store):
    """Items in Milvus: a collection with a vector field per modality, and one with what is known about the contents.

    A call of many items is sent in parts of 1,000, and each part is written as a whole.
    """

    settings_type = MilvusSettings
    requires = ("pymilvus", "milvus_lite")

    def __init__(self, location: str, settings: MilvusSettings) -> None:
        self.uri, self.settings = f"milvus:{location}", settings
        self._address, self._name = split_address(location)
        self._ask, self._closed, self._draft = Asking(connect(self._address), self.uri), False, False
        _OPEN[self._address] += 1
        self._notes = Notes(collection=self._name)

    @classmethod
    def open(cls, location: str, settings: Settings, *, create: bool) -> Self:
        assert isinstance(settings, MilvusSettings)
        address, _ = split_address(location)
        if not create and is_file(address) and not Path(address).exists():
            raise InputError(f"{address}: no store", fix="make one with overtone index")
        store = cls(location, settings)
        try:
            if store._ask.has(store._about):
                store._load()
            elif create:
                store._ask.make_notes(store._about, settings.consistency)
                store._write_notes()
            else:
                raise InputError(f"{store.uri}: no store", fix="make one with overtone index")
            made = store._notes.index
            if made and "index" in settings.model_fields_set and made != settings.index:
                raise InputError(f"{store.uri}: the store has another index", got=settings.index, valid=made)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def exists(cls, location: str) -> bool:
        address, _ = split_address(location)
        if is_file(address) and not Path(address).exists():
            return False
        store = cls(location, MilvusSettings())
        try:
            return store._ask.has(store._about)
        finally:
            store.close()

    @classmethod
    @contextlib.contextmanager
    def replace(cls, location: str, settings: Settings) -> Iterator[Self]:
        assert isinstance(settings, MilvusSettings)
        with cls.open(location, MilvusSettings(), create=True) as store:
            store.settings, store._draft = settings, True
            old, names = store._notes.collection, (store._name, f"{store._name}_replacement")
            store._notes = Notes(collection=names[old == names[0]])
            store._ask.drop(store._notes.collection)  # of one that was stopped
            try:
                yield store
                store._draft = False
                store._write_notes()
            except BaseException:
                store._ask.drop(store._notes.collection)
                raise
            store._ask.drop(old)

    @property
    def modalities(self) -> dict[str, int]:
        return dict(self._notes.modalities)

    @property
    def columns(self) -> dict[str, str]:
        return dict(self._notes.columns)

    def info(self) -> StoreInfo:
        settings, attributes = {**self.settings.model_dump(), "index": self._index}, dict(self._notes.attributes)
        return StoreInfo(self.uri, "milvus", self.count(), self.modalities, self.columns, attributes, settings)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._ask.client.close()
        _OPEN[self._address] -= 1
        if is_file(self._address) and not _OPEN[self._address]:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(self._address)

    def refresh(self) -> None:
        if not self._draft:
            found = self._ask("query", self._about, filter='key == "about"', output_fields=["text"])
            text = found[0]["text"] if found else "{}"  # none: the process that made it was stopped
            self._notes = Notes.from_dict({"collection": self._name, **json.loads(text)})

    def _load(self) -> None:
        """Have Milvus read the collections that are there."""
        self._ask("load_collection", self._about)
        self.refresh()
        if self.modalities:
            self._ask("load_collection", self._notes.collection)

    @property
    def _about(self) -> str:
        """The collection with the notes."""
        return f"{self._name}_about"

    @property
    def _index(self) -> str:
        return self._notes.index or str(self.settings.model_dump()["index"])

    def _write_notes(self) -> None:
        if not self._draft:
            text = json.dumps(self._notes.to_dict(), ensure_ascii=False)
            self._ask("upsert", self._about, [{"key": "about", "text": text, "v": [1.0, 0.0]}])

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self.refresh()
        yield

    def _set_attributes(self, attributes: dict[str, str]) -> None:
        self._notes.attributes |= attributes
        self._write_notes()

    def _known(self, ids: tuple[str, ...]) -> list[str]:
        found = {row["id"] for row in self._rows(ids, ["id"])}
        return [name for name in ids if name in found]

    def _rows(self, ids: tuple[str, ...], fields: list[str]) -> list[dict[str, Any]]:
        """Rows with these ids, in any order."""
        if not self.modalities:
            return []
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), _ROWS):
            wanted = ", ".join(map(quote, ids[start : start + _ROWS]))
            found += self._ask("query", self._notes.collection, filter=f"id in [{wanted}]", output_fields=fields)
        return found

    def _write(self, records: Records) -> None:
        for name in records.ids:
            if len(name.encode()) > LONGEST:
                raise InputError(f"id {name[:40]!r}...: too long for Milvus", valid=f"up to {LONGEST} bytes")
        columns = join_columns(self.columns, records.columns)
        widths = {name: rows.shape[1] for name, rows in records.vectors.items()}
        if not self.modalities:
            consistency = self.settings.model_dump()["consistency"]
            self._ask.make_items(self._notes.collection, widths, self._index, consistency)
            self._notes.modalities, self._notes.index = widths, self._index
        first = self._notes.next
        self._notes.columns, self._notes.next = columns, first + len(records)
        self._write_notes()  # before the rows: numbers are never used twice
        metadata = records.metadata.to_pylist() or [{}] * len(records)
        rows = [
            {"id": name, "seq": first + row, "meta": {key: v for key, v in metadata[row].items() if v is not None}}
            for row, name in enumerate(records.ids)
        ]
        for name, width in self.modalities.items():
            vectors = records.vectors.get(name, np.zeros((len(records), width), np.float32))
            for row, vector in zip(rows, vectors):
                row |= {vector_field(name): vector.tolist(), flag_field(name): bool(vector.any())}
        if len(set(self.modalities.values())) == 1 < len(self.modalities):
            parts = list(records.vectors.values())
            count = np.maximum(np.sum(list(records.present.values()), axis=0), 1)
            for row, vector in zip(rows, np.sum(parts, axis=0) / count[:, None].astype(np.float32)):
                row[MEAN] = vector.tolist()
        for start in range(0, len(rows), _ROWS):
            self._ask("upsert", self._notes.collection, rows[start : start + _ROWS])

    def _delete(self, ids: tuple[str, ...]) -> int:
        known = self._known(ids)
        for start in range(0, len(known), _ROWS):
            wanted = ", ".join(map(quote, known[start : start + _ROWS]))
            self._ask("delete", self._notes.collection, filter=f"id in [{wanted}]")
        return len(known)

    def _records(self, rows: Sequence[Mapping[str, Any]]) -> Records:
        """Rows of Milvus as items."""
        if not rows:
            return join_records([], self.modalities, self.columns)
        vectors = {name: np.array([row[vector_field(name)] for row in rows], np.float32) for name in self.modalities}
        metadata = {name: [row["meta"].get(name) for row in rows] for name in self.columns}
        table = cast_table(make_table(metadata, len(rows)), self.columns)
        return Records(tuple(row["id"] for row in rows), vectors, table)

    @property
    def _fields(self) -> list[str]:
        return ["id", "seq", "meta", *map(vector_field, self.modalities)]

    def _get(self, ids: tuple[str, ...]) -> Records:
        return self._records(self._rows(ids, self._fields))

    def _iterate(self, batch: int, where: Filter | None) -> Iterator[Records]:
        step = min(batch, _ROWS)
        for start in range(0, self._notes.next if self.modalities else 0, step):
            inside = f"seq >= {start} and seq < {start + step}"
            chosen = inside if where is None else f"{inside} and ({to_milvus(where)})"
            rows = self._ask("query", self._notes.collection, filter=chosen, output_fields=self._fields)
            if rows:
                yield self._records(sorted(rows, key=lambda row: int(row["seq"])))

    def _count(self, where: Filter | None) -> int:
        if not self.modalities:
            return 0
        chosen = "" if where is None else to_milvus(where)
        return int(self._ask("query", self._notes.collection, filter=chosen, output_fields=["count(*)"])[0]["count(*)"])

    def _search(self, queries: Vectors, k: int, to: tuple[str, ...], where: Filter | None) -> list[tuple[Hit, ...]]:
        if len(to) > 1 and set(to) != set(self.modalities):
            raise InputError(f"{self.uri}: can search one modality, or all of them", got=", ".join(to))
        parts = [f"({to_milvus(where)})"] if where is not None else []
        parts += [f"{flag_field(to[0])} == true"] if len(to) == 1 else []
        options: dict[str, Any] = {
            "anns_field": vector_field(to[0]) if len(to) == 1 else MEAN,
            "filter": " and ".join(parts),
        }
        options |= {"limit": min(k, _MOST), "output_fields": ["meta"], "search_params": {"metric_type": "IP"}}
        found: list[tuple[Hit, ...]] = []
        for start in range(0, len(queries), _QUERIES):
            rows = self._ask(
                "search", self._notes.collection, data=queries[start : start + _QUERIES].tolist(), **options
            )
            found += [tuple(map(self._hit, hits)) for hits in rows]
        return found

    def _hit(self, row: Mapping[str, Any]) -> Hit:
        meta = row["entity"].get("meta") or {}
        return Hit(str(row["id"]), float(row["distance"]), {name: meta.get(name) for name in self.columns})
