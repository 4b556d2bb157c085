"""How points lie: distances between all pairs of centroids, and how many dimensions a covariance fills."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

NOTHING = 1e-12
"""Total variance of unit rows below which float64 sums see rounding rather than spread."""
_BLOCK = 2**22


class Gaps(NamedTuple):
    """Euclidean distances over all pairs of C points.

    Attributes:
        mean: Their mean.
        std: Their standard deviation (population).
        smallest: The smallest of them.
        pair: Which two points that is.
    """

    mean: float
    std: float
    smallest: float
    pair: tuple[int, int]


def pairwise_gaps(points: Tensor) -> Gaps:
    """Mean, spread and minimum of the distances of all pairs, block by block: O(C²d) time, bounded memory.

    Args:
        points: (C, d) float64, C >= 2.

    Returns:
        The :class:`Gaps`.

    Example:
        >>> pairwise_gaps(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]).double())
        Gaps(mean=4.0, std=0.816496580927726, smallest=3.0, pair=(1, 2))
    """
    count = len(points)
    seen, mean, scatter, smallest, pair = 0, 0.0, 0.0, float("inf"), (0, 1)
    rows = max(1, _BLOCK // count)
    for start in range(0, count - 1, rows):
        # differences, not products: centroids that nearly coincide are the ones that matter
        block = torch.cdist(
            points[start : start + rows], points[start + 1 :], compute_mode="donot_use_mm_for_euclid_dist"
        )
        later = torch.ones_like(block, dtype=torch.bool).triu()
        distances = block[later]
        n, block_mean = len(distances), float(distances.mean())
        shift = block_mean - mean  # Chan, Golub & LeVeque 1979: merging means keeps a spread near 0 exact
        scatter += float((distances - block_mean).square().sum()) + shift**2 * seen * n / (seen + n)
        mean, seen = mean + shift * n / (seen + n), seen + n
        nearest = int(block.masked_fill(~later, torch.inf).argmin())
        row, column = divmod(nearest, block.shape[1])
        if float(block[row, column]) < smallest:
            smallest, pair = float(block[row, column]), (start + row, start + 1 + column)
    return Gaps(mean, (scatter / seen) ** 0.5, smallest, pair)


def effective_rank(covariance: Tensor) -> float:
    r"""How many dimensions a covariance fills: the exponential of the entropy of its eigenvalues' shares.

    .. math:: \exp\Big(-\sum_k p_k \ln p_k\Big), \qquad p_k = \lambda_k / \sum_l \lambda_l

    Args:
        covariance: (d, d) float64, of unit rows.

    Returns:
        Between 1 (a line) and d (a ball); 0 where the rows do not differ at all.

    Source:
        Roy & Vetterli 2007, The effective rank: a measure of effective dimensionality.

    Example:
        >>> round(effective_rank(torch.diag(torch.tensor([0.5, 0.5, 0.0]).double())), 6)
        2.0
    """
    values = torch.linalg.eigvalsh(covariance).clamp_min(0.0)
    return 0.0 if float(values.sum()) <= NOTHING else effective_number(values)


def effective_number(sizes: Tensor) -> float:
    r"""How many of several sizes count: :math:`\exp(-\sum_k p_k \ln p_k)` with p their shares.

    Args:
        sizes: Not negative, not all 0.

    Returns:
        Between 1 (a single one has everything) and their number (all are alike).

    Example:
        >>> round(effective_number(torch.tensor([2.0, 2.0, 0.0])), 6)
        2.0
    """
    return float(torch.special.entr(sizes / sizes.sum()).sum().exp())
