"""Cross-entropy of independent sigmoids where "not annotated" does not mean "absent"."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.objectives.registry import objectives


def positive_unlabelled(
    logits: Tensor,
    targets: Tensor,
    negative_weight: float = 1.0,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    r"""Sigmoid cross-entropy in which unannotated classes weigh less than annotated ones.

    .. math::
        \ell_i = -\frac1C \sum_c \big[ y_{ic} \log \sigma(z_{ic}) + w (1 - y_{ic})
                 \big( (1 - \varepsilon) \log \sigma(-z_{ic}) + \varepsilon \log \sigma(z_{ic}) \big) \big]

    With w = 1 and ε = 0 it is binary cross-entropy. The smaller w, the less a class that is present without being
    annotated is pushed down; ε says which share of the unannotated is thought to be present.

    Args:
        logits: (n, C).
        targets: (n, C) in [0, 1].
        negative_weight: w in (0, 1], the weight of what is not annotated.
        smoothing: ε in [0, 1).
        weights: (n,) weights of the rows, of mean 1; None counts all alike.

    Returns:
        Scalar: the mean of weight times cross-entropy over the rows.

    Source:
        Elkan & Noto 2008, KDD, for weighting the unlabelled.
    """
    logits = logits if logits.dtype == torch.float64 else logits.float()
    absent = negative_weight * (1.0 - targets)
    present = targets + smoothing * absent
    terms = present * F.softplus(-logits) + (1.0 - smoothing) * absent * F.softplus(logits)
    rows = terms.mean(1)
    return rows.mean() if weights is None else (weights * rows).mean()


@objectives.register("positive-unlabelled")
class PositiveUnlabelled(nn.Module):
    """Module form of :func:`positive_unlabelled`.

    Args:
        negative_weight: w in (0, 1].
        smoothing: ε in [0, 1).

    Inputs: (n, C) logits, (n, C) targets, and weights of the rows or none.
    """

    def __init__(self, negative_weight: float = 1.0, smoothing: float = 0.0) -> None:
        super().__init__()
        self.negative_weight, self.smoothing = negative_weight, smoothing

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Scalar loss."""
        return positive_unlabelled(logits, targets, self.negative_weight, self.smoothing, weights)
