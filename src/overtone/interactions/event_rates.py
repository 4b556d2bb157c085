"""Rates of events: classes with few annotated clips learn from the others."""

from __future__ import annotations

from torch import Tensor

_TREND = 30.0
"""Annotated clips of a class from which on its rate rests rather on its own scores than on what others are like: few
clips do not show what scores with the event are like, and what looks like it is taken for it."""
_MOST_TREND = 200.0
"""Annotated clips beyond which a class says no more about the others' rates."""
_FLAT = 0.05
"""Variance of the logarithm of frequencies at which a slope over them is believed by half."""


def lean_on_trend(rates: Tensor, annotated: Tensor) -> Tensor:
    r"""Rates of events, those of classes with few annotated clips drawn to where classes of their frequency lie.

    With n annotated clips, a class keeps :math:`n^2 / (n^2 + 30^2)` of the logarithm of its own rate. The rest is that
    of a line through the classes' rates over :math:`\log n`, by least squares with weights of n, 200 at most, times
    what a class keeps; its slope lies from 0, equal rates, to 1, rates in proportion to n.

    Args:
        rates: (C,) shares of clips, above 0.
        annotated: (C,) number of annotated clips.

    Returns:
        (C,) rates.
    """
    if not annotated.any():
        return rates
    own = annotated.square() / (annotated.square() + _TREND**2)
    weights = annotated.clamp_max(_MOST_TREND) * own
    total = weights.sum()
    x, y = annotated.clamp_min(1.0).log(), rates.log()
    x, level = x - (weights * x).sum() / total, (weights * y).sum() / total
    slope = ((weights * x * y).sum() / ((weights * x.square()).sum() + _FLAT * total)).clamp(0.0, 1.0)
    return (own * y + (1 - own) * (level + slope * x)).exp()
