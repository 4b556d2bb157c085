"""Triplet loss over all triplets of a batch, without ever listing them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from overtone.core import Settings
from overtone.objectives.metric import Counts, Outcome, PairLoss, Reduction, hinge, skipped
from overtone.objectives.pairs import Pairs, distances
from overtone.objectives.registry import objectives

Distance = Literal["euclidean", "cosine"]
Mining = Literal["all", "semi-hard", "batch-hard"]


def triplet(
    pairs: Pairs,
    margin: float = 0.05,
    mining: Mining = "all",
    distance: Distance = "euclidean",
    reduction: Reduction = "active",
) -> Outcome:
    r"""Triplet margin loss.

    .. math:: \ell = \operatorname{mean}_{(a,p,n)} [d_{ap} - d_{an} + m]_+

    over ``all`` triplets; the ``semi-hard`` ones, whose negative is farther than the positive but within the margin;
    or one per anchor, ``batch-hard``: its farthest positive and its nearest negative. Of n rows there are up to n³
    triplets, but only O(n² log n) time and O(n²) memory are taken.

    Args:
        pairs: From :func:`~overtone.objectives.pairs`; a triplet weighs its positive's weight times its negative's.
        margin: m.
        mining: Which triplets.
        distance: ``euclidean`` or ``cosine``, of unit rows.
        reduction: Mean over the ``active`` triplets, or over ``all``: that are in the batch, for semi-hard ones too.

    Returns:
        Loss and counts; terms are triplets, active where the bracket is > 0 and the mining takes them.

    Source:
        Schroff, Kalenichenko & Philbin 2015, arXiv 1503.03832; Hermans, Beyer & Leibe 2017, arXiv 1703.07737.
    """
    apart = distances(pairs.cosines(), distance)
    if mining == "batch-hard":
        total, active, possible = _hardest(pairs, apart, margin)
    else:
        total, active, possible = _many(pairs, apart, margin, semi_hard=mining == "semi-hard")
    counts = Counts(active, possible, skipped(pairs, pairs.with_both()), len(apart))
    return Outcome(hinge(total, active, possible, reduction), counts)


def _many(pairs: Pairs, apart: Tensor, margin: float, semi_hard: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Sum and weight of the active triplets, weight of all.

    A sum of hinges is linear where they are active: with :math:`S_{ap}` the weight of the negatives that p is in
    active triplets with, and :math:`T_{an}` that of the positives that n is, it is

    .. math:: \\sum_{ap} P_{ap} S_{ap} d_{ap} - \\sum_{an} N_{an} T_{an} d_{an} + m \\sum_{ap} P_{ap} S_{ap}

    which has the right gradient too, S and T being constant between the kinks.
    """
    with torch.no_grad():
        violated, violating = _opponents(apart, pairs, margin, ties=False)
        if semi_hard:
            nearer, farther = _opponents(apart, pairs, 0.0, ties=True)
            violated, violating = (violated - nearer).clamp_min_(0), (violating - farther).clamp_min_(0)
        pull = pairs.positive * violated
        slope = pull - pairs.negative * violating
        active = pull.sum()
        possible = (pairs.positive.sum(1) * pairs.negative.sum(1)).sum()
    return (slope * apart).sum() + margin * active, active, possible


def _opponents(apart: Tensor, pairs: Pairs, margin: float, ties: bool) -> tuple[Tensor, Tensor]:
    """For each positive the weight of the negatives nearer than it plus the margin; for each negative the reverse.

    One sort of each anchor's positives, shifted by the margin, together with its negatives: what comes before a
    positive is nearer, what comes after a negative is farther, and running sums of the weights say how much there is.

    Args:
        apart: (n, m) distances.
        pairs: Their weights.
        margin: Shift of the positives.
        ties: Whether a negative that is just as far counts as nearer.

    Returns:
        Two (n, m) tensors of weights.
    """
    roles = (apart, apart + margin) if ties else (apart + margin, apart)  # at equal distance the first come first
    weights = torch.cat((pairs.negative, pairs.positive) if ties else (pairs.positive, pairs.negative), 1)
    order = _ranking(torch.cat(roles, 1))
    positive = (order >= apart.shape[1]) if ties else (order < apart.shape[1])
    weights = weights.gather(1, order)
    positives = (weights * positive).cumsum(1)
    negatives = weights.cumsum(1) - positives
    found = torch.where(positive, negatives, positives[:, -1:] - positives)
    first, second = torch.empty_like(found).scatter_(1, order, found).chunk(2, 1)
    return (second, first) if ties else (first, second)


def _ranking(values: Tensor) -> Tensor:
    """Stable ascending order of each row of non-negative numbers, told apart in float32.

    Bits of a non-negative float order as it does, so value and column fit one integer, whose sort is stable by itself.
    """
    columns = torch.arange(values.shape[1], device=values.device)
    keys = values.float().contiguous().view(torch.int32).long().bitwise_left_shift(32).bitwise_or_(columns)
    return _sorted(keys).bitwise_and_(0xFFFFFFFF)


def _sorted(keys: Tensor) -> Tensor:
    """Rows of integers in ascending order."""
    if keys.device.type == "cpu":  # NumPy sorts integers by vector instructions, in a tenth of the time
        return torch.from_numpy(np.sort(keys.numpy(), axis=1))
    return keys.sort(dim=1).values


def _hardest(pairs: Pairs, apart: Tensor, margin: float) -> tuple[Tensor, Tensor, Tensor]:
    """Sum and weight of the active triplets, weight of all, with one triplet an anchor."""
    with torch.no_grad():
        # the shifts keep any weight above none at all: distances lie in [0, 2]
        farthest = (pairs.positive * (1.0 + apart)).argmax(1, keepdim=True)
        nearest = (pairs.negative * (3.0 - apart)).argmax(1, keepdim=True)
        weight = pairs.positive.gather(1, farthest) * pairs.negative.gather(1, nearest)
    terms = F.relu(apart.gather(1, farthest) - apart.gather(1, nearest) + margin)
    return (weight * terms).sum(), (weight * (terms.detach() > 0)).sum(), weight.sum()


class TripletSettings(Settings):
    """Settings of the triplet loss."""

    margin: float = Field(0.05, ge=0)
    """How much nearer than a negative a positive must be, >= 0."""
    mining: Mining = "all"
    """Which triplets: `all`, `semi-hard` (negative farther than the positive, within the margin), `batch-hard`."""
    distance: Distance = "euclidean"
    """`euclidean` or `cosine`, of unit rows."""
    reduction: Reduction = "active"
    """Mean over the `active` triplets, or over `all`."""


@objectives.register("triplet")
class TripletLoss(PairLoss):
    """Module form of :func:`triplet`."""

    name = "triplet"
    settings_type = TripletSettings
    active_means = "A triplet is active while its positive is not nearer than its negative by the margin."
    function = staticmethod(triplet)
