"""ArcFace: softmax over class centres, with a margin added to the angle of the own one."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.objectives.base import LossInputs, LossResult
from overtone.objectives.centres import CentreLoss, CentreSettings
from overtone.objectives.pairs import Pairs
from overtone.objectives.registry import objectives
from overtone.objectives.softmax import against_negatives


def arcface(pairs: Pairs, margin: float = 0.5, scale: float = 64.0, active_threshold: float = 1e-2) -> LossResult:
    r"""Additive angular margin loss.

    .. math::
        \ell = -\operatorname{mean}_i \log \frac{e^{s \cos(\theta_{iy} + m)}}
               {e^{s \cos(\theta_{iy} + m)} + \sum_{k \ne y} e^{s \cos \theta_{ik}}}

    Beyond θ = π − m, where the cosine would rise again, it goes on as cos θ − m sin m.

    Args:
        pairs: Of rows with centres, from :func:`~overtone.objectives.centre_pairs`.
        margin: m, in radians, in [0, π).
        scale: s > 0.
        active_threshold: A row is active while 1 − p of its class is above.

    Returns:
        Loss and counts; terms are rows.

    Source:
        Deng, Guo, Xue & Zafeiriou 2019, arXiv 1801.07698, equation 3.
    """
    cosines = pairs.cosines()
    return against_negatives(
        scale * turned(cosines, margin), scale * cosines, pairs.positive, pairs.negative, active_threshold
    )


def turned(cosines: Tensor, margin: float) -> Tensor:
    """Cosines of angles that are larger by a margin, monotone over the whole half-turn.

    The angle itself is never taken: its derivative is infinite at cosines of ±1. So is that of the sine, which is taken
    there as 0: two rows in one direction have no direction to be turned in.

    Args:
        cosines: Any shape, in [−1, 1] up to rounding.
        margin: In radians, in [0, π).

    Returns:
        The same shape.
    """
    sines = F.relu(1.0 - cosines.square()).sqrt()
    further = cosines * math.cos(margin) - sines * math.sin(margin)
    return torch.where(cosines > -math.cos(margin), further, cosines - margin * math.sin(margin))


class ArcFaceSettings(CentreSettings):
    """Settings of ArcFace."""

    margin: float = Field(0.5, ge=0, lt=math.pi)
    """Added to the angle between a row and its own centre, in radians, in [0, π)."""
    scale: float = Field(64.0, gt=0)
    """Of the cosines, > 0: one over a temperature."""
    active_threshold: float = Field(1e-2, ge=0, lt=1)
    """A row is active while 1 − p of its class is above this."""


@objectives.register("arcface")
class ArcFaceLoss(CentreLoss):
    """Module form of :func:`arcface`.

    Args:
        **settings: ``classes`` and ``embedding_dim``, both required; ``margin``, ``scale``, ``active_threshold``.

    Inputs: (n, d) embeddings and (n,) classes; a gallery with its classes, or none, which the same centres judge.
    """

    name = "arcface"
    settings_type = ArcFaceSettings
    active_means = "A row is active while 1 − p of its class, the margin included, exceeds active_threshold."
    function = staticmethod(arcface)
    settings: ArcFaceSettings

    def compute(self, inputs: LossInputs) -> LossResult:
        """Pair all rows with the centres, one of which is the own one, and call the function."""
        labels = inputs.labels
        if labels is not None and labels.dim() == 2 and self.settings.margin > 0:
            raise InputError(
                "arcface has a margin towards one class a row",
                got=f"labels {tuple(labels.shape)}",
                valid="(n,) integer classes",
                fix="set margin=0 for several or soft labels, or take ccl",
            )
        return super().compute(inputs)
