"""Two-dimensional maps of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.evaluation import neighbour_plane, principal_plane

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

MOST_PAIRS = 750
"""Pairs on a map; of a larger set, so many evenly spaced ones. More would cost t-SNE and the browser seconds."""
BY_VARIANCE, BY_NEIGHBOURS = "directions of most variance (PCA)", "neighbourhoods (t-SNE)"


def spaced(total: int, most: int = MOST_PAIRS) -> Ints:
    """At most ``most`` evenly spaced row numbers out of ``total``."""
    return np.unique(np.linspace(0, total - 1, min(total, most)).astype(int))


def unit(rows: Floats) -> Floats:
    """Rows of length one; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float64)


def views(points: Floats) -> tuple[dict[str, Floats], float]:
    """Places of rows on each map that there is, and the share of the variance that PCA shows."""
    by_variance, share = principal_plane(points)
    by_neighbours = neighbour_plane(points)
    found: dict[str, Floats] = {BY_VARIANCE: by_variance}
    return found if by_neighbours is None else {**found, BY_NEIGHBOURS: by_neighbours}, share
