"""Masks over feature rows: which entries are masked, and what replaces them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


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
