"""Two-dimensional maps of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.evaluation import principal_plane

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
    by_neighbours = neighbours(points)
    found: dict[str, Floats] = {BY_VARIANCE: by_variance}
    return found if by_neighbours is None else {**found, BY_NEIGHBOURS: by_neighbours}, share


def neighbours(points: Floats) -> Floats | None:
    """A t-SNE map, which keeps neighbours together and means nothing by distance; None for fewer than 30 points.

    Points (n, e) are unit rows, so that Euclidean neighbours are those by cosine. Places (n, 2) have no unit; they
    start from the principal directions, hence are the same every time.
    """
    if len(points) < 30 or np.ptp(points, axis=0).max() <= 1e-9:
        return None
    from sklearn.manifold import TSNE  # loading it takes a second, which other reports should not pay
    from threadpoolctl import threadpool_limits

    start = principal_plane(points).places
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    perplexity = min(30.0, (len(points) - 1) / 3)
    solver = TSNE(init=start.astype(np.float32), perplexity=perplexity, max_iter=500, random_state=0)
    with threadpool_limits(1):  # on a busy machine, threads that wait for each other make it twenty times slower
        return np.asarray(solver.fit_transform(points.astype(np.float32)))
