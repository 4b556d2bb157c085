"""What is computed once for a run's map: places of the clips on the plane of most variance, and on other ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.core import ProgressCallback
from overtone.evaluation import principal_plane
from overtone.explorer.kept import Arrays, Kept
from overtone.explorer.layouts import lay_out

Floats = NDArray[np.floating[Any]]


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
class Views:
    """The embeddings of N clips in two modalities.

    Attributes:
        vectors: (N, d) unit rows of each.
        present: (N,) flags of the clips that have it.
    """

    vectors: Sequence[Floats]
    present: Sequence[NDArray[np.bool_]]

    def stacked(self, *, centred: bool) -> Floats:
        """The rows of all clips that there are, the first modality's before the second's.

        Args:
            centred: Whether the mean of each modality is taken away, so that the gap between them takes no part.
        """
        there = [rows[has] for rows, has in zip(self.vectors, self.present)]
        if centred:
            there = [rows - rows.mean(0) if len(rows) else rows for rows in there]
        return np.concatenate(there)

    def spread(self, places: Floats) -> NDArray[np.float32]:
        """(2, N, 2) places from one for each of :meth:`stacked`; NaN where a clip lacks a modality."""
        found = np.full((len(self.vectors), len(self.vectors[0]), 2), np.nan, dtype=np.float32)
        found[np.stack(self.present)] = places
        return found


@dataclass(frozen=True, eq=False)
class Projection:
    """The maps of N clips by the directions of most variance.

    Attributes:
        joint: On the plane of most variance of both modalities: the gap between them is seen.
        centred: The same with each modality around its own mean, so that the gap takes no part.
    """

    joint: Map
    centred: Map

    @classmethod
    def of(cls, views: Views, kept: Kept) -> Projection:
        """Compute the maps, or read them where they were kept."""

        def compute() -> Arrays:
            planes = [principal_plane(views.stacked(centred=own)) for own in (False, True)]
            joint, centred = (views.spread(plane.places) for plane in planes)
            return {"joint": joint, "centred": centred, "shares": np.array([plane.share for plane in planes])}

        found = kept.once("maps", compute)
        shares = found["shares"].tolist()
        return cls(Map(found["joint"], shares[0]), Map(found["centred"], shares[1]))


def project(
    views: Views, layout: str, kept: Kept, *, centred: bool, progress: ProgressCallback | None = None
) -> NDArray[np.float32]:
    """Places by another layout than that of most variance, computed or read where they were kept. May take minutes.

    Args:
        views: The embeddings.
        layout: Name of one of :func:`overtone.explorer.layouts.offer_layouts`.
        kept: Where it is kept.
        centred: As of :meth:`Views.stacked`.
        progress: Called while it is computed, where the library says how far it is.

    Returns:
        (2, N, 2) places.

    Raises:
        InputError: There is no such layout here, or there are too few or too many clips for it.
    """

    def compute() -> Arrays:
        return {"places": views.spread(lay_out(layout, views.stacked(centred=centred), progress))}

    return kept.once(f"{layout}-{'centred' if centred else 'joint'}", compute)["places"]
