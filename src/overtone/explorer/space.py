"""One run's space: where clips lie on its map, which are near, and how its two modalities agree."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, ProgressCallback, unknown_name
from overtone.core.documents import Document
from overtone.core.files import checksum
from overtone.evaluation import ModalityGap, modality_gap
from overtone.explorer.kept import Kept
from overtone.explorer.layouts import PCA, check_layout
from overtone.explorer.projection import Projection, Views, project
from overtone.explorer.run_columns import Classes, RunColumns
from overtone.search import ChanceLevel, Records, SearchResult, Store, search_ids, search_vectors
from overtone.search.chance import mean_vectors
from overtone.training import Run


@dataclass(frozen=True)
class Neighbours(Document):
    """The clips near one clip.

    Attributes:
        ways: One result from each modality that the clip has to each modality.
    """

    ways: tuple[SearchResult, ...]


class Space:
    """A run and the embeddings of the clips that are explored.

    Args:
        run: The run.
        store: Its store.
        records: Items of the store, in the order of the clips.
        number: Of the run, from 0.
        classes: What clusters are named after.
    """

    def __init__(
        self, run: Run, store: Store, records: Records, number: int = 0, classes: Classes | None = None
    ) -> None:
        self.run, self.store, self.records, self.number = run, store, records, number
        self.lock = threading.Lock()  # a store has one owner, and requests come from several threads
        vectors, present = zip(*((records.vectors[name], records.present[name]) for name in self.modalities))
        self.views = Views(vectors, present)
        self.kept = Kept(run.folder, checksum(*map(np.ascontiguousarray, vectors)))
        self.projection = Projection.of(self.views, self.kept)
        self.columns = RunColumns(self.modalities, self.views, self.kept, number, classes)
        self._layouts: dict[tuple[str, bool], NDArray[np.float32]] = {}
        self._chance: dict[tuple[str, str], ChanceLevel | None] = {}

    @property
    def modalities(self) -> tuple[str, str]:
        """The two modalities, in the run's order."""
        return self.run.modalities

    @cached_property
    def gap(self) -> ModalityGap | None:
        """The gap between the modalities; None for fewer than two pairs."""
        paired = self.columns.paired
        if paired.sum() < 2:
            return None
        first, second = (self.records.vectors[name][paired] for name in self.modalities)
        return modality_gap(first, second)

    def places(self, layout: str = PCA, *, centred: bool = False) -> NDArray[np.float32]:
        """(2, N, 2) places of the clips on the map.

        Args:
            layout: How they are laid out.
            centred: Whether each modality lies around its own mean.

        Raises:
            InputError: There is no such layout, or it was not computed yet.
        """
        if layout == PCA:
            return (self.projection.centred if centred else self.projection.joint).places
        check_layout(layout, len(self.records.ids))
        if (layout, centred) not in self._layouts:
            raise InputError(f"{layout}: these places were not computed yet", fix="ask for them with POST /api/layout")
        return self._layouts[layout, centred]

    def lay_out(self, layout: str, *, centred: bool, progress: ProgressCallback | None = None) -> None:
        """Compute places for :meth:`places`, or read them where they were kept. May take minutes.

        Raises:
            InputError: There is no such layout here, or the clips have no neighbourhoods.
        """
        if layout != PCA:
            check_layout(layout, len(self.records.ids))
            found = project(self.views, layout, self.kept, centred=centred, progress=progress)
            self._layouts[layout, centred] = found

    def neighbours(self, row: int, k: int) -> Neighbours:
        """The k nearest clips of one clip, from each modality that it has to each.

        Args:
            row: The clip.
            k: Most clips a way.
        """
        name = self.records.ids[row]
        asked = [one for one in self.modalities if self.records.present[one][row]]
        with self.lock:
            found = []
            for way in itertools.product(asked, self.modalities):
                one, other = way
                result = search_ids(
                    self.store, [name], k, from_modality=one, to_modality=other, chance=self._chance.get(way)
                )
                self._chance[way] = result.chance  # the same for every clip, and a pass through the store
                found.append(result)
        return Neighbours(tuple(found))

    def like(self, rows: Sequence[int], k: int, *, asked: str | None = None, sought: str | None = None) -> SearchResult:
        """The clips nearest to the mean of some clips, which are not among the answers.

        Args:
            rows: The clips.
            k: Most clips.
            asked: The modality of the query; None for both.
            sought: The modality that is searched; None for both.

        Raises:
            InputError: There is no such modality, or no clip has it.
        """
        for name in (asked, sought):
            if name is not None and name not in self.modalities:
                raise unknown_name("modality of the run", name, self.modalities)
        given = self.records.take(np.asarray(rows, dtype=np.int64))
        names = self.modalities if asked is None else (asked,)
        vectors, has = mean_vectors(given, names, unit=True)
        mean = vectors[has].mean(0, keepdims=True) if has.any() else np.zeros((1, 1), dtype=np.float32)
        if not mean.any():
            raise InputError(f"none of these clips has {' or '.join(names)}", fix="search from the other modality")
        targets = self.modalities if sought is None else (sought,)
        with self.lock:
            # every name of the query stands for the same vector, the mean of the clips
            found = search_vectors(
                self.store, dict.fromkeys(names, mean), k + len(given), ids=["selection"], to_modality=targets
            )
        own = set(given.ids)
        (answer,) = found.queries
        kept = replace(answer, hits=tuple(hit for hit in answer.hits if hit.id not in own)[:k])
        return replace(found, k=k, queries=(kept,))
