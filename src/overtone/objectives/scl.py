"""Supervised contrastive loss (SupCon): positives share the probability among themselves."""

from __future__ import annotations

import torch
from pydantic import Field

from overtone.core import Settings
from overtone.objectives.base import LossResult, PairLoss, TermCounts
from overtone.objectives.pairs import Pairs
from overtone.objectives.registry import objectives
from overtone.objectives.softmax import NEGLIGIBLE, log_sum_exp


def supervised_contrastive(pairs: Pairs, temperature: float = 0.1, active_threshold: float = 1e-2) -> LossResult:
    r"""Supervised contrastive loss.

    .. math::
        \ell = -\operatorname{mean}_i \frac{1}{\sum_j P_{ij}} \sum_j P_{ij} \log p_{ij}, \qquad
        p_{ij} = \frac{e^{\cos_{ij} / \tau}}{\sum_{k \ne i} e^{\cos_{ik} / \tau}}

    The positives of an anchor compete with each other too, so the loss of k positives is never below log k.

    Args:
        pairs: From :func:`~overtone.objectives.pairs`; weights of positives count.
        temperature: τ > 0.
        active_threshold: An anchor is active while the probability that is not on its positives is above.

    Returns:
        Loss and counts; terms are anchors that have a positive.

    Source:
        Khosla et al. 2020, arXiv 2004.11362, equation 2.
    """
    logits = pairs.cosines() / temperature
    rest = log_sum_exp(logits, pairs.positive + pairs.negative)
    mass = pairs.positive.sum(1)
    kept = mass > 0
    share = pairs.positive / torch.where(kept, mass, 1.0)[:, None]
    total = kept.sum()
    losses = torch.where(kept, rest.squeeze(1), 0.0) - (share * logits).sum(1)
    with torch.no_grad():
        found = (pairs.positive * (logits - rest).clamp(-NEGLIGIBLE, 0.0).exp()).sum(1)
        active = (kept & (1.0 - found > active_threshold)).sum()
    return LossResult(losses.sum() / total, TermCounts(active, total, len(kept) - total, len(kept)))


class SupervisedContrastiveSettings(Settings):
    """Settings of the supervised contrastive loss."""

    temperature: float = Field(0.1, gt=0)
    """τ > 0: the lower, the more only the nearest rows count."""
    active_threshold: float = Field(1e-2, ge=0, lt=1)
    """An anchor is active while the probability that is not on its positives is above this."""


@objectives.register("scl")
class SupervisedContrastiveLoss(PairLoss):
    """Module form of :func:`supervised_contrastive`.

    Args:
        **settings: ``temperature``, ``active_threshold``.

    Inputs: (n, d) embeddings and labels, or targets of pairs; a gallery with its labels, or none: see
    :func:`~overtone.objectives.pairs`.
    """

    name = "scl"
    settings_type = SupervisedContrastiveSettings
    active_means = "An anchor is active while the probability that is not on its positives exceeds active_threshold."
    function = staticmethod(supervised_contrastive)
