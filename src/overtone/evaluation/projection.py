"""Two-dimensional maps of embeddings by their directions of most variance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


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
