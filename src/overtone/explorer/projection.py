"""What is computed once for a run's map, and kept in its folder: places of the clips, and ranks of counterparts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.core.files import checksum, json_text, load_tensors, read_header, save_tensors
from overtone.evaluation import counterpart_ranks, principal_plane

log = logging.getLogger("overtone")

Floats = NDArray[np.floating[Any]]

_MAPS = ("joint", "centred")
MOST_RANKED = 20_000
"""Clips whose counterparts are ranked exactly: the time grows with the square of their number."""


@dataclass(frozen=True, eq=False)
class Map:
    """Where N clips of two modalities lie on a plane.

    Attributes:
        places: (2, N, 2) float32, modality by modality; NaN where a clip lacks one.
        share: Share of the variance that the plane shows.
    """

    places: NDArray[np.float32]
    share: float


@dataclass(frozen=True, eq=False)
class Projection:
    """The maps of N clips of two modalities.

    Attributes:
        joint: On the plane of most variance of both modalities: the gap between them is seen.
        centred: The same with each modality around its own mean, so that the gap takes no part.
        ranks: (N,) rank of each clip's counterpart, for queries of the first modality and for those of the second; NaN
            without one. None for more than 20,000 clips.
    """

    joint: Map
    centred: Map
    ranks: tuple[Floats, Floats] | None

    @classmethod
    def of(
        cls, vectors: Sequence[Floats], present: Sequence[NDArray[np.bool_]], file: Path | None = None
    ) -> Projection:
        """Compute the map, or read it where it was kept for the same vectors.

        Args:
            vectors: (N, d) unit rows of each of two modalities.
            present: (N,) flags of the clips that have it.
            file: Where to keep it; one that cannot be written is no error.
        """
        identity = checksum(*map(np.ascontiguousarray, vectors))
        found = None if file is None else cls._read(file, identity)
        if found is not None:
            return found
        joint, centred = (_project(vectors, present, centred=own) for own in (False, True))
        made = cls(joint, centred, _rank(vectors, present))
        if file is not None:
            try:
                made._write(file, identity)
            except InputError as error:
                log.info("the map is not kept: %s", error)
        return made

    @classmethod
    def _read(cls, path: Path, identity: str) -> Projection | None:
        """What was kept; None if there is nothing, or it is damaged or of other vectors."""
        with suppress(InputError, KeyError, TypeError, ValueError):
            tensors, header = load_tensors(path), read_header(path)
            if header["identity"] == identity:
                ranks = tensors.get("ranks")
                pair = None if ranks is None else (ranks[0].numpy(), ranks[1].numpy())
                joint, centred = (Map(tensors[name].numpy(), float(header[name])) for name in _MAPS)
                return cls(joint, centred, pair)
        return None

    def _write(self, path: Path, identity: str) -> None:
        maps = dict(zip(_MAPS, (self.joint, self.centred)))
        tensors = {name: torch.from_numpy(one.places) for name, one in maps.items()}
        if self.ranks is not None:
            tensors["ranks"] = torch.from_numpy(np.stack(self.ranks))
        shares = {name: json_text(one.share) for name, one in maps.items()}
        save_tensors(path, tensors, {"identity": json_text(identity), **shares})


def _project(vectors: Sequence[Floats], present: Sequence[NDArray[np.bool_]], *, centred: bool) -> Map:
    """Places of both modalities on one plane; ``centred``: after the mean of each was taken away."""
    there = [rows[has] for rows, has in zip(vectors, present)]
    if centred:
        there = [rows - rows.mean(0) if len(rows) else rows for rows in there]
    plane = principal_plane(np.concatenate(there))
    places = np.full((len(vectors), len(vectors[0]), 2), np.nan, dtype=np.float32)
    places[np.stack(present)] = plane.places
    return Map(places, plane.share)


def _rank(vectors: Sequence[Floats], present: Sequence[NDArray[np.bool_]]) -> tuple[Floats, Floats] | None:
    """Ranks of the counterparts in both directions."""
    paired = present[0] & present[1]
    if paired.sum() > MOST_RANKED:
        return None
    first, second = (rows[paired] for rows in vectors)
    found = []
    for queries, gallery in ((first, second), (second, first)):
        ranks = np.full(len(paired), np.nan, dtype=np.float32)
        if paired.any():
            ranks[paired] = counterpart_ranks(queries, gallery)
        found.append(ranks)
    return found[0], found[1]
