"""How far event chances can be believed, where it is known which events are there."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from overtone.interactions.reliability import calibration_error

_BINS = 10


class ChanceBin(NamedTuple):
    """Chances of about one size.

    Attributes:
        chance: Their mean.
        share: Share of them whose event is there.
        pairs: How many they are.
    """

    chance: float
    share: float
    pairs: int


class EventCalibration(NamedTuple):
    """The chances of unannotated events against the truth.

    Attributes:
        expected: Sum of the chances: the expected number of unannotated events.
        true: Number of unannotated events.
        brier: Mean squared difference of chance and truth.
        ece: Expected calibration error.
        bins: Chances from 0 to 1 in ten bins of equal width, without empty ones: a reliability diagram.
    """

    expected: float
    true: int
    brier: float
    ece: float
    bins: tuple[ChanceBin, ...]

    @property
    def said(self) -> str:
        """The figures in words."""
        ratio = f" ({self.expected / self.true:.2f} times as many)" if self.true else ""
        return (
            f"The data holds the true events: {self.expected:,.0f} unannotated ones are expected and {self.true:,} "
            f"are there{ratio}; Brier score {self.brier:.3f}, expected calibration error {self.ece:.3f}."
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**self._asdict(), "bins": [one._asdict() for one in self.bins]}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> EventCalibration:
        """What :meth:`to_dict` gave."""
        return cls(**{**stored, "bins": tuple(ChanceBin(**one) for one in stored["bins"])})


def calibrate_events(chances: Tensor, events: Tensor, labels: Tensor) -> EventCalibration | None:
    r"""Compare the chances of unannotated events with what is there.

    Over the pairs of a clip and a class that it is not annotated with, with chance p and event y,

    .. math:: \text{Brier} = \operatorname{mean} (p - y)^2, \qquad
        \text{ECE} = \sum_b \frac{n_b}{n} \, | \bar p_b - \bar y_b |.

    Args:
        chances: (N, C) in [0, 1].
        events: (N, C), above 0 where the event is there.
        labels: (N, C), above 0 where it is annotated.

    Returns:
        None where everything is annotated.

    Source:
        Brier 1950; Naeini, Cooper & Hauskrecht 2015, AAAI.

    Example:
        >>> chances, events = torch.tensor([[1.0, 0.5, 0.0, 0.5]]), torch.tensor([[1, 1, 0, 0]])
        >>> found = calibrate_events(chances, events, torch.tensor([[1, 0, 0, 0]]))
        >>> found.expected, found.true, round(found.brier, 3)
        (1.0, 1, 0.167)
    """
    gap = labels <= 0
    p, y = chances[gap].double(), (events[gap] > 0).double()
    if not len(p):
        return None
    place = (p * _BINS).long().clamp(0, _BINS - 1)
    counts = place.bincount(minlength=_BINS)
    sums = [torch.zeros(_BINS, dtype=torch.float64).index_add_(0, place, part) for part in (p, y)]
    means = [(part / counts.clamp_min(1)).tolist() for part in sums]
    bins = tuple(ChanceBin(*one) for one in zip(*means, counts.tolist()) if one[2])
    error = calibration_error(p, y, _BINS)
    return EventCalibration(float(p.sum()), int(y.sum()), float((p - y).square().mean()), error, bins)
