"""Weights of a sum of terms: given, or learned by homoscedastic uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class LearnedWeights(nn.Module):
    r"""Sum of terms whose weights are learned.

    .. math:: L = \sum_t e^{-s_t} L_t + s_t

    At the optimum of s alone :math:`e^{-s_t} = 1 / L_t`: each term counts relative to its own size. That holds only
    for terms that cannot be negative; shift one that can (as :func:`~overtone.objectives.canonical_loss` is) or its
    weight runs away.

    Args:
        initial: Weight of each term at the start, > 0.

    Source:
        Kendall, Gal & Cipolla 2018, arXiv 1705.07115, equation 7.

    Example:
        >>> weights = LearnedWeights({"a": 1.0, "b": 1.0})
        >>> float(weights({"a": torch.tensor(2.0), "b": torch.tensor(3.0)}))
        5.0
    """

    def __init__(self, initial: Mapping[str, float]) -> None:
        super().__init__()
        self.names = sorted(initial)
        self.log_variance = nn.Parameter(torch.tensor([float(initial[name]) for name in self.names]).log().neg())

    def forward(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of scalar terms, by name; all names given at construction must be there."""
        values = torch.stack([terms[name].float() for name in self.names])
        return (torch.exp(-self.log_variance) * values + self.log_variance).sum()


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum of terms with given weights.

    Args:
        terms: Scalars by name.
        weights: A factor for each of them.

    Returns:
        Scalar.
    """
    return torch.stack([weights[name] * value.float() for name, value in terms.items()]).sum()
