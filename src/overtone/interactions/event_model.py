"""The model behind event chances: what scores look like with and without an event, and where events come from."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

_ROUNDS = 30
_FIRST = 0.3
"""Chance that an unannotated event is there, at a score where annotated ones usually are: the first guess."""
_LEAST_DEVIATION = 0.05
_CLAMP = 12.0
"""Largest logarithm of a ratio of densities."""
_SHARED = 500.0
"""Rows of a class, all with the event, that its loudness must show to differ from the others' by half."""
_PATTERN = 5.0
"""Events of a class that the shares of showing in one or both modalities must rest on, to count as much as all."""
_SOURCES = 30.0
"""Sources of an edge that its strength must rest on, to be believed by half."""
_MOST = 0.97
"""Largest strength of an edge."""
_CELLS = 1 << 23
"""Entries that are held at once."""


@dataclass(frozen=True)
class Evidence:
    """(N, C) unmixed scores per modality, and (N, C) labels, in float64."""

    scores: tuple[Tensor, Tensor]
    labels: Tensor


@dataclass
class _Sums:
    """Sums over rows: moments of the scores per modality, how events show, and how often edges could and did act."""

    moments: Tensor
    shows: Tensor
    annotated: Tensor
    acted: Tensor
    could: Tensor


@dataclass
class EventModel:
    """Fitted in turns: chances given the parameters, parameters given the chances, each in one pass over the rows.

    Args:
        evidence: What is known of the clips.
        edges: Numbers of source and target nodes; node i < C is class i in the first modality, C + i in the second.
        given_loudness: Where unannotated events lie per modality, on the way from absent (0) to annotated (1); None:
            fitted.
    """

    evidence: Evidence
    edges: tuple[Tensor, Tensor] = field(
        default_factory=lambda: (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    )
    given_loudness: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        labels = self.evidence.labels
        self.classes = labels.shape[1]
        self.chances = torch.cat(
            [labels + (1 - labels) * _FIRST * torch.sigmoid(8.0 * (part - 0.45)) for part in self.evidence.scores],
            dim=1,
        )
        self.clips = labels.clone()
        self.loudness = list(self.given_loudness or (1.0, 1.0))
        self.strengths = torch.full((len(self.edges[0]),), 0.3, dtype=torch.float64)

    @property
    def modalities(self) -> tuple[Tensor, Tensor]:
        """(N, C) chances per modality."""
        return self.chances[:, : self.classes], self.chances[:, self.classes :]

    @property
    def rates(self) -> Tensor:
        """(C,) share of clips with the event of itself, where it is not annotated."""
        return 1.0 - self.itself[0]

    def fit(self) -> EventModel:
        """Run all rounds."""
        self._begin()
        for number in range(_ROUNDS):
            self._place_densities(self._moments(), number)
            self._update(self._expect())
        return self

    def _begin(self) -> None:
        """First shares: of unannotated rows, and of annotated ones, that show neither, one or both modalities."""
        missing = 1 - self.evidence.labels
        rows = missing.sum(0).clamp_min(1.0)
        first, second = (((part * missing).sum(0) / rows).clamp(1e-3, 0.9) for part in self.modalities)
        start = torch.stack([1 - (first + second) / 2, 0.15 * first, 0.15 * second, 0.35 * (first + second)])
        self.itself = start / start.sum(0)
        self.shown = torch.tensor([0.0, 0.1, 0.1, 0.8], dtype=torch.float64)[:, None].repeat(1, self.classes)

    def _moments(self) -> Tensor:
        """(2, 3, 3, C) sums of 1, x and x² over absent, annotated and unannotated events, per modality."""
        labels, found = self.evidence.labels, []
        for chance, scores in zip(self.modalities, self.evidence.scores):
            kinds = (1 - chance, chance * labels, chance * (1 - labels))
            found.append(torch.stack([torch.stack([(k * scores**power).sum(0) for power in (0, 1, 2)]) for k in kinds]))
        return torch.stack(found)

    def _place_densities(self, moments: Tensor, number: int) -> None:
        """Mean and variance of scores without the event, with an annotated one, and with an unannotated one."""
        self.densities = []
        for side, (absent, annotated, missed) in enumerate(moments):
            (m0, v0), (m1, v1) = (_normal(part) for part in (absent, annotated))
            gap = (m1 - m0).clamp_min(1e-3)
            loudness = torch.full_like(gap, self.loudness[side])
            if self.given_loudness is None and number >= 2:
                shift = (missed[1] - missed[0] * m0) * gap / v1
                full = missed[0] * gap.square() / v1
                common = float((shift.sum() / full.sum().clamp_min(1e-9)).clamp(0.2, 1.3))
                prior = _SHARED * gap.square() / v1
                loudness = ((shift + prior * common) / (full + prior)).clamp(0.2, 1.3)
                self.loudness[side] = common
            wider = torch.where(v1 > v0, v0 + loudness.square() * (v1 - v0), v1)
            least = _LEAST_DEVIATION**2
            self.densities.append(((m0, v0), (m0 + gap, v1), (m0 + loudness * gap, wider.clamp_min(least))))

    def _expect(self) -> _Sums:
        """Chances of all rows given the parameters, block by block; what the next parameters are made of."""
        width, count = 2 * self.classes, len(self.strengths)
        step = max(1, _CELLS // max(width, count))
        before = self.chances
        after, clips = torch.empty_like(before), torch.empty_like(self.clips)
        zero = torch.zeros(count, dtype=torch.float64)
        shows = torch.zeros(4, self.classes, dtype=torch.float64)
        sums = _Sums(torch.zeros(0), shows, shows.clone(), zero, zero.clone())
        for start in range(0, len(before), step):
            rows = slice(start, start + step)
            self._expect_block(rows, before, after, clips, sums)
        self.chances, self.clips = after, clips
        return sums

    def _expect_block(self, rows: slice, before: Tensor, after: Tensor, clips: Tensor, sums: _Sums) -> None:
        labels = self.evidence.labels[rows]
        missing = 1 - labels
        missed, annotated = [], []
        for (absent, shown, unseen), scores in zip(self.densities, self.evidence.scores):
            missed.append(_ratio(scores[rows], unseen, absent).exp())
            annotated.append(_ratio(scores[rows], shown, absent).exp())
        sources, targets = self.edges
        present = before[rows][:, sources]
        unbrought = torch.zeros_like(before[rows]).index_add_(
            1, targets, torch.log1p(-(present * self.strengths).clamp_max(0.999))
        )
        not_a, not_v = unbrought[:, : self.classes].exp(), unbrought[:, self.classes :].exp()
        a, v = 1 - not_a, 1 - not_v
        none, one, other, both = self.itself
        # (shows nowhere, in the first modality, in the second, in both) before and after the scores are looked at
        prior = torch.stack(
            [
                none * not_a * not_v,
                (none * a + one) * not_v,
                (none * v + other) * not_a,
                none * a * v + one * v + other * a + both,
            ]
        )
        likelihood = torch.stack([torch.ones_like(a), missed[0], missed[1], missed[0] * missed[1]])
        joint = prior * likelihood
        evidence = joint.sum(0)
        posterior = joint / evidence
        seen = self.shown[:, None, :] * torch.stack(
            [torch.zeros_like(a), annotated[0], annotated[1], annotated[0] * annotated[1]]
        )
        seen = seen / seen.sum(0).clamp_min(1e-300)
        whole = torch.where(labels[None] > 0, seen, posterior)
        after[rows] = torch.cat([whole[1] + whole[3], whole[2] + whole[3]], 1)
        clips[rows] = torch.where(labels > 0, 1.0, 1 - whole[0])
        # what was there without an edge's doing
        first, second, third = (posterior[k] / prior[k].clamp_min(1e-12) for k in (1, 2, 3))
        itself = (
            posterior[0] + none * (first * a + second * v + third * a * v),
            one * (first + third * v),
            other * (second + third * a),
            third * both,
        )
        sums.shows += torch.stack([(missing * part).sum(0) for part in itself])
        sums.annotated += torch.stack([(labels * part).sum(0) for part in seen])
        if len(sources):
            # how much likelier the scores are if the target has been brought for sure
            sure_a = (none + one) * not_v * likelihood[1] + (none * v + other + one * v + both) * likelihood[3]
            sure_v = (none + other) * not_a * likelihood[2] + (none * a + one + other * a + both) * likelihood[3]
            gain = torch.cat([missing * sure_a / evidence, missing * sure_v / evidence], 1)
            sums.acted += (present * gain[:, targets]).sum(0)
            sums.could += (present * torch.cat([missing, missing], 1)[:, targets]).sum(0)

    def _update(self, sums: _Sums) -> None:
        """Shares and strengths from the sums; small samples lean on what all classes have in common."""
        events = sums.shows[1:].sum(0)
        pattern = sums.shows[1:].sum(1) / events.sum().clamp_min(1e-9)
        shares = (sums.shows[1:] + _PATTERN * pattern[:, None]) / (events + _PATTERN)
        rate = (events + 0.3) / (sums.shows.sum(0) + 1.0)
        self.itself = torch.cat([(1 - rate)[None], rate * shares])
        shown = sums.annotated + torch.tensor([0.0, 0.5, 0.5, 2.0], dtype=torch.float64)[:, None]
        self.shown = shown / shown.sum(0)
        self.strengths = (self.strengths * sums.acted / (sums.could + _SOURCES)).clamp(0.0, _MOST)


def _normal(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance from sums of 1, x and x²."""
    count = sums[0].clamp_min(1e-9)
    mean = sums[1] / count
    return mean, (sums[2] / count - mean.square()).clamp_min(_LEAST_DEVIATION**2)


def _ratio(scores: Tensor, there: tuple[Tensor, Tensor], absent: tuple[Tensor, Tensor]) -> Tensor:
    """Logarithm of the ratio of two normal densities, made monotone: beyond its turning point it stays."""
    (m1, v1), (m0, v0) = there, absent
    bend = 1 / v0 - 1 / v1
    turn = (m0 / v0 - m1 / v1) / torch.where(bend.abs() < 1e-9, 1e-9, bend)
    within = torch.where(bend > 0, torch.maximum(scores, turn), torch.minimum(scores, turn))
    x = torch.where(bend.abs() < 1e-6, scores, within)
    found = 0.5 * ((x - m0).square() / v0 - (x - m1).square() / v1 + v0.log() - v1.log())
    return found.clamp(-_CLAMP, _CLAMP)
