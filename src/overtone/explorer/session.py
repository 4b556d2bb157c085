"""What one explorer shows: the clips, one or two runs, and what is looked for on demand."""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, unknown_name
from overtone.core.documents import Document
from overtone.explorer.clips import Clips
from overtone.explorer.columns import Column
from overtone.explorer.jobs import Jobs
from overtone.explorer.losses import Losses, find_diagnosis, read_losses
from overtone.explorer.media import MediaRoots
from overtone.explorer.run_columns import Classes
from overtone.explorer.space import Space
from overtone.features import PairedFeatures
from overtone.graphs import Graph
from overtone.interactions import read_run_graph
from overtone.interactions.soft_labels import SoftLabels
from overtone.search import (
    Duplicates,
    Mismatches,
    Outliers,
    ScaledClips,
    SearchResult,
    Store,
    find_duplicates,
    find_mismatched,
    find_outliers,
)
from overtone.search.kept import keep_found, read_found
from overtone.search.listing import Found
from overtone.search.records import join_records
from overtone.training import Run

FINDERS: Mapping[str, Callable[[ScaledClips], Found]] = {
    "duplicates": find_duplicates,
    "outliers": find_outliers,
    "mismatched": find_mismatched,
}
"""What can be looked for."""
_TYPES: Mapping[str, type[Found]] = {"duplicates": Duplicates, "outliers": Outliers, "mismatched": Mismatches}
AskFile = Callable[[Store, Run, Path, int], SearchResult]
"""Searches a store by a file, whose clips are embedded with a run, for so many clips each."""
_LONGEST = 100
"""Characters of an uploaded file's name that are kept."""
_MOST_UNPACKED = 512 << 20
"""Bytes that an uploaded archive may hold."""
_SUPPORT = 24
"""Clips that are named for each edge of the class graph."""


@dataclass(frozen=True)
class ClassChance(Document):
    """How likely a class is in one modality of a clip, by a teacher that has not seen the clip."""

    modality: str
    name: str
    chance: float


