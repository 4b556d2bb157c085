"""Losses of class logits: fit to labels, with room for what is not annotated, and agreement of two heads."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.objectives.base import objectives

Head = Literal["softmax", "sigmoid"]


@objectives.register("soft-cross-entropy")
def soft_cross_entropy(
    logits: Tensor, targets: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    r"""Cross-entropy of a softmax against target distributions.

    .. math::
        \ell_i = -\sum_c \Big( (1 - \varepsilon) \frac{y_{ic}}{\sum_k y_{ik}} + \frac{\varepsilon}{C} \Big) \log p_{ic}

    Several labels share the probability in proportion. Smoothing ε leaves every class a share, so that an event which
    is there without being annotated need not be driven to nothing.

    Args:
        logits, targets: (n, C), targets in [0, 1]; a row of zeros has no label and costs nothing.
        smoothing: ε in [0, 1).
        weights: (n,) weights of the rows, of mean 1; None counts all alike.

    Returns:
        Scalar: the mean of weight times loss over the rows.

    Source:
        Szegedy et al. 2016, arXiv 1512.00567, for smoothing.
    """
    logits = _wide(logits)
    mass = targets.sum(1, keepdim=True)
    share = targets / mass.clamp_min(torch.finfo(logits.dtype).tiny)
    wanted = (1.0 - smoothing) * share + smoothing / targets.shape[1] * (mass > 0)
    return _mean(-(wanted * logits.log_softmax(1)).sum(1), weights)


@objectives.register("positive-unlabelled")
def positive_unlabelled(
    logits: Tensor, targets: Tensor, negative_weight: float = 1.0, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    r"""Sigmoid cross-entropy in which unannotated classes weigh less than annotated ones.

    .. math::
        \ell_i = -\frac1C \sum_c \big[ y_{ic} \log \sigma(z_{ic}) + w (1 - y_{ic})
                 \big( (1 - \varepsilon) \log \sigma(-z_{ic}) + \varepsilon \log \sigma(z_{ic}) \big) \big]

    With w = 1 and ε = 0 it is binary cross-entropy. The smaller w, the less a class that is present without being
    annotated is pushed down; ε says which share of the unannotated is thought to be present.

    Args:
        logits, targets, weights: As for :func:`soft_cross_entropy`.
        negative_weight: w in (0, 1], the weight of what is not annotated.
        smoothing: ε in [0, 1).

    Returns:
        Scalar: the mean of weight times loss over the rows.

    Source:
        Elkan & Noto 2008, KDD, for weighting the unlabelled.
    """
    logits = _wide(logits)
    absent = negative_weight * (1.0 - targets)
    present = targets + smoothing * absent
    terms = present * F.softplus(-logits) + (1.0 - smoothing) * absent * F.softplus(logits)
    return _mean(terms.mean(1), weights)


@objectives.register("agreement")
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
        first, second: (n, C) logits of the two heads.
        temperature: τ > 0; above 1 the small probabilities count for more.
        head: ``softmax`` or ``sigmoid``.
        weights: As for :func:`soft_cross_entropy`.

    Returns:
        Scalar: the mean of weight times divergence over the rows.

    Source:
        Lin 1991, IEEE Transactions on Information Theory 37.
    """
    p, q = (_log_probabilities(logits / temperature, head) for logits in (first, second))
    middle = torch.logaddexp(p, q) - torch.log(torch.tensor(2.0, dtype=p.dtype, device=p.device))
    divergence = 0.5 * (p.exp() * (p - middle) + q.exp() * (q - middle)).sum(-1)
    return _mean(divergence.mean(1) if head == "sigmoid" else divergence, weights)


def _mean(rows: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over the rows of weight times loss."""
    return rows.mean() if weights is None else (weights * rows).mean()


def _log_probabilities(logits: Tensor, head: Head) -> Tensor:
    """(n, C) logits to log-probabilities over outcomes: (n, C) of a softmax, (n, C, 2) of sigmoids."""
    logits = _wide(logits)
    if head == "softmax":
        return logits.log_softmax(1)
    return torch.stack([F.logsigmoid(logits), F.logsigmoid(-logits)], dim=2)


def _wide(logits: Tensor) -> Tensor:
    """Logits in float32 or better."""
    return logits if logits.dtype == torch.float64 else logits.float()
