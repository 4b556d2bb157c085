"""Contrastive loss: positives nearer than one margin, negatives farther than another."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from overtone.core import Settings
from overtone.objectives.metric import Counts, Outcome, PairLoss, Reduction, hinge, skipped
from overtone.objectives.pairs import Pairs, distances
from overtone.objectives.registry import objectives

Distance = Literal["euclidean", "cosine"]


def contrastive(
    pairs: Pairs,
    pos_margin: float = 0.0,
    neg_margin: float = 1.0,
    distance: Distance = "euclidean",
    reduction: Reduction = "active",
) -> Outcome:
    r"""Contrastive loss over all pairs of a batch.

    .. math::
        \ell = \operatorname{mean}_{(i,j) \in +} [d_{ij} - m_+]_+ + \operatorname{mean}_{(i,j) \in -} [m_- - d_{ij}]_+

    Positives and negatives are averaged apart, so that the many negatives do not drown the few positives.

    Args:
        pairs: From :func:`~overtone.objectives.pairs`; weights count.
        pos_margin: m₊, the distance at which positives are content.
        neg_margin: m₋, the distance at which negatives are.
        distance: ``euclidean`` or ``cosine``, of unit rows, in [0, 2].
        reduction: Mean over the ``active`` pairs of a kind, or over ``all``.

    Returns:
        Loss and counts; terms are pairs, active where the bracket is > 0.

    Source:
        Hadsell, Chopra & LeCun 2006, with the distance itself in place of its square.
    """
    apart = distances(pairs.cosines(), distance)
    with torch.no_grad():
        near = torch.gt(apart, pos_margin, out=torch.empty_like(apart)).mul_(pairs.positive)
        far = torch.lt(apart, neg_margin, out=torch.empty_like(apart)).mul_(pairs.negative)
        pulled, pushed = near.sum(), far.sum()
        positives, negatives = pairs.positive.sum(), pairs.negative.sum()
        kept = (pairs.positive + pairs.negative).sum(1) > 0
    # a hinge is linear where it is active: the sum over the active pairs is its value, and has its gradient
    pull = hinge((near * apart).sum() - pos_margin * pulled, pulled, positives, reduction)
    push = hinge(neg_margin * pushed - (far * apart).sum(), pushed, negatives, reduction)
    counts = Counts(pulled + pushed, positives + negatives, skipped(pairs, kept), len(apart))
    return Outcome(pull + push, counts)


class ContrastiveSettings(Settings):
    """Settings of the contrastive loss."""

    pos_margin: float = Field(0.0, ge=0)
    """Distance at which positives are content, >= 0."""
    neg_margin: float = Field(1.0, ge=0)
    """Distance at which negatives are content, >= 0; unit rows are at most 2 apart."""
    distance: Distance = "euclidean"
    """`euclidean` or `cosine`, of unit rows."""
    reduction: Reduction = "active"
    """Mean over the `active` pairs of a kind, or over `all`."""


@objectives.register("contrastive")
class ContrastiveLoss(PairLoss):
    """Module form of :func:`contrastive`.

    Args:
        **settings: ``pos_margin``, ``neg_margin``, ``distance``, ``reduction``.

    Inputs: (n, d) embeddings and labels, or targets of pairs; a gallery with its labels, or none: see
    :func:`~overtone.objectives.pairs`.
    """

    name = "contrastive"
    settings_type = ContrastiveSettings
    active_means = "A pair is active while a positive lies beyond pos_margin or a negative within neg_margin."
    function = staticmethod(contrastive)