@dataclass(eq=False)
class Session:
    """The state of an explorer; nothing of it changes what is on disk but results that a run keeps.

    Attributes:
        clips: What is explored: the clips that all runs have.
        spaces: One for each run.
        media: Where media may be read.
        read_data: Reads the features of the clips, for what is found among them; None where they are not known.
        ask_file: Searches a store by the clips of a file, embedded with a run; None where that cannot be done.
        diagnosis: Folder of a diagnosis of losses; None: the one in each run's folder, if there is one.
        jobs: What takes longer than a request.
    """

    clips: Clips
    spaces: tuple[Space, ...]
    media: MediaRoots
    read_data: Callable[[], PairedFeatures] | None = None
    ask_file: AskFile | None = None
    diagnosis: Path | None = None
    jobs: Jobs = field(default_factory=Jobs)

    def __post_init__(self) -> None:
        self._soft: dict[int, tuple[SoftLabels, dict[str, int]] | None] = {}

    def space(self, number: int) -> Space:
        """One of the runs.

        Raises:
            InputError: There is none of that number.
        """
        if not 0 <= number < len(self.spaces):
            raise unknown_name("run", str(number), map(str, range(len(self.spaces))))
        return self.spaces[number]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns: those of the clips, then those of each run."""
        return (*self.clips.columns, *(one for space in self.spaces for one in tuple(space.columns.columns.values())))

    def values(self, name: str, run: int | None) -> NDArray[np.int32] | NDArray[np.float32]:
        """(N,) values of a column of the clips, or of a run.

        Raises:
            InputError: There is no such column.
        """
        if run is None:
            return self.clips.values(name)
        found = self.space(run).columns.values
        if name not in found:
            raise unknown_name("column of the run", name, found)
        return found[name]

    def row(self, name: str) -> int:
        """The row of a clip by its id.

        Raises:
            InputError: There is no such clip.
        """
        if name not in self.clips.rows:
            raise InputError(f"no clip {name!r} among those explored")
        return self.clips.rows[name]

    def found(self, kind: str, number: int, *, search: bool) -> Found | None:
        """What was found among the clips; None if nobody has looked and ``search`` is not said. May take long.

        Raises:
            InputError: The features of the clips are not known, or cannot be looked through.
        """
        if kind not in FINDERS:
            raise unknown_name("thing to find", kind, FINDERS)
        run = self.space(number).run
        if self.read_data is None:
            raise InputError("the features of these clips are not known", fix="start the explorer with --data DATA")
        data = self.read_data()
        kept = [] if run.folder is None else [one for one in read_found(run.folder, data) if len(one.modalities) == 2]
        for one in kept:
            if isinstance(one, _TYPES[kind]):
                return one
        if not search:
            return None
        found = FINDERS[kind](ScaledClips.of(data, run.scalers))
        keep_found(run, found, data)
        return found

    def answer_file(self, number: int, name: str, content: bytes, k: int) -> SearchResult:
        """The clips nearest to those of a file.

        Args:
            number: Of the run that embeds them.
            name: The file's name.
            content: What is in it.
            k: Most clips per query.

        Raises:
            InputError: The file cannot be read, or its clips cannot be embedded.
        """
        space = self.space(number)
        if self.ask_file is None:
            raise InputError("files are no queries here", fix="start the explorer with overtone explore")
        plain = re.sub(r"[^\w.-]", "_", name.replace("\\", "/").rpartition("/")[2]).lstrip(".")[-_LONGEST:] or "file"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / plain
            path.write_bytes(content)
            _check_unpacked(path, plain)
            try:
                with space.lock:
                    return self.ask_file(space.store, space.run, path, k)
            except InputError as error:
                raise InputError(str(error).replace(str(path), plain)) from None

    def graph(self, number: int) -> Graph:
        """The class graph of a run, with the clips that support its edges. May take long.

        Raises:
            InputError: The run has none.
        """
        run = self.space(number).run
        if run.folder is None:
            raise InputError("the run has no folder, and so no class graph")
        return read_run_graph(run.folder, clips=_SUPPORT)

    def losses(self, number: int) -> Losses | None:
        """The diagnosis of losses that was named, or that lies in a run's folder; None if there is none.

        Raises:
            InputError: Its file is missing or damaged.
        """
        folder = self.diagnosis or find_diagnosis(self.space(number).run)
        return None if folder is None else read_losses(folder)

    def chances(self, number: int, row: int) -> tuple[ClassChance, ...]:
        """What the teachers of a run say of one clip, the likeliest class first; empty where they say nothing."""
        soft = self._soft_labels(number)
        name = self.clips.ids[row]
        if soft is None or name not in soft[1]:
            return ()
        labels, place = soft
        found = [
            ClassChance(modality, label, float(chance))
            for modality, part in labels.probabilities.items()
            for label, chance in zip(labels.classes, part[place[name]].tolist())
        ]
        return tuple(sorted(found, key=lambda one: -one.chance))

    def _soft_labels(self, number: int) -> tuple[SoftLabels, dict[str, int]] | None:
        """The soft labels of a run, read once, with the row of each id."""
        if number not in self._soft:
            folder = self.space(number).run.folder
            path = None if folder is None else folder / "soft_labels.safetensors"
            labels = SoftLabels.load(path) if path is not None and path.is_file() else None
            rows = {} if labels is None else {name: row for row, name in enumerate(labels.ids)}
            self._soft[number] = None if labels is None else (labels, rows)
        return self._soft[number]


def open_session(
    runs: Sequence[tuple[Run, Store]],
    *,
    media: Sequence[Path] = (),
    read_data: Callable[[], PairedFeatures] | None = None,
    ask_file: AskFile | None = None,
    diagnosis: Path | None = None,
) -> Session:
    """Read the stores of one or two runs.

    Args:
        runs: Each run with the store of its embeddings. Clips are those that all stores have, in the first one's order.
        media: Folders with media.
        read_data: Reads the features of the clips.
        ask_file: Searches a store by a file.
        diagnosis: Folder of a diagnosis of losses.

    Returns:
        The session.

    Raises:
        InputError: A store is empty, or the stores have no clip in common.
    """
    every = [join_records(list(store.iterate(65_536)), store.modalities, store.columns) for _, store in runs]
    common = set.intersection(*(set(records.ids) for records in every))
    if not common:
        places = " and ".join(store.uri for _, store in runs)
        raise InputError(f"{places}: no clip to explore", fix="index the clips: overtone index RUN DATA")
    names = [name for name in every[0].ids if name in common]
    aligned = []
    for records in every:
        rows = {name: row for row, name in enumerate(records.ids)}
        aligned.append(records.take(np.array([rows[name] for name in names], dtype=np.int64)))
    clips = Clips(aligned[0].ids, aligned[0].metadata)
    classes = _classes(clips)
    spaces = [Space(*one, part, number, classes) for number, (one, part) in enumerate(zip(runs, aligned))]
    return Session(clips, tuple(spaces), MediaRoots(tuple(media)), read_data, ask_file, diagnosis)


def _check_unpacked(path: Path, name: str) -> None:
    """Refuse an archive that is small and holds more than memory may.

    Raises:
        InputError: It does.
    """
    if zipfile.is_zipfile(path):
        with suppress(zipfile.BadZipFile, OSError), zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > _MOST_UNPACKED:
                most = f"at most {_MOST_UNPACKED >> 20:,} MB"
                raise InputError(f"{name}: unpacks to {size >> 20:,} MB", valid=most, fix="ask for fewer clips at once")


def _classes(clips: Clips) -> Classes | None:
    """The labels of the clips; None without any."""
    label = next((one for one in clips.columns if one.name == "label" and one.kind == "category"), None)
    return None if label is None else Classes(label.levels, clips.values("label").astype(np.int32))
