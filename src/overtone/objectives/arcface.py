"""ArcFace: softmax over class centres, with a margin added to the angle of the own one."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.objectives.base import LossResult, Positive, Share
from overtone.objectives.pairs import Pairs
from overtone.objectives.registration import metric_loss
from overtone.objectives.softmax import against_negatives


@metric_loss(
    "arcface",
    active_means="A row is active while 1 − p of its class, the margin included, exceeds active_threshold.",
    centres=True,
)
def arcface(
    pairs: Pairs,
    margin: Annotated[float, Field(ge=0, lt=math.pi)] = 0.5,
    scale: Positive = 64.0,
    active_threshold: Share = 1e-2,
) -> LossResult:
    r"""Additive angular margin loss.

    .. math::
        \ell = -\operatorname{mean}_i \log \frac{e^{s \cos(\theta_{iy} + m)}}
               {e^{s \cos(\theta_{iy} + m)} + \sum_{k \ne y} e^{s \cos \theta_{ik}}}

    Beyond θ = π − m, where the cosine would rise again, it goes on as cos θ − m sin m.

    Args:
        margin: m, added to the angle between a row and its own centre, in radians, in [0, π).
        scale: s > 0, of the cosines: one over a temperature.
        active_threshold: A row is active while 1 − p of its class is above this.

    Raises:
        InputError: A margin towards one class a row is asked for, and labels are several or soft.

    Source:
        Deng, Guo, Xue & Zafeiriou 2019, arXiv 1801.07698, equation 3.
    """
    if margin > 0 and not pairs.hard:
        raise InputError(
            "arcface has a margin towards one class a row",
            got="several or soft labels",
            valid="(n,) integer classes",
            fix="set margin=0 for several or soft labels, or take ccl",
        )
    cosines = pairs.cosines()
    favourable, adverse = scale * turned(cosines, margin), scale * cosines
    return against_negatives(favourable, adverse, pairs.positive, pairs.negative, active_threshold)


def turned(cosines: Tensor, margin: float) -> Tensor:
    """Cosines of angles that are larger by a margin (radians, in [0, π)), monotone over the whole half-turn.

    The angle itself is never taken: its derivative is infinite at cosines of ±1. So is that of the sine, which is taken
    there as 0: two rows in one direction have no direction to be turned in.
    """
    sines = F.relu(1.0 - cosines.square()).sqrt()
    further = cosines * math.cos(margin) - sines * math.sin(margin)
    return torch.where(cosines > -math.cos(margin), further, cosines - margin * math.sin(margin))
