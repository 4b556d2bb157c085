"""The term that InfoNCE, N-pair, ArcFace and CCL share: a positive against all of its anchor's negatives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.objectives.metric import Counts, Outcome

NO_WEIGHT = -1e30
"""Logarithm of a weight of nothing: below any logit, and finite, for an infinity has no gradient."""


def log_weights(weights: Tensor) -> Tensor:
    """Logarithm of weights, finite where there is none.

    Args:
        weights: Of any shape, >= 0.

    Returns:
        The same shape.
    """
    return weights.log().clamp_min_(NO_WEIGHT)


def against_negatives(
    favourable: Tensor, adverse: Tensor, positive: Tensor, negative: Tensor, active_threshold: float
) -> Outcome:
    r"""Mean over positive pairs of how badly each does against its anchor's negatives.

    .. math::
        \ell_{ij} = -\log \frac{e^{s_{ij}}}{e^{s_{ij}} + \sum_k N_{ik} e^{t_{ik}}}
                  = \operatorname{softplus}\Big(\log \sum_k N_{ik} e^{t_{ik}} - s_{ij}\Big), \qquad
        \ell = \frac{\sum_{ij} P_{ij} \ell_{ij}}{\sum_{ij} P_{ij}}

    Positives of one anchor do not compete with each other. The sum over negatives is taken once for each anchor, so
    that memory is O(n m), however many positives there are.

    Args:
        favourable: (n, m) logits s of pairs as positives.
        adverse: (n, m) logits t of pairs as negatives; they differ from s where positives have a margin.
        positive: (n, m) weights P.
        negative: (n, m) weights N.
        active_threshold: An anchor is active while the mean gradient coefficient of its positives, 1 − p, is above.

    Returns:
        Loss and counts; terms are anchors that have a positive and a negative.
    """
    kept = (positive.sum(1) > 0) & (negative.sum(1) > 0)
    positive = positive * kept[:, None]
    rest = (adverse + log_weights(negative)).logsumexp(1, keepdim=True)
    deficit = rest - favourable
    loss = (positive * F.softplus(deficit)).sum() / positive.sum()
    with torch.no_grad():
        coefficient = (positive * deficit.sigmoid()).sum(1)
        active = (coefficient > active_threshold * positive.sum(1)).sum()
        total = kept.sum()
    return Outcome(loss, Counts(active, total, len(kept) - total, len(kept)))
