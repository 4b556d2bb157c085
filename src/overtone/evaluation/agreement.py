"""Whether the neighbours that a clip has in one modality are those that it has in the other."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback
from overtone.core.progress import Meter
from overtone.evaluation.arrays import ArrayLike, Floats, unit_rows
from overtone.features.neighbour_search import find_neighbours

NEAREST = 10
"""Neighbours that are compared unless asked otherwise."""
_BLOCK = 1 << 16
"""Rows whose lists are compared at a time."""


def neighbour_agreement(
    first: ArrayLike, second: ArrayLike, k: int = NEAREST, progress: ProgressCallback | None = None
) -> Floats:
    r"""Share of each row's k nearest others, by cosine, that are the same in both modalities.

    .. math:: a_i = \frac1k |\mathcal N^a_k(i) \cap \mathcal N^v_k(i)|

    By chance it is k / (N - 1). Neighbours are exact up to 20,000 rows, and above that found by inverted lists.

    Args:
        first: (N, d) embeddings or features of the first modality.
        second: (N, e) rows of the second one; row i of both is the same clip.
        k: Neighbours that are compared; at most N - 1.
        progress: Called after each modality, if that takes more than two seconds.

    Returns:
        (N,) shares from 0 to 1.

    Raises:
        InputError: The modalities differ in their number of rows, there are fewer than two, a row is zero or NaN, or k
            is not positive.

    Example:
        >>> rows = [[1.0, 0.0], [0.9, 0.1], [0.1, 0.9], [0.0, 1.0]]
        >>> neighbour_agreement(rows, rows, k=1), neighbour_agreement(rows, [rows[i] for i in (0, 2, 1, 3)], k=1)
        (array([1., 1., 1., 1.]), array([0., 0., 0., 0.]))
    """
    if k < 1:
        raise InputError("neighbour_agreement: k starts at 1", got=k)
    views = [unit_rows(rows, name, torch.float32) for rows, name in ((first, "first"), (second, "second"))]
    if len(views[0]) != len(views[1]) or len(views[0]) < 2:
        raise InputError(
            "first and second: row i of both must be the same clip",
            got=f"{len(views[0])} and {len(views[1])} rows",
            valid="as many of both, at least two",
        )
    k, meter = min(k, len(views[0]) - 1), Meter("agreement of neighbours", 2, "modality", progress)
    lists = []
    for view in views:
        lists.append(find_neighbours(view, k, torch.Generator().manual_seed(0)).rows)
        meter.add(1)
    return np.concatenate([_shared(*pair) for pair in zip(*(torch.split(part, _BLOCK) for part in lists))]) / k


def _shared(first: Tensor, second: Tensor) -> Floats:
    """(n,) number of rows that stand in both (n, k) lists; −1 stands for none."""
    same = (first[:, :, None] == second[:, None, :]) & (first[:, :, None] >= 0)
    found: Floats = same.any(2).sum(1).double().numpy()
    return found
