"""Supervised InfoNCE: every positive against all negatives of its anchor."""

from __future__ import annotations

from pydantic import Field

from overtone.core import Settings
from overtone.objectives.base import LossResult, PairLoss
from overtone.objectives.pairs import Pairs
from overtone.objectives.registry import objectives
from overtone.objectives.softmax import against_negatives


def supervised_infonce(pairs: Pairs, temperature: float = 0.07, active_threshold: float = 1e-2) -> LossResult:
    r"""Supervised InfoNCE with several positives.

    .. math::
        \ell = -\operatorname{mean}_{(i,j) \in +} \log
               \frac{e^{\cos_{ij} / \tau}}{e^{\cos_{ij} / \tau} + \sum_{k \in -(i)} e^{\cos_{ik} / \tau}}

    Args:
        pairs: From :func:`~overtone.objectives.pairs`; weights count.
        temperature: τ > 0.
        active_threshold: An anchor is active while the mean of 1 − p over its positives is above.

    Returns:
        Loss and counts; terms are anchors.

    Source:
        van den Oord, Li & Vinyals 2018, arXiv 1807.03748; the pairwise mean over positives as in Chen et al. 2020,
        arXiv 2002.05709 (NT-Xent).
    """
    logits = pairs.cosines() / temperature
    return against_negatives(logits, logits, pairs.positive, pairs.negative, active_threshold)


class InfoNCESettings(Settings):
    """Settings of supervised InfoNCE."""

    temperature: float = Field(0.07, gt=0)
    """τ > 0: the lower, the more only the nearest negatives count."""
    active_threshold: float = Field(1e-2, ge=0, lt=1)
    """An anchor is active while the mean of 1 − p over its positives is above this."""


@objectives.register("infonce")
class InfoNCELoss(PairLoss):
    """Module form of :func:`supervised_infonce`.

    Args:
        **settings: ``temperature``, ``active_threshold``.

    Inputs: (n, d) embeddings and labels, or targets of pairs; a gallery with its labels, or none: see
    :func:`~overtone.objectives.pairs`.
    """

    name = "infonce"
    settings_type = InfoNCESettings
    active_means = "An anchor is active while 1 − p, averaged over its positives, exceeds active_threshold."
    function = staticmethod(supervised_infonce)
