"""Contrastive loss: positives nearer than one margin, negatives farther than another."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from overtone.objectives.base import LossResult, NonNegative, Reduction, TermCounts, hinge
from overtone.objectives.pairs import Distance, Pairs, distances
from overtone.objectives.registration import metric_loss

Mean = Literal["pairs", "kinds", "active"]


@metric_loss(
    "contrastive",
    active_means="A pair is active while a positive lies beyond pos_margin or a negative within neg_margin.",
    twice_differentiable=False,
)
def contrastive(
    pairs: Pairs,
    pos_margin: NonNegative = 0.0,
    neg_margin: NonNegative = 1.0,
    power: Literal[1, 2] = 2,
    distance: Distance = "euclidean",
    reduction: Mean = "pairs",
) -> LossResult:
    r"""Contrastive loss over all pairs of a batch; rows without a label have none and are skipped.

    .. math:: \ell = \operatorname{mean} \big( [d_{ij} - m_+]_+^p \;\text{of positives},\;
              [m_- - d_{ij}]_+^p \;\text{of negatives} \big)

    Args:
        pos_margin: m₊ >= 0, the distance up to which positives cost nothing.
        neg_margin: m₋ >= 0, the distance from which negatives cost nothing; unit rows are at most 2 apart.
        power: p of the hinges, 2 as first proposed, or 1.
        distance: ``euclidean``, ``squared`` (Euclidean) or ``cosine``, of unit rows.
        reduction: One mean over all ``pairs``; the mean of all positives plus that of all negatives (``kinds``); or the
            same over the ``active`` ones alone.

    Source:
        Hadsell, Chopra & LeCun 2006.
    """
    apart = distances(pairs.cosines(), distance)
    with torch.no_grad():
        near = torch.gt(apart, pos_margin, out=torch.empty_like(apart)).mul_(pairs.positive)
        far = torch.lt(apart, neg_margin, out=torch.empty_like(apart)).mul_(pairs.negative)
        pulled, pushed = near.sum(), far.sum()
        positives, negatives = pairs.positive.sum(), pairs.negative.sum()
    pull, push = _hinges(near, apart, pos_margin, pulled, power), _hinges(far, apart, neg_margin, pushed, power)
    skipped = (pairs.positive.sum(1) + pairs.negative.sum(1) == 0).sum()
    counts = TermCounts(pulled + pushed, positives + negatives, skipped, len(apart))
    if reduction == "pairs":
        both_kinds = torch.where(torch.minimum(positives, negatives) > 0, counts.total, 0.0)
        return LossResult(hinge(pull + push, counts.active, both_kinds, "all"), counts)
    over: Reduction = "active" if reduction == "active" else "all"
    return LossResult(hinge(pull, pulled, positives, over) + hinge(push, pushed, negatives, over), counts)


def _hinges(active: Tensor, apart: Tensor, margin: float, count: Tensor, power: int) -> Tensor:
    """Sum of the hinges of one kind from the weights of the active pairs, on whichever side of the margin they are."""
    if power == 2:
        return (active * (apart - margin).square()).sum()
    # a hinge is linear where it is active: the sum over the active pairs is its value, and has its gradient
    return ((active * apart).sum() - margin * count).abs()
