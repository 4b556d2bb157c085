"""Canonical correlation of two views of a batch as a loss (DCCA): the global level."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from overtone.objectives.base import check_choice, objectives
from overtone.objectives.pairs import precise

Power = Literal["rho", "rho2"]


def whitened_cross_covariance(first: Tensor, second: Tensor, ridge: float) -> Tensor:
    r"""The (d, d) matrix, in float32 or better, whose singular values are the canonical correlations of a batch.

    .. math:: T = L_a^{-1} S_{av} L_v^{-\top}, \qquad L L^\top = S + r \cdot \tfrac{\operatorname{tr} S}{d} I

    with covariances S of the centred views. :math:`S^{-1/2}` of the usual form is replaced by triangular solves: T
    differs by rotations only, so its singular values are the same. The ridge is relative to the mean variance, so a
    rescaled view has the same correlations, unless its variance comes near 1e-6: that much is always added, so that a
    constant view has correlations of 0 rather than those of its rounding errors.

    Source:
        Andrew, Arora, Bilmes & Livescu, Deep Canonical Correlation Analysis, ICML 2013, section 3.
    """
    first, second = precise(first), precise(second)
    with torch.autocast(first.device.type, enabled=False):
        first, second = first - first.mean(0), second - second.mean(0)
        scale = 1.0 / max(1, len(first) - 1)
        crossed = scale * first.T @ second
        left = _factor(scale * first.T @ first, ridge)
        right = _factor(scale * second.T @ second, ridge)
        half = torch.linalg.solve_triangular(left, crossed, upper=False)
        matrix: Tensor = torch.linalg.solve_triangular(right, half.mT, upper=False).mT
        return matrix


def _factor(covariance: Tensor, ridge: float) -> Tensor:
    """Cholesky factor of a covariance with a ridge of at least what rounding takes away (d·eps), and a small floor."""
    variance = covariance.diagonal()
    least = max(ridge, len(variance) * torch.finfo(variance.dtype).eps)
    loaded = covariance + torch.diag_embed((least * variance.mean() + 1e-6).expand_as(variance))
    factor: Tensor = torch.linalg.cholesky_ex(loaded).L  # unchecked: a check would make the host wait
    return factor


@objectives.register("canonical")
def canonical_loss(first: Tensor, second: Tensor, ridge: float, power: Power) -> Tensor:
    r"""One minus the mean canonical correlation of two views, so that a perfect batch has loss 0.

    .. math:: \ell = 1 - \frac1d \sum_k \rho_k^p, \qquad p \in \{1, 2\}

    For p = 2 the sum is the squared Frobenius norm of T, which needs no decomposition at all. For p = 1 it is the
    nuclear norm; its gradient is the polar factor :math:`U V^\top`, which is bounded also where singular values are
    equal or vanish, so nothing divides by their differences. The variances have 1e-6 added besides the ridge: see
    :func:`whitened_cross_covariance`.

    Args:
        first, second: (n, d) embeddings, n well above d: a smaller batch reads noise as correlation.
        ridge: Share of the mean variance that is added to each variance.
        power: ``rho`` for the correlations themselves, ``rho2`` for their squares.

    Returns:
        Scalar in [0, 1] up to rounding.

    Source:
        Andrew et al. 2013, equations 9 to 11; METHODS of HSC-MAE (arXiv 2604.04229), squared as in its code.

    Example:
        >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
        >>> mixed = x @ torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [1.0, 0.0, 1.0]])
        >>> bool(canonical_loss(x, mixed, ridge=0.0, power="rho") < 1e-3)
        True
    """
    check_choice("power", power, Power)
    matrix = whitened_cross_covariance(first, second, ridge)
    if power == "rho2":
        total = matrix.square().sum()
    else:
        # what is not finite stays so in the product, for the loop to name; the decomposition would raise
        left, _, right = torch.linalg.svd(matrix.detach().nan_to_num())
        with torch.autocast(matrix.device.type, enabled=False):
            total = (matrix * (left @ right)).sum()
    return 1.0 - total / matrix.shape[0]
