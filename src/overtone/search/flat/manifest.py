"""Versions of a flat store: each is one manifest, written whole; what it names is never changed afterwards.

A store is a folder::

    manifest-00000012.json   the current version: the one with the highest number
    manifest-00000011.json   earlier versions, for when a later one is damaged
    segment-00000003/        vectors (.npy) and metadata (.parquet) of some items
    deleted-00000012-3.npy   rows of a segment that are deleted in some versions
    write.lock, writer.json  who writes
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from overtone.core import InputError
from overtone.core.atomic import WriteRefused
from overtone.core.documents import Document
from overtone.core.files import json_text, read_json, write_text
from overtone.core.locks import LOCK
from overtone.core.sources import check_inside

KEPT = 16
"""Versions that stay readable."""
_FORMAT = 1
_BLOCK = 2**20
"""Bytes of a file that are read at a time."""
_NAME = re.compile(r"manifest-(\d{8,18})\.json")
_SEGMENT = re.compile(r"segment-(\d{8,18})")


@dataclass(frozen=True)
class SegmentEntry(Document):
    """A segment as a version has it.

    Attributes:
        name: Its folder.
        rows: Number of items, deleted ones included.
        files: File to its size in bytes.
        deleted: The file with the rows that are deleted, if any.
        deleted_rows: How many those are.
        checksums: File to the CRC-32 of its contents; empty in a store of an older version.
        rounding: Modality to the largest norm of (vector - what is scanned), above 0 for quantised segments only.
    """

    name: str
    rows: int
    files: dict[str, int]
    deleted: str | None = None
    deleted_rows: int = 0
    rounding: dict[str, float] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest(Document):
    """One version of a store.

    Attributes:
        version: Its number; 0 is the empty store.
        dtype: How vectors are stored.
        modalities: Modality to the width of its vectors.
        columns: Metadata column to its type.
        segments: In the order of writing.
        attributes: What was written about the contents.
        next_segment: Number of the next segment; none is used twice.
    """

    version: int
    dtype: str
    modalities: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    segments: tuple[SegmentEntry, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    next_segment: int = 1

    @property
    def items(self) -> int:
        """Number of items that are not deleted."""
        return sum(entry.rows - entry.deleted_rows for entry in self.segments)

    def names(self) -> set[str]:
        """Everything in the folder that the version consists of."""
        return {name for entry in self.segments for name in (entry.name, entry.deleted) if name}


def versions(folder: Path) -> list[int]:
    """Numbers of the versions that are there, the newest first."""
    found = (_NAME.fullmatch(path.name) for path in folder.glob("manifest-*.json"))
    return sorted((int(one[1]) for one in found if one is not None), reverse=True)


def is_store(folder: Path) -> bool:
    """Whether one of the manifests in a folder is a store's, whole or damaged."""
    for version in versions(folder):
        with contextlib.suppress(InputError):
            if "manifest" in read_json(manifest_path(folder, version)):
                return True
    return False


def next_segment(folder: Path) -> int:
    """A number above that of every segment in a folder, of whatever version."""
    found = (_SEGMENT.fullmatch(path.name) for path in folder.glob("segment-*"))
    return max((int(one[1]) for one in found if one is not None), default=0) + 1


def manifest_path(folder: Path, version: int) -> Path:
    """The file of a version."""
    return folder / f"manifest-{version:08d}.json"


def make_empty(folder: Path, dtype: str) -> None:
    """Make the first version of a store.

    Raises:
        InputError: The folder holds other things, or it cannot be written to.
    """
    if folder.is_file() or (folder.is_dir() and {path.name for path in folder.iterdir()} - {LOCK}):
        raise InputError(f"{folder}: holds other things than a store", fix="choose another place")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder, Manifest(0, dtype))
    except (OSError, WriteRefused) as error:
        what = f"{folder}: the store cannot be made ({error.strerror or error})"
        raise InputError(what, fix="free some space, or choose another place") from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make a version the current one; it is on disk when this returns."""
    body = manifest.to_dict()
    text = json_text({"format": _FORMAT, "checksum": _checksum(body), "manifest": body}, indent=1)
    write_text(manifest_path(folder, manifest.version), text + "\n")
    sync_folder(folder)


def read_manifest(folder: Path, version: int) -> Manifest:
    """Read a version.

    Raises:
        FileNotFoundError: It is not there any more.
        InputError: It is damaged, or of a later format.
    """
    path = manifest_path(folder, version)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        body, known = document["manifest"], document["format"]
        whole = document["checksum"] == _checksum(body)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(f"{path}: not a whole manifest") from None
    if known != _FORMAT:
        raise InputError(f"{path}: written by a later Overtone", got=f"format {known}", valid=_FORMAT)
    if not whole:
        raise InputError(f"{path}: not a whole manifest (its checksum differs)")
    try:
        found = Manifest.from_dict(body)
        names = [*found.names(), *(file for entry in found.segments for file in entry.files)]
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InputError(f"{path}: not a manifest") from None
    for name in (*names, *found.modalities):
        check_inside(name, path)
    return found


def file_checksum(path: Path) -> int:
    """CRC-32 of a file's contents: finds what a disk or a copy has changed, at the speed of reading."""
    found = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found = zlib.crc32(block, found)
    return found


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on disk, where the system can tell."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _checksum(body: object) -> str:
    return hashlib.sha256(json_text(json.loads(json_text(body))).encode()).hexdigest()
