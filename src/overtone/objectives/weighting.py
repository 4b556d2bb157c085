"""Weights of a sum of terms: given, or learned by homoscedastic uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from overtone.core import InputError
from overtone.objectives.pairs import precise

_SMALLEST = 1e-3
"""Terms below this weigh as if they were that large: the weight of a term that reaches 0 has a bound, 1000."""


class LearnedWeights(nn.Module):
    r"""Sum of terms whose weights are learned.

    .. math:: L = \sum_t e^{-s_t} L_t + s_t

    At the optimum of s alone :math:`e^{-s_t} = 1 / L_t`: each term counts relative to its own size. A term near 0, or
    below it, would have an infinite weight; its weight is learned as if it were 0.001, so it stays below 1000.
    Shift a term that can be negative, as :func:`~overtone.objectives.canonical_loss` is, to have it counted.

    Args:
        initial: Weight of each term at the start, > 0.

    Source:
        Kendall, Gal & Cipolla 2018, arXiv 1705.07115, equation 7.

    Example:
        >>> weights = LearnedWeights({"a": 1.0, "b": 1.0})
        >>> weights({"a": torch.tensor(2.0), "b": torch.tensor(3.0)}).item()
        5.0
    """

    def __init__(self, initial: Mapping[str, float]) -> None:
        super().__init__()
        self.names = sorted(initial)
        self.log_variance = nn.Parameter(torch.tensor([float(initial[name]) for name in self.names]).log().neg())

    def forward(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of scalar terms, by name; all names given at construction must be there."""
        values = torch.stack([precise(terms[name]) for name in self.names])
        values = values + (_SMALLEST - values).clamp_min(0.0).detach()
        return (torch.exp(-self.log_variance) * values + self.log_variance).sum()


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum of named scalar terms with given weights.

    Raises:
        InputError: There is no term.
    """
    if not terms:
        raise InputError("every term of the method is switched off", fix="give at least one of the weights a value > 0")
    return torch.stack([weights[name] * precise(value) for name, value in terms.items()]).sum()
