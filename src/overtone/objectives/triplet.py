"""Triplet loss over all triplets of a batch, without ever listing them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.objectives.base import LossResult, NonNegative, Reduction, TermCounts, hinge
from overtone.objectives.pairs import Distance, Pairs, distances
from overtone.objectives.registration import metric_loss

Mining = Literal["all", "semi-hard", "batch-hard"]
MARGIN = 0.2
MINING: Mining = "all"


@metric_loss(
    "triplet",
    active_means="A triplet is active while its positive is not nearer than its negative by the margin.",
    twice_differentiable=False,
)
def triplet(
    pairs: Pairs,
    margin: NonNegative = MARGIN,
    mining: Mining = MINING,
    distance: Distance = "squared",
    reduction: Reduction = "active",
) -> LossResult:
    r"""Triplet margin loss.

    .. math:: \ell = \operatorname{mean}_{(a,p,n)} [d_{ap} - d_{an} + m]_+

    over ``all`` triplets; the ``semi-hard`` ones, whose negative is farther than the positive but within the margin;
    or one per anchor, ``batch-hard``: its farthest positive and its nearest negative, by weighted distance where labels
    are soft. Of n rows there are up to n³ triplets, but only O(n² log n) time and O(n²) memory are taken. A triplet
    weighs its positive's weight times its negative's, and is active where the bracket is > 0 and the mining takes it.

    Args:
        margin: m >= 0, how much nearer than a negative a positive must be.
        mining: Which triplets: ``all``, ``semi-hard`` (negative farther than the positive, within the margin) or
            ``batch-hard``.
        distance: ``squared`` (Euclidean), ``euclidean`` or ``cosine``, of unit rows.
        reduction: Mean over the ``active`` triplets, or over ``all`` of the batch.

    Raises:
        InputError: Semi-hard triplets without a margin, of which there are none.

    Source:
        Schroff, Kalenichenko & Philbin 2015, arXiv 1503.03832; Hermans, Beyer & Leibe 2017, arXiv 1703.07737.
    """
    if mining == "semi-hard" and margin <= 0:
        raise InputError("semi-hard triplets lie within the margin", got=f"margin={margin}", valid="margin > 0")
    apart = distances(pairs.cosines(), distance)
    if mining == "batch-hard":
        total, active, possible = _hardest(pairs, apart, margin)
    else:
        total, active, possible = _many(pairs, apart, margin, semi_hard=mining == "semi-hard")
    counts = TermCounts(active, possible, (~pairs.with_both()).sum(), len(apart))
    return LossResult(hinge(total, active, possible, reduction), counts)


def _many(pairs: Pairs, apart: Tensor, margin: float, semi_hard: bool) -> tuple[Tensor, Tensor, Tensor]:
    r"""Sum and weight of the active triplets, weight of all.

    A sum of hinges is linear where they are active. With :math:`S_{ap}` the weight of the negatives in active triplets
    with p, and :math:`T_{an}` that of the positives in active triplets with n, it is

    .. math:: \sum_{ap} P_{ap} S_{ap} d_{ap} - \sum_{an} N_{an} T_{an} d_{an} + m \sum_{ap} P_{ap} S_{ap}

    which has the right gradient too, S and T being constant between the kinks.
    """
    with torch.no_grad():
        slope, active = _violations(pairs, apart, margin)
        if semi_hard:
            harder, hard = _violations(pairs, apart, 0.0, ties=True)
            slope, active = slope - harder, active - hard
        possible = (pairs.positive.sum(1) * pairs.negative.sum(1)).sum() - _of_itself(pairs)
    return (slope * apart).sum() + margin * active, active, possible


def _violations(pairs: Pairs, apart: Tensor, margin: float, ties: bool = False) -> tuple[Tensor, Tensor]:
    """Slope of the sum over the triplets whose negative is nearer than the positive plus a margin, and their weight.

    One sort of each anchor's positives, moved away by the margin, together with its negatives: the negatives before a
    positive and the positives after a negative are those it violates the margin with; running sums weigh them.
    """
    if pairs.hard:  # each pair has one role and needs one place
        moved, positive, negative = apart + margin * pairs.positive, pairs.positive, pairs.negative
    else:
        nothing = torch.zeros_like(apart)
        moved = torch.cat((apart + margin, apart), 1)
        positive, negative = torch.cat((pairs.positive, nothing), 1), torch.cat((nothing, pairs.negative), 1)
    order = _ranking(moved, positive > 0 if ties else positive == 0)
    positive, negative = positive.gather(1, order), negative.gather(1, order)
    pull = positive * negative.cumsum(1)
    push = negative * (positive.sum(1, keepdim=True) - positive.cumsum(1))
    slope = torch.empty_like(pull).scatter_(1, order, pull - push).view(len(apart), -1, apart.shape[1]).sum(1)
    counted = pull.sum() - _of_itself(pairs) if margin > 0 or ties else pull.sum()
    return slope, counted


def _of_itself(pairs: Pairs) -> Tensor:
    """Weight of the triplets whose positive and negative are one row, which are none; their slope is 0 anyway."""
    return (pairs.positive * pairs.negative).sum()


def _ranking(values: Tensor, later: Tensor) -> Tensor:
    """Ascending order of each row of non-negative numbers; of equal ones, those marked as later come later.

    Bits of a non-negative float32 order as it does, so number, mark and column make one integer, and there are no ties
    left for an implementation to decide. Numbers in float64 are told apart no better than in float32.
    """
    columns = torch.arange(values.shape[1], device=values.device)
    keys = values.float().view(torch.int32).long().mul_(2).add_(later).mul_(2**31).add_(columns)
    if keys.device.type == "cpu":  # NumPy sorts integers by vector instructions, in a tenth of the time
        return torch.from_numpy(np.sort(keys.numpy(), axis=1)).bitwise_and_(2**31 - 1)
    return keys.sort(dim=1).values.bitwise_and_(2**31 - 1)


def _hardest(pairs: Pairs, apart: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sum and weight of the active triplets, weight of all, with one triplet an anchor."""
    with torch.no_grad():
        # the shifts keep any weight above none at all: distances lie in [0, 4]
        farthest = (pairs.positive * (1.0 + apart)).argmax(1, keepdim=True)
        nearest = (pairs.negative * (5.0 - apart)).argmax(1, keepdim=True)
        weight = pairs.positive.gather(1, farthest) * pairs.negative.gather(1, nearest) * (farthest != nearest)
    terms = F.relu(apart.gather(1, farthest) - apart.gather(1, nearest) + margin)
    return (weight * terms).sum(), (weight * (terms.detach() > 0)).sum(), weight.sum()
