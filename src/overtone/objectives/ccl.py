"""Center contrastive loss: softmax over a bank of class centres, and a pull to the own one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from overtone.objectives.base import LossResult, NonNegative, Positive, Share
from overtone.objectives.pairs import Pairs
from overtone.objectives.registration import metric_loss
from overtone.objectives.softmax import against_negatives


@metric_loss(
    "ccl",
    active_means="A row is active while 1 − p, averaged over its classes, exceeds active_threshold; the pull aside.",
    centres=True,
)
def center_contrastive(
    pairs: Pairs,
    scale: Positive = 16.0,
    margin: Annotated[float, Field(ge=0, le=2)] = 0.0,
    pull: NonNegative = 0.5,
    active_threshold: Share = 1e-2,
) -> LossResult:
    r"""Center contrastive loss; the pull never ends, so only the softmax decides which rows are active.

    .. math::
        \ell = -\operatorname{mean}_i \log \frac{e^{s (\cos_{iy} - m)}}
               {e^{s (\cos_{iy} - m)} + \sum_{k \ne y} e^{s \cos_{ik}}}
             + \lambda \operatorname{mean}_i \lVert \hat z_i - \hat c_y \rVert^2

    Args:
        scale: s > 0, of the cosines: one over a temperature.
        margin: m, subtracted from the cosine with the own centre, in [0, 2].
        pull: λ >= 0, weight of the squared distance to the own centre.
        active_threshold: A row is active while 1 − p, averaged over its classes, is above this.

    Source:
        Cai, Xiong & Tian 2023, arXiv 2308.00458; the values of the settings are our own.
    """
    cosines = pairs.cosines()
    favourable, adverse = scale * (cosines - margin), scale * cosines
    loss, counts = against_negatives(favourable, adverse, pairs.positive, pairs.negative, active_threshold)
    spread = (pairs.positive * (2.0 - 2.0 * cosines)).sum() / pairs.positive.sum()
    return LossResult(loss + pull * spread, counts)
