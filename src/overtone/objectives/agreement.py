"""Agreement: what two heads say of one clip comes together, without either being held for the truth."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.objectives.registry import objectives

Head = Literal["softmax", "sigmoid"]


def agreement(
    first: Tensor, second: Tensor, temperature: float = 1.0, head: Head = "softmax", weights: Tensor | None = None
) -> Tensor:
    r"""Jensen-Shannon divergence of two heads' probabilities at a temperature.

    .. math::
        \ell_i = \tfrac12 \operatorname{KL}(p_i \,\|\, m_i) + \tfrac12 \operatorname{KL}(q_i \,\|\, m_i), \qquad
        m_i = \tfrac12 (p_i + q_i)

    p and q are softmaxes of the logits over τ; of sigmoids each class has two outcomes, and the mean over the classes
    is taken. It is symmetric and lies in [0, ln 2], so no confident head can pull without bound.

    Args:
        first: (n, C) logits of one head.
        second: (n, C) logits of the other.
        temperature: τ > 0; above 1 the small probabilities count for more.
        head: ``softmax`` or ``sigmoid``.
        weights: (n,) weights of the rows, of mean 1; None counts all alike.

    Returns:
        Scalar: the mean of weight times divergence over the rows.

    Source:
        Lin 1991, IEEE Transactions on Information Theory 37.
    """
    p, q = (log_probabilities(logits / temperature, head) for logits in (first, second))
    middle = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0, dtype=p.dtype, device=p.device))
    divergence = 0.5 * (p.exp() * (p - middle) + q.exp() * (q - middle)).sum(-1)
    rows = divergence.mean(1) if head == "sigmoid" else divergence
    return rows.mean() if weights is None else (weights * rows).mean()


def log_probabilities(logits: Tensor, head: Head) -> Tensor:
    """(n, C) logits to log-probabilities over outcomes: (n, C) of a softmax, (n, C, 2) of sigmoids.

    Args:
        logits: (n, C).
        head: ``softmax`` or ``sigmoid``.

    Returns:
        Log-probabilities whose last axis sums to one, in float32 or better.
    """
    logits = logits if logits.dtype == torch.float64 else logits.float()
    if head == "softmax":
        return logits.log_softmax(1)
    return torch.stack([F.logsigmoid(logits), F.logsigmoid(-logits)], dim=2)


@objectives.register("agreement")
class Agreement(nn.Module):
    """Module form of :func:`agreement`.

    Args:
        temperature: τ > 0.
        head: ``softmax`` or ``sigmoid``.

    Inputs: (n, C) logits of two heads, and weights of the rows or none.
    """

    def __init__(self, temperature: float = 1.0, head: Head = "softmax") -> None:
        super().__init__()
        self.temperature = temperature
        self.head: Head = head

    def forward(self, first: Tensor, second: Tensor, weights: Tensor | None = None) -> Tensor:
        """Scalar loss."""
        return agreement(first, second, self.temperature, self.head, weights)
