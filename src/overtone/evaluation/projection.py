"""Two-dimensional maps of embeddings: by their directions of most variance, and by their neighbourhoods."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

LEAST_ROWS = 30
"""Rows from which on neighbourhoods make a map."""


class Plane(NamedTuple):
    """Rows on the plane of most variance: (N, 2) places, and the share of the variance that the plane shows."""

    places: Floats
    share: float


def principal_plane(points: Floats) -> Plane:
    r"""Project rows onto their two directions of most variance.

    With :math:`u_1, u_2` the leading eigenvectors of the covariance and m the mean, a row x lies at
    :math:`(u_1^\top (x - m), u_2^\top (x - m))`. The largest entry of each :math:`u_k` is made positive, so that the
    picture does not depend on the machine.

    Args:
        points: (N, d) rows; N >= 1.

    Returns:
        The places in the unit of the rows, and :math:`(\lambda_1 + \lambda_2) / \sum_k \lambda_k`, 0 if all rows are
        equal. Takes O(N d²) time.

    Example:
        >>> plane = principal_plane(np.array([[0.0, 0.0, 1.0], [4.0, 0.0, 1.0], [8.0, 0.0, 1.0]]))
        >>> plane.places[:, 0].round(6).tolist(), round(plane.share, 6)
        ([-4.0, 0.0, 4.0], 1.0)
    """
    rows = np.asarray(points)
    mean = rows.mean(0, dtype=np.float64)
    centred = rows - mean.astype(rows.dtype)
    values, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    leading = vectors[:, ::-1][:, :2]
    signs = np.sign(leading[np.abs(leading).argmax(0), np.arange(leading.shape[1])])
    places = np.zeros((len(rows), 2))
    places[:, : leading.shape[1]] = centred @ (leading * signs).astype(rows.dtype)
    values = values.clip(0)
    total = float(values.sum())
    return Plane(places, float(values[::-1][:2].sum()) / total if total > 0 else 0.0)


def neighbour_plane(points: Floats) -> Floats | None:
    """Lay rows out so that neighbours stay neighbours (t-SNE); distances between groups mean nothing.

    Args:
        points: (N, d) unit rows, so that Euclidean neighbours are those by cosine.

    Returns:
        (N, 2) places without a unit, the same every time: they start from the principal directions. None for fewer than
        30 rows, or where all are equal. Takes O(N log N) time, about a minute for 10,000 rows.

    Source:
        van der Maaten & Hinton, Visualizing Data using t-SNE, JMLR 2008.
    """
    if len(points) < LEAST_ROWS or np.ptp(points, axis=0).max() <= 1e-9:
        return None
    from sklearn.manifold import TSNE  # loading it takes a second, which others should not pay
    from threadpoolctl import threadpool_limits

    start = principal_plane(points).places
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    perplexity = min(30.0, (len(points) - 1) / 3)
    solver = TSNE(init=start.astype(np.float32), perplexity=perplexity, max_iter=500, random_state=0)
    with threadpool_limits(1):  # on a busy machine, threads that wait for each other make it twenty times slower
        return np.asarray(solver.fit_transform(points.astype(np.float32)))
