"""How points lie: distances over all pairs of points, and how many dimensions rows fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.documents import Document
from overtone.evaluation.arrays import ArrayLike, matrix_rows, refuse_rows

_EQUAL = 1e-6
"""Variance by mean squared length at which rows count as equal: they deviate by a thousandth of their length."""
_BLOCK = 2**22


class PairDistances(NamedTuple):
    """Euclidean distances over all pairs of points: mean, population standard deviation, the smallest and whose."""

    mean: float
    std: float
    smallest: float
    pair: tuple[int, int]


def pair_distances(points: Tensor) -> PairDistances:
    """The distances of all pairs of (C, d) float64 points, C >= 2, in blocks: O(C²d) time, bounded memory.

    Example:
        >>> pair_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]).double())
        PairDistances(mean=4.0, std=0.816496580927726, smallest=3.0, pair=(1, 2))
    """
    count = len(points)
    seen, mean, scatter, smallest, pair = 0, 0.0, 0.0, float("inf"), (0, 1)
    rows = max(1, _BLOCK // count)
    for start in range(0, count - 1, rows):
        # differences, not products: centroids that nearly coincide are the ones that matter
        some, exact = points[start : start + rows], "donot_use_mm_for_euclid_dist"
        block = torch.cdist(some, points[start + 1 :], compute_mode=exact)
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
    return PairDistances(mean, (scatter / seen) ** 0.5, smallest, pair)


def effective_rank(rows: ArrayLike) -> float:
    r"""How many dimensions rows fill: the exponential of the entropy of the shares of variance.

    .. math:: \exp\Big(-\sum_k p_k \ln p_k\Big), \qquad p_k = \lambda_k / \sum_l \lambda_l

    with :math:`\lambda_k` the eigenvalues of the covariance of the rows.

    Args:
        rows: (N, d) numbers, taken as they are; scale them to unit length first if only directions count.

    Returns:
        From 1 (all rows on a line) to d (all directions equally strong); 0 if all rows are nearly equal: their root
        mean square deviation from the mean is at most a thousandth of their root mean square length.

    Raises:
        InputError: There are no rows, or one holds NaN or infinity.

    Source:
        Roy & Vetterli 2007, The effective rank: a measure of effective dimensionality. They take shares of singular
        values; shares of variance count weak directions less.

    Example:
        >>> corners = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> round(effective_rank(corners), 6), round(effective_rank(corners * torch.tensor([1.0, 0.0])), 6)
        (2.0, 1.0)
    """
    values = matrix_rows(rows, "rows").double()
    refuse_rows(~values.isfinite().all(dim=1), "rows", "holds NaN or infinity", "remove or repair the row")
    centred = values - values.mean(0)
    return covariance_rank(centred.mT @ centred / len(values), float(values.square().sum(1).mean()))


def covariance_rank(covariance: Tensor, squared_length: float = 1.0) -> float:
    """The :func:`effective_rank` of rows by their (d, d) float64 covariance and their mean squared length.

    Example:
        >>> round(covariance_rank(torch.diag(torch.tensor([0.5, 0.5, 0.0]).double())), 6)
        2.0
    """
    values = torch.linalg.eigvalsh(covariance).clamp_min(0.0)
    if float(values.sum()) <= _EQUAL * squared_length:
        return 0.0
    return float(torch.special.entr(values / values.sum()).sum().exp())


@dataclass(frozen=True)
class ModalityGap(Document):
    """How far the embeddings of two modalities lie apart.

    Attributes:
        distance: Between the centroids of the unit rows of both, from 0 to 2.
        by_chance: Root mean square of that distance if the halves of each pair were swapped at random.
        pair_cosine: Mean cosine of the two halves of a pair.
        shuffled_cosine: Mean cosine of halves of different pairs.
        pairs: Number of pairs.
    """

    distance: float
    by_chance: float
    pair_cosine: float
    shuffled_cosine: float
    pairs: int


def modality_gap(first: ArrayLike, second: ArrayLike) -> ModalityGap:
    r"""Measure the gap between two modalities in one space.

    With unit rows :math:`a_i, b_i` of N pairs and their means :math:`\bar a, \bar b`:

    .. math:: d = \lVert \bar a - \bar b \rVert, \qquad
        d_\text{chance} = \frac1N \Big(\sum_i \lVert a_i - b_i \rVert^2\Big)^{1/2}, \qquad
        s = \frac{N^2\, \bar a^\top \bar b - \sum_i a_i^\top b_i}{N (N - 1)}

    The distance by chance is that of random swaps of the halves, and s the mean cosine of shuffled pairs: both exact,
    without a draw.

    Args:
        first, second: (N, d) embeddings, row i of both of one clip; N >= 2.

    Returns:
        The figures.

    Raises:
        InputError: Shapes differ, there are fewer than two pairs, or a row is zero or not finite.

    Source:
        The distance is that of Liang et al., Mind the gap, NeurIPS 2022.

    Example:
        >>> rows = torch.eye(3)
        >>> gap = modality_gap(rows, rows)
        >>> gap.distance, gap.pair_cosine, gap.shuffled_cosine
        (0.0, 1.0, 0.0)
    """
    a, b = (torch.as_tensor(rows).detach().double() for rows in (first, second))
    if a.shape != b.shape or a.dim() != 2 or len(a) < 2:
        got, valid = f"shapes {tuple(a.shape)} and {tuple(b.shape)}", "two of shape (N, d), N >= 2"
        raise InputError("the gap between modalities needs pairs", got=got, valid=valid)
    for name, rows in (("first", a), ("second", b)):
        lengths = rows.norm(dim=1)
        bad = ~(lengths.isfinite() & (lengths > 0))
        if bad.any():
            raise InputError(f"{name}, row {int(bad.nonzero()[0])}: a row of zeros, or not finite")
    a, b = (torch.nn.functional.normalize(rows, dim=1) for rows in (a, b))
    n, cosines = len(a), (a * b).sum(1)
    shuffled = (n**2 * float(a.mean(0) @ b.mean(0)) - float(cosines.sum())) / (n * (n - 1))
    return ModalityGap(
        distance=float((a.mean(0) - b.mean(0)).norm()),
        by_chance=float((a - b).square().sum()) ** 0.5 / n,
        pair_cosine=float(cosines.mean()),
        shuffled_cosine=shuffled,
        pairs=n,
    )
