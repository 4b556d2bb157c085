"""Cross-entropy of a softmax against one, several or soft labels, with room for what is not annotated."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from overtone.objectives.registry import objectives


def soft_cross_entropy(
    logits: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    r"""Cross-entropy of a softmax against target distributions.

    .. math::
        \ell_i = -\sum_c \Big( (1 - \varepsilon) \frac{y_{ic}}{\sum_k y_{ik}} + \frac{\varepsilon}{C} \Big) \log p_{ic}

    Several labels share the probability in proportion. Smoothing ε leaves every class a share, so that an event which
    is there without being annotated need not be driven to nothing.

    Args:
        logits: (n, C).
        targets: (n, C) in [0, 1]; a row of zeros has no label and costs nothing.
        smoothing: ε in [0, 1).
        weights: (n,) weights of the rows, of mean 1; None counts all alike.

    Returns:
        Scalar: the mean of weight times cross-entropy over the rows.

    Source:
        Szegedy et al. 2016, arXiv 1512.00567, for smoothing.
    """
    logits = logits if logits.dtype == torch.float64 else logits.float()
    mass = targets.sum(1, keepdim=True)
    share = targets / mass.clamp_min(torch.finfo(logits.dtype).tiny)
    wanted = (1.0 - smoothing) * share + smoothing / targets.shape[1] * (mass > 0)
    rows = -(wanted * logits.log_softmax(1)).sum(1)
    return rows.mean() if weights is None else (weights * rows).mean()


@objectives.register("soft-cross-entropy")
class SoftCrossEntropy(nn.Module):
    """Module form of :func:`soft_cross_entropy`.

    Args:
        smoothing: ε in [0, 1).

    Inputs: (n, C) logits, (n, C) targets, and weights of the rows or none.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Scalar loss."""
        return soft_cross_entropy(logits, targets, self.smoothing, weights)
