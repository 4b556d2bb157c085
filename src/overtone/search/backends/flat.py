"""``flat``: a folder of immutable, memory-mapped segments; exact search, one writer, any number of readers."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import filelock
import numpy as np
import pyarrow
from typing_extensions import Self

from overtone.core import InputError, Settings
from overtone.core.atomic import WriteRefused, atomic_path
from overtone.core.sources import expand_home
from overtone.search.base import Store, stores
from overtone.search.filters import Filter
from overtone.search.flat.lock import acquire, cannot_write, release
from overtone.search.flat.manifest import (
    KEPT,
    Manifest,
    SegmentEntry,
    is_store,
    make_empty,
    next_segment,
    sync_folder,
    versions,
    write_manifest,
)
from overtone.search.flat.scan import Engine, Scan
from overtone.search.flat.segment import Rows, Segment, split_positions
from overtone.search.flat.snapshot import Snapshot, open_newest, remove_unused
from overtone.search.flat.writing import write_segment
from overtone.search.hits import Hit, StoreInfo
from overtone.search.records import RESERVED, Records, Vectors, join_columns, join_records

_BATCH = 8192


class FlatSettings(Settings):
    """Settings of a flat store."""

    dtype: Literal["float32", "float16", "int8"] = "float32"
    """How vectors are stored; int8 also keeps float32 rows on disk, and ranks by them. Fixed when the store is made."""
    engine: Engine = "auto"
    """What multiplies: faiss, numpy, or auto for faiss where it is installed."""
    memory_mb: int = 128
    """Memory, in MiB, that one block of a search may take."""


@stores.register("flat")
class FlatStore(Store):
    """A folder on disk, searched exactly; for up to some millions of items.

    What is written is a new segment and a new manifest, so a reader sees one whole version until it calls
    :meth:`refresh`. The first write takes a lock, which :meth:`close` or the end of the process gives back.
    """

    settings_type = FlatSettings

    def __init__(self, folder: Path, settings: FlatSettings, draft: Manifest | None = None) -> None:
        self.folder, self.settings = folder, settings
        self.uri = f"flat:{folder}"
        self._lock: filelock.BaseFileLock | None = None
        self._draft = draft is not None
        self._seen = open_newest(folder) if draft is None else Snapshot(draft)

    @classmethod
    def open(cls, location: str, settings: Settings, *, create: bool) -> Self:
        folder = expand_home(location)
        assert isinstance(settings, FlatSettings)
        if not cls.exists(location):
            if not create:
                raise InputError(f"{folder}: no store", fix="make one with overtone index")
            make_empty(folder, settings.dtype)
        store = cls(folder, settings)
        if "dtype" in settings.model_fields_set and store._manifest.dtype != settings.dtype:
            what = f"{folder}: the store's vectors are of another dtype"
            raise InputError(what, got=settings.dtype, valid=store._manifest.dtype)
        return store

    @classmethod
    def exists(cls, location: str) -> bool:
        return bool(versions(expand_home(location)))

    @classmethod
    @contextlib.contextmanager
    def replace(cls, location: str, settings: Settings) -> Iterator[Self]:
        folder = expand_home(location)
        if not cls.exists(location):
            cls.open(location, settings, create=True)
        if not is_store(folder):
            what = f"{folder}: has manifests that are not a store's, so nothing in it is replaced"
            raise InputError(what, fix="choose another place, or remove it yourself")
        assert isinstance(settings, FlatSettings)
        lock = acquire(folder)
        try:
            remove_unused(folder)  # what a writer left that was stopped
            first = Manifest(versions(folder)[0], settings.dtype, next_segment=next_segment(folder))
            store = cls(folder, settings, first)
            store._lock = lock
            yield store
            with store._writing():
                store._draft = False
                store._commit(store._manifest, alone=True)
        except BaseException:
            remove_unused(folder)
            raise
        finally:
            release(folder, lock)

    @property
    def _manifest(self) -> Manifest:
        return self._seen.manifest

    @property
    def _segments(self) -> tuple[Segment, ...]:
        return self._seen.segments

    @property
    def modalities(self) -> dict[str, int]:
        return dict(self._manifest.modalities)

    @property
    def columns(self) -> dict[str, str]:
        return dict(self._manifest.columns)

    @property
    def version(self) -> int:
        """The version that is seen."""
        return self._manifest.version

    def info(self) -> StoreInfo:
        found = self._manifest
        size = sum(sum(entry.files.values()) for entry in found.segments)
        deleted = sum(entry.deleted_rows for entry in found.segments)
        return StoreInfo(
            uri=self.uri,
            kind="flat",
            items=found.items,
            modalities=self.modalities,
            columns=self.columns,
            attributes=dict(found.attributes),
            settings={**self.settings.model_dump(), "dtype": found.dtype},
            details={"version": found.version, "segments": len(found.segments), "deleted": deleted, "bytes": size},
        )

    def close(self) -> None:
        if self._lock is not None:
            release(self.folder, self._lock)
            self._lock = None

    def refresh(self) -> None:
        if not self._draft:
            self._seen = open_newest(self.folder, self._seen)

    def verify(self) -> None:
        for segment in self._segments:
            segment.verify()

    def compact(self) -> None:
        """Write all items into one segment, and remove deleted items and earlier versions."""
        with self._writing():
            self.verify()  # else damaged rows would get a checksum that fits them
            found, entries = self._manifest, list[SegmentEntry]()
            if found.items:
                entries = [self._write_segment(found, self._iterate(_BATCH, None), found.items)]
            self._commit(replace(found, segments=tuple(entries), next_segment=found.next_segment + 1), alone=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Be the one writer, from now on, of the newest version."""
        if self._lock is None:
            self._lock = acquire(self.folder)
            self._seen = open_newest(self.folder, self._seen, writing=True)
            remove_unused(self.folder)  # what a writer left that was stopped
        try:
            yield
        except (OSError, WriteRefused) as error:
            raise cannot_write(self.folder, error) from None

    def _commit(self, manifest: Manifest, *, alone: bool = False) -> None:
        """Make a changed manifest the current version, or the draft's, and see it; ``alone`` forgets all others."""
        manifest = replace(manifest, version=self._manifest.version + 1)
        if not self._draft:
            write_manifest(self.folder, manifest)
        self._seen = Snapshot.of(self.folder, manifest, self._seen)
        if not self._draft and (alone or len(versions(self.folder)) > 2 * KEPT):
            remove_unused(self.folder, [manifest.version] if alone else None)

    def _write_segment(self, manifest: Manifest, batches: Iterable[Records], rows: int) -> SegmentEntry:
        """Write the next segment of a manifest."""
        name = f"segment-{manifest.next_segment:08d}"
        shutil.rmtree(self.folder / name, ignore_errors=True)  # of a writer that was stopped before its manifest
        widths, columns = manifest.modalities, manifest.columns
        entry = write_segment(self.folder, name, batches, rows, widths, columns, manifest.dtype)
        sync_folder(self.folder)
        return entry

    def _without(self, ids: tuple[str, ...]) -> tuple[tuple[SegmentEntry, ...], int]:
        """The segments' entries with these ids deleted, and how many that were."""
        wanted, entries, count = pyarrow.array(ids, pyarrow.string()), [], 0
        for number, (entry, segment) in enumerate(zip(self._manifest.segments, self._segments)):
            rows, _ = segment.find(wanted)
            if len(rows):
                count += len(rows)
                gone = rows if segment.deleted is None else np.union1d(rows, np.flatnonzero(segment.deleted))
                name = f"deleted-{self._manifest.version + 1:08d}-{number}.npy"
                with atomic_path(self.folder / name) as temporary, temporary.open("wb") as file:
                    np.save(file, gone.astype(np.int64))
                entry = replace(entry, deleted=name, deleted_rows=len(gone))
            entries.append(entry)
        return tuple(entry for entry in entries if entry.deleted_rows < entry.rows), count

    def _set_attributes(self, attributes: dict[str, str]) -> None:
        found = self._manifest
        self._commit(replace(found, attributes={**found.attributes, **attributes}))

    def _known(self, ids: tuple[str, ...]) -> list[str]:
        wanted = pyarrow.array(ids, pyarrow.string())
        found = [which for segment in self._segments for which in segment.find(wanted)[1].tolist()]
        return [ids[which] for which in sorted(found)]

    def _write(self, records: Records) -> None:
        widths = {name: rows.shape[1] for name, rows in records.vectors.items()}
        columns = join_columns(self.columns, records.columns)
        manifest = replace(self._manifest, modalities=self.modalities or widths, columns=columns)
        kept, _ = self._without(records.ids)
        entry = self._write_segment(manifest, [records], len(records))
        self._commit(replace(manifest, segments=(*kept, entry), next_segment=manifest.next_segment + 1))

    def _delete(self, ids: tuple[str, ...]) -> int:
        kept, count = self._without(ids)
        if count:
            self._commit(replace(self._manifest, segments=kept))
        return count

    def _get(self, ids: tuple[str, ...]) -> Records:
        wanted = pyarrow.array(ids, pyarrow.string())
        parts = [self._records(segment, segment.find(wanted)[0]) for segment in self._segments]
        return join_records(parts, self.modalities, self.columns)

    def _iterate(self, batch: int, where: Filter | None) -> Iterator[Records]:
        for segment in self._segments:
            mask = segment.allowed((), where)
            rows = np.arange(segment.rows) if mask is None else np.flatnonzero(mask)
            for start in range(0, len(rows), batch):
                yield self._records(segment, rows[start : start + batch])

    def _count(self, where: Filter | None) -> int:
        if where is None:
            return self._manifest.items
        masks = [segment.allowed((), where) for segment in self._segments]
        return sum(int(mask.sum()) for mask in masks if mask is not None)

    def sample(self, items: int, seed: int = 0) -> Records:
        masks = [segment.allowed((), None) for segment in self._segments]
        alive = np.concatenate(
            [np.zeros(0, bool)]
            + [np.ones(s.rows, bool) if mask is None else mask for s, mask in zip(self._segments, masks)]
        )
        rows = np.flatnonzero(alive)
        chosen = np.sort(np.random.default_rng(seed).choice(rows, min(items, len(rows)), replace=False))
        parts = [self._records(segment, rows) for segment, rows in split_positions(self._segments, chosen)]
        return join_records(parts, self.modalities, self.columns)

    def _records(self, segment: Segment, rows: Rows) -> Records:
        if not len(rows):
            return join_records([], self.modalities, self.columns)
        table = segment.metadata(rows)
        vectors = {name: segment.vectors(name, rows) for name in self.modalities}
        return Records(tuple(table[RESERVED].to_pylist()), vectors, table.drop_columns([RESERVED]))

    def _search(self, queries: Vectors, k: int, to: tuple[str, ...], where: Filter | None) -> list[tuple[Hit, ...]]:
        settings = self.settings
        assert isinstance(settings, FlatSettings)
        allowed = [segment.allowed(to, where) for segment in self._segments]
        k = min(k, max(1, self._manifest.items))
        best = Scan(self._segments, allowed, to, settings.memory_mb, settings.engine).nearest(queries, k)
        found = self._named(np.unique(best.positions[best.positions >= 0]))
        return [
            tuple(
                Hit(name, float(score), metadata)
                for score, (name, metadata) in ((s, found[p]) for s, p in zip(scores, positions) if p >= 0)
            )
            for scores, positions in zip(best.scores.tolist(), best.positions.tolist())
        ]

    def _named(self, positions: Rows) -> dict[int, tuple[str, dict[str, str | int | float | bool | None]]]:
        """Ids and metadata of rows, by their position, given in ascending order."""
        parts = split_positions(self._segments, positions)
        found = [row for segment, rows in parts if len(rows) for row in segment.metadata(rows).to_pylist()]
        return {at: (row.pop(RESERVED), row) for at, row in zip(positions.tolist(), found)}
