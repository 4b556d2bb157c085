"""Masks over feature rows: which entries are masked, and what replaces them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def redundancy(features: Tensor, rows: int = 4096) -> Tensor:
    r"""Share of a feature row's columns that the other columns predict, by the spectrum of their correlations.

    .. math:: 1 - \frac1d \exp\Big(-\sum_k p_k \log p_k\Big), \qquad p_k = \lambda_k / d

    with λ the eigenvalues of the (d, d) correlation matrix: 0 for independent columns, near 1 where all are the same.

    Args:
        features: (n, d) or (n, T, d); constant columns do not count.
        rows: At most so many rows, evenly spread, are used.

    Returns:
        Scalar in [0, 1).

    Source:
        Roy & Vetterli 2007, The effective rank.
    """
    flat = features.flatten(0, -2)
    flat = flat[:: max(1, len(flat) // rows)].double()
    centred = flat - flat.mean(0)
    scale = centred.square().sum(0).sqrt()
    kept = scale > 1e-6 * scale.max().clamp_min(1e-30)
    unit = torch.where(kept, centred / scale.clamp_min(1e-30), 0.0)
    columns = kept.sum().clamp_min(1)
    gram = unit.mT @ unit if unit.shape[1] <= len(unit) else unit @ unit.mT
    share = torch.linalg.eigvalsh(gram).clamp_min(0.0) / columns
    entropy = -(share * share.clamp_min(1e-30).log()).sum()
    found: Tensor = (1.0 - entropy.exp() / columns).clamp(0.0, 1.0).float()
    return found


def bernoulli_mask(
    uniform: Callable[..., Tensor], shape: tuple[int, ...], ratio: float | Tensor, step_ratio: float = 0.0
) -> Tensor:
    """Element-wise Bernoulli mask; for sequences, whole time steps as well.

    Args:
        uniform: Called with the shape of a row, gives (n, \\*shape) uniform numbers in [0, 1).
        shape: ``(d,)`` or ``(T, d)`` of one row.
        ratio: Probability that an entry is masked.
        step_ratio: Probability that a time step is masked as a whole; only for ``(T, d)``.

    Returns:
        (n, \\*shape) bool, true where masked.
    """
    mask = uniform(*shape) < ratio
    if len(shape) == 2 and step_ratio > 0:
        mask = mask | (uniform(shape[0], 1) < step_ratio)
    return mask


class MaskValue(nn.Module):
    """Replaces masked entries by zero (the mean of a z-scored feature) or by a learned value per feature.

    Args:
        width: d.
        learned: Whether the value is learned.
    """

    def __init__(self, width: int, learned: bool = False) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(width)) if learned else None

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """(…, d) features with the entries under (…, d) ``mask`` replaced."""
        if self.value is None:
            return features.masked_fill(mask, 0.0)
        return torch.where(mask, self.value.to(features.dtype), features)
