"""Supervised contrastive loss (SupCon): positives share the probability among themselves."""

from __future__ import annotations

import torch

from overtone.objectives.base import LossResult, Positive, Share, TermCounts
from overtone.objectives.pairs import Pairs
from overtone.objectives.registration import metric_loss
from overtone.objectives.softmax import NEGLIGIBLE, log_sum_exp


@metric_loss(
    "scl",
    active_means="An anchor is active while the probability that is not on its positives exceeds active_threshold.",
    needs_negatives=False,
)
def supervised_contrastive(pairs: Pairs, temperature: Positive = 0.1, active_threshold: Share = 1e-2) -> LossResult:
    r"""Supervised contrastive loss.

    .. math::
        \ell = -\operatorname{mean}_i \frac{1}{\sum_j P_{ij}} \sum_j P_{ij} \log p_{ij}, \qquad
        p_{ij} = \frac{e^{\cos_{ij} / \tau}}{\sum_{k \ne i} e^{\cos_{ik} / \tau}}

    The positives of an anchor compete with each other too, so the loss of k positives is never below log k. Anchors
    without a positive are skipped.

    Args:
        temperature: τ > 0: the lower, the more only the nearest rows count.
        active_threshold: An anchor is active while the probability that is not on its positives is above this.

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
