"""Densities of scores without an event, with an annotated and with an unannotated one: all normal."""

from __future__ import annotations

import torch
from torch import Tensor

Normal = tuple[Tensor, Tensor]
"""(C,) means and (C,) variances of scores."""
LEAST_VARIANCE = 0.05**2
"""Of scores."""
_CLAMP = 12.0
"""Largest logarithm of a ratio of densities."""
_SHARED = 500.0
"""Rows of a class, all with the event, that its loudness must show to differ from the others' by half."""
_LEAST, _MOST = 0.2, 1.3
"""Bounds of the loudness."""


def normal_of_sums(sums: Tensor) -> Normal:
    """Mean and variance from sums of 1, x and x²."""
    count = sums[0].clamp_min(1e-9)
    mean = sums[1] / count
    return mean, (sums[2] / count - mean.square()).clamp_min(LEAST_VARIANCE)


def place_unannotated(absent: Normal, annotated: Normal, loudness: Tensor | float) -> Normal:
    """The density of scores of unannotated events: its mean on the way from absent to annotated, and as wide as that.

    Events of another loudness differ as much as they are loud, so the variance that annotated events have on top of
    that of absent ones shrinks by the square of the loudness.
    """
    (m0, v0), (m1, v1) = absent, annotated
    variance = torch.where(v1 > v0, v0 + loudness**2 * (v1 - v0), v1)
    return m0 + loudness * (m1 - m0), variance.clamp_min(LEAST_VARIANCE)


def fit_loudness(absent: Normal, annotated: Normal, sums: Tensor) -> tuple[float, Tensor]:
    """How far on the way from absent to annotated unannotated events lie: for all classes together, and (C,) for each.

    A class that few unannotated events show leans on what all have in common. ``sums`` are (3, C), of 1, x and x² over
    unannotated events.
    """
    (m0, _), (m1, v1) = absent, annotated
    gap = m1 - m0
    shift = (sums[1] - sums[0] * m0) * gap / v1
    full = sums[0] * gap.square() / v1
    common = float((shift.sum() / full.sum().clamp_min(1e-9)).clamp(_LEAST, _MOST))
    prior = _SHARED * gap.square() / v1
    return common, ((shift + prior * common) / (full + prior)).clamp(_LEAST, _MOST)


def share_above(density: Normal, levels: Tensor) -> Tensor:
    """(L, C) share of a normal density above each level."""
    mean, variance = density
    above: Tensor = torch.special.ndtr((mean - levels[:, None]) / variance.sqrt())
    return above


def density_ratio(scores: Tensor, there: Normal, absent: Normal) -> Tensor:
    """Ratio of two normal densities, made monotone: beyond its turning point it stays."""
    (m1, v1), (m0, v0) = there, absent
    bend = 1 / v0 - 1 / v1
    straight = bend.abs() < 1e-6
    turn = (m0 / v0 - m1 / v1) / torch.where(straight, 1e-6, bend)
    least = torch.where((bend > 0) & ~straight, turn, -torch.inf)
    most = torch.where((bend < 0) & ~straight, turn, torch.inf)
    slope = m1 / v1 - m0 / v0
    level = 0.5 * (m0.square() / v0 - m1.square() / v1 + v0.log() - v1.log())
    low, high, half, slope, level = (part.to(scores.dtype) for part in (least, most, 0.5 * bend, slope, level))
    x = torch.minimum(torch.maximum(scores, low), high)
    return ((half * x + slope) * x + level).clamp_(-_CLAMP, _CLAMP).exp_()
