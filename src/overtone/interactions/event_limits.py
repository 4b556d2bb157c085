"""How many unannotated events there can be, by how many scores are high."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from overtone.interactions.event_densities import Normal, place_unannotated, share_above

_LEVELS = torch.tensor([0.5, 0.75], dtype=torch.float64)
"""How far a score must have come from absent to unannotated events to be high."""
_SLACK = 1.5
"""How many times as many unannotated events may be expected to be high as are seen there."""
_ERRORS = 2.0
"""Standard errors of what is seen that are added to it; one more is counted for them, so that none is a bound, too."""
_AT_ONCE, _KEPT = 0.7, 0.15
"""Powers of what is allowed that count in this round only, and in all later ones."""
_FURTHEST = 4.0
"""How far what is allowed may be from 1 to count in full."""
_CELLS = 1 << 22
"""Entries of a block of rows."""


@dataclass(frozen=True)
class EventLimits:
    r"""How many unannotated events may be expected to score high in one modality, and in both.

    Scores of absent classes are seldom normal: a teacher's confusions make their upper tail long, and a mixture of
    normal densities takes it for events. Two counts over all classes limit that, for each level t of scores:

    - events that score above t in one modality cannot be more than all unannotated scores above it,
    - events that score above t in both modalities are seen by how often unannotated scores do so, beyond what the two
      modalities have in common with the labels of the clip:
      :math:`\sum_n h^a_{nc} h^v_{nc} - \hat h^a_{nc} \hat h^v_{nc}`, where h is 1 for a score above t and
      :math:`\hat h` its linear regression on the clip's labels. A clip's annotated event is confused with the
      same classes in both modalities, which is no sign of these.

    Attributes:
        loudness: Where unannotated events lie in each modality, on the way from absent (0) to annotated (1).
        alone: (2, L) limits of events above each level in each modality.
        together: (L,) limits of those above it in both beyond chance.
        missing: (C,) clips that are not annotated with the class.
    """

    loudness: tuple[float, ...]
    alone: Tensor
    together: Tensor
    missing: Tensor

    @classmethod
    def measure(cls, scores: tuple[Tensor, Tensor], labels: Tensor, loudness: tuple[float, ...]) -> EventLimits:
        """Count high scores.

        Args:
            scores: (N, C) unmixed scores per modality: 0 is where absent events lie, 1 where annotated ones do.
            labels: (N, C).
            loudness: Where unannotated events lie, in each modality.
        """
        levels = _levels(loudness)
        classes = labels.shape[1]
        step = max(1, _CELLS // classes)
        blocks = [slice(start, start + step) for start in range(0, len(labels), step)]
        shape = (len(_LEVELS), 2, classes + 1, classes)
        moments, products = torch.zeros(shape, dtype=torch.float64), torch.eye(classes + 1, dtype=torch.float64)
        for rows in blocks:
            given = _with_constant(labels[rows])
            products += (given.T @ given).double()
            moments += (given.T @ _high(scores, labels, rows, levels)).double()
        fitted = torch.linalg.solve(products, moments).to(labels.dtype)
        zeros = torch.zeros(len(_LEVELS), dtype=torch.float64)
        alone, together, by_labels = torch.stack([zeros, zeros], 1), zeros, zeros.clone()
        for rows in blocks:
            high = _high(scores, labels, rows, levels)
            chance = (_with_constant(labels[rows]) @ fitted).clamp_(0.0, 1.0) * (labels[rows] == 0)
            alone += high.sum((2, 3), dtype=torch.float64)
            together += high.prod(1).sum((1, 2), dtype=torch.float64)
            by_labels += chance.prod(1).sum((1, 2), dtype=torch.float64)
        beyond = (together - by_labels).clamp_min(0.0)
        return cls(
            loudness,
            _SLACK * (alone + _ERRORS * (alone + 1).sqrt()).T,
            _SLACK * (beyond + _ERRORS * (by_labels + beyond + 1).sqrt()),
            (labels == 0).sum(0).double(),
        )

    def allowed(self, present: Tensor, both: Tensor, absent: list[Normal], annotated: list[Normal]) -> float:
        """The share of the expected events that the limits leave; above 1 if they leave more.

        Args:
            present: (2, C) expected unannotated events that show in each modality.
            both: (C,) those that show in both.
            absent, annotated: Densities of scores per modality, without an event and with an annotated one.
        """
        above, without = [], []
        for low, high, loudness, levels in zip(absent, annotated, self.loudness, _levels(self.loudness)):
            above.append(share_above(place_unannotated(low, high, loudness), levels))
            without.append(share_above(low, levels))
        high_in_each = (present[:, None] * torch.stack(above)).sum(2)
        beyond = both - present.prod(0) / self.missing.clamp_min(1.0)
        high_in_both = (beyond * (torch.stack(above) - torch.stack(without)).prod(0)).sum(1)
        shares = [self.alone / high_in_each.clamp_min(1e-9), self.together / high_in_both.clamp_min(1e-9)]
        return min(float(share.min()) for share in shares)


@dataclass
class Damping:
    """What expected events are multiplied by, round by round, to come to what is allowed and stay there.

    Control in proportion to the logarithm of what is allowed, and to its sum over rounds: by the sum alone events would
    swing about the limit, as they follow the damping late.

    Attributes:
        sum: Product of what earlier rounds have left, 1 at most.
    """

    sum: float = 1.0

    def step(self, allowed: float) -> float:
        """The factor of a round, 1 at most, where so many times as many events are allowed as are expected."""
        allowed = min(_FURTHEST, max(1 / _FURTHEST, allowed))
        self.sum = min(1.0, self.sum * float(allowed**_KEPT))
        return min(1.0, self.sum * float(allowed**_AT_ONCE))


def _levels(loudness: tuple[float, ...]) -> Tensor:
    """(2, L) scores above which one is high."""
    return torch.tensor(loudness, dtype=torch.float64)[:, None] * _LEVELS


def _with_constant(labels: Tensor) -> Tensor:
    return torch.cat([labels, torch.ones_like(labels[:, :1])], 1)


def _high(scores: tuple[Tensor, Tensor], labels: Tensor, rows: slice, levels: Tensor) -> Tensor:
    """(L, 2, n, C), 1 where an unannotated score lies above the level."""
    found = torch.stack([part[rows] for part in scores])
    return ((found > levels.T.to(found.dtype)[:, :, None, None]) & (labels[rows] == 0)).to(labels.dtype)
