"""Center contrastive loss: softmax over a bank of class centres, and a pull to the own one."""

from __future__ import annotations

from pydantic import Field

from overtone.objectives.base import LossResult
from overtone.objectives.centres import CentreLoss, CentreSettings
from overtone.objectives.pairs import Pairs
from overtone.objectives.registry import objectives
from overtone.objectives.softmax import against_negatives


def center_contrastive(
    pairs: Pairs, scale: float = 16.0, margin: float = 0.0, pull: float = 0.5, active_threshold: float = 1e-2
) -> LossResult:
    r"""Center contrastive loss.

    .. math::
        \ell = -\operatorname{mean}_i \log \frac{e^{s (\cos_{iy} - m)}}
               {e^{s (\cos_{iy} - m)} + \sum_{k \ne y} e^{s \cos_{ik}}}
             + \lambda \operatorname{mean}_i \lVert \hat z_i - \hat c_y \rVert^2

    Args:
        pairs: Of rows with centres, from :func:`~overtone.objectives.centre_pairs`; weights count.
        scale: s > 0.
        margin: m, taken off the cosine with the own centre.
        pull: λ >= 0.
        active_threshold: A row is active while 1 − p, averaged over its classes, is above.

    Returns:
        Loss and counts; terms are rows, and only the softmax decides about them, for the pull never ends.

    Source:
        Cai, Xiong & Tian 2023, arXiv 2308.00458; the values of the settings are our own.
    """
    cosines = pairs.cosines()
    loss, counts = against_negatives(
        scale * (cosines - margin), scale * cosines, pairs.positive, pairs.negative, active_threshold
    )
    spread = (pairs.positive * (2.0 - 2.0 * cosines)).sum() / pairs.positive.sum()
    return LossResult(loss + pull * spread, counts)


class CenterContrastiveSettings(CentreSettings):
    """Settings of the center contrastive loss."""

    scale: float = Field(16.0, gt=0)
    """Of the cosines, > 0: one over a temperature."""
    margin: float = Field(0.0, ge=0, le=2)
    """Taken off the cosine with the own centre, in [0, 2]."""
    pull: float = Field(0.5, ge=0)
    """Weight of the squared distance to the own centre, >= 0."""
    active_threshold: float = Field(1e-2, ge=0, lt=1)
    """A row is active while 1 − p, averaged over its classes, is above this."""


@objectives.register("ccl")
class CenterContrastiveLoss(CentreLoss):
    """Module form of :func:`center_contrastive`.

    Args:
        **settings: ``classes`` and ``embedding_dim``, both required; ``scale``, ``margin``, ``pull``,
            ``active_threshold``.

    Inputs: (n, d) embeddings and labels; a gallery with its labels, or none, which the same centres judge.
    """

    name = "ccl"
    settings_type = CenterContrastiveSettings
    active_means = "A row is active while 1 − p, averaged over its classes, exceeds active_threshold; the pull aside."
    function = staticmethod(center_contrastive)
