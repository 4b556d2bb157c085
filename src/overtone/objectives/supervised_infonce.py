"""Supervised InfoNCE: every positive against all negatives of its anchor."""

from __future__ import annotations

from overtone.objectives.base import LossResult, Positive, Share
from overtone.objectives.pairs import Pairs
from overtone.objectives.registration import metric_loss
from overtone.objectives.softmax import against_negatives


@metric_loss(
    "infonce", active_means="An anchor is active while 1 − p, averaged over its positives, exceeds active_threshold."
)
def supervised_infonce(pairs: Pairs, temperature: Positive = 0.07, active_threshold: Share = 1e-2) -> LossResult:
    r"""Supervised InfoNCE with several positives.

    .. math::
        \ell = -\operatorname{mean}_{(i,j) \in +} \log
               \frac{e^{\cos_{ij} / \tau}}{e^{\cos_{ij} / \tau} + \sum_{k \in -(i)} e^{\cos_{ik} / \tau}}

    Args:
        temperature: τ > 0: the lower, the more only the nearest negatives count.
        active_threshold: An anchor is active while the mean of 1 − p over its positives is above this.

    Source:
        van den Oord, Li & Vinyals 2018, arXiv 1807.03748; the pairwise mean over positives as in Chen et al. 2020,
        arXiv 2002.05709 (NT-Xent).
    """
    logits = pairs.cosines() / temperature
    return against_negatives(logits, logits, pairs.positive, pairs.negative, active_threshold)
