"""Opening of the newest whole version of a flat store, and removal of what no version needs."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from overtone.core import InputError
from overtone.core.atomic import sweep
from overtone.search.flat.manifest import KEPT, Manifest, manifest_path, read_manifest, versions
from overtone.search.flat.segment import Segment
from overtone.search.flat.writing import TEMPORARY

log = logging.getLogger("overtone")

_OWN = re.compile(
    rf"segment-\d{{8,}}|deleted-\d{{8,}}-\d+\.npy|{re.escape(TEMPORARY)}.*|\.(manifest|deleted)-\d{{8,}}.*"
)
"""What a store consists of besides manifests, and what a killed writer has left; everything else is the user's."""


@dataclass(frozen=True)
class Snapshot:
    """One version of a store, with its segments open.

    Attributes:
        manifest: What the version consists of.
        segments: In the order of the manifest.
    """

    manifest: Manifest
    segments: tuple[Segment, ...] = field(default=())

    @classmethod
    def open(cls, folder: Path, version: int, before: Snapshot | None = None) -> Snapshot:
        """Open a version; segments that are open already are shared.

        Raises:
            FileNotFoundError: There is no such version any more.
            InputError: It is damaged.
        """
        return cls.of(folder, read_manifest(folder, version), before)

    @classmethod
    def of(cls, folder: Path, manifest: Manifest, before: Snapshot | None = None) -> Snapshot:
        """Open the segments of a manifest, which need not be written yet."""
        shared = {} if before is None or before.manifest.columns != manifest.columns else before.opened()
        segments = [
            shared.get((entry.name, entry.deleted)) or Segment(folder, entry, manifest.columns)
            for entry in manifest.segments
        ]
        return cls(manifest, tuple(segments))

    def opened(self) -> dict[tuple[str, str | None], Segment]:
        """The segments by name and by the name of their deletions."""
        return {(entry.name, entry.deleted): one for entry, one in zip(self.manifest.segments, self.segments)}


def open_newest(folder: Path, before: Snapshot | None = None, *, writing: bool = False) -> Snapshot:
    """Open the newest version; where it is damaged, say so and open the newest that is whole.

    Args:
        folder: The store's.
        before: A version that is open already.
        writing: Whether it is opened to be written: a damaged version is then refused.

    Returns:
        The version.

    Raises:
        InputError: The newest version is damaged, and it is opened for writing or no other is whole.
    """
    while True:
        numbers = versions(folder)
        if not numbers:
            raise InputError(f"{folder}: no store", fix="make one with overtone index")
        try:
            return Snapshot.open(folder, numbers[0], before)
        except (InputError, OSError) as error:
            if versions(folder)[:1] == numbers[:1]:  # else a writer has made a newer one, and may have removed this one
                return _open_earlier(folder, numbers, error, writing)


def _open_earlier(folder: Path, numbers: Sequence[int], error: Exception, writing: bool) -> Snapshot:
    """The newest version that is whole, after a warning."""
    reason = str(error).rstrip(".")
    for version in numbers[1:]:
        try:
            found = Snapshot.open(folder, version)
        except (InputError, OSError):
            continue
        whole = f"version {version} with {found.manifest.items:,} items is the last whole one"
        if writing:
            fix = f"remove {manifest_path(folder, numbers[0]).name} to go on from there, or index the data again"
            raise InputError(f"{reason}; {whole}", fix=fix)
        log.warning("%s; %s and is used.", reason, whole)
        return found
    raise InputError(f"{reason}; no earlier version is whole", fix="index the data again")


def remove_unused(folder: Path, keep: Sequence[int] | None = None) -> None:
    """Remove versions that are not kept, and what no version that is kept consists of.

    Args:
        folder: The store's, held by the writer.
        keep: Versions; by default the last :data:`~overtone.search.flat.manifest.KEPT`.
    """
    numbers = versions(folder)
    kept = numbers[:KEPT] if keep is None else list(keep)
    try:
        needed = {name for version in kept for name in read_manifest(folder, version).names()}
    except (InputError, OSError):  # what a damaged version consists of is not known
        return
    for version in numbers:
        if version not in kept:
            manifest_path(folder, version).unlink(missing_ok=True)
    sweep(folder)
    for path in folder.iterdir():
        if _OWN.fullmatch(path.name) and path.name not in needed:
            with contextlib.suppress(OSError):  # a file that is open cannot be removed on every system
                shutil.rmtree(path) if path.is_dir() else path.unlink()
