"""Masked reconstruction: the sample level."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from overtone.objectives.base import check_choice, objectives
from overtone.objectives.pairs import precise

Where = Literal["masked", "all"]


@objectives.register("reconstruction")
def masked_reconstruction(
    reconstruction: Tensor, features: Tensor, mask: Tensor, where: Where, weights: Tensor | None = None
) -> Tensor:
    r"""Mean squared error of reconstructed features, on the entries that the encoder did not see.

    .. math:: \ell = \frac1n \sum_i \frac{\sum_{e} m_{ie} (\hat x_{ie} - x_{ie})^2}{\max(1, \sum_e m_{ie})}

    A mean over rows of each row's mean, so that the shares of a global batch average to its loss, however many entries
    are masked in each. A row of which nothing is hidden counts as reconstructed.

    Args:
        reconstruction, features: (n, d) or (n, T, d).
        mask: The same shape, true or one where the encoder saw nothing.
        where: ``masked`` for the masked entries only, ``all`` for every entry.
        weights: (n,) weights of the rows in the mean, of mean 1; None: all alike.

    Returns:
        Scalar, in squared units of the (scaled) features.

    Source:
        He et al. 2022, arXiv 2111.06377 (loss on masked entries); HSC-MAE, arXiv 2604.04229.

    Example:
        >>> x = torch.zeros(2, 2)
        >>> masked_reconstruction(x + 3, x, torch.tensor([[1, 0], [0, 0]]), "masked")
        tensor(4.5000)
    """
    check_choice("choice of entries", where, Where)
    error = (precise(reconstruction) - precise(features)).square()
    if weights is not None:
        error = error * weights.view(-1, *[1] * (error.dim() - 1))
    if where == "all":
        return error.mean()
    weight = mask.to(error.dtype)
    return ((error * weight).flatten(1).sum(1) / weight.flatten(1).sum(1).clamp_min(1.0)).mean()


def reconstruction_of_both(
    parts: tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]],
    where: Where,
    weights: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Mean of :func:`masked_reconstruction` over the two modalities, each (reconstruction, features, mask)."""
    first, second = (masked_reconstruction(*part, where, w) for part, w in zip(parts, weights or (None, None)))
    return torch.add(first, second).mul(0.5)
