"""The model behind event chances: what scores look like with and without an event, and where events come from."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field, replace

import torch
from torch import Tensor

from overtone.interactions.event_densities import density_ratio, fit_loudness, normal_of_sums, place_unannotated
from overtone.interactions.event_limits import Damping, EventLimits
from overtone.interactions.event_rates import lean_on_trend

_ROUNDS = 30
"""Most rounds."""
_SETTLED = 3e-4
"""Change of the chances, as a share of all chances, at which they have settled."""
_FIRST = 0.3
"""Chance that an unannotated event is there, at a score where annotated ones usually are: the first guess."""
_BELIEVED = 20.0
"""Largest ratio of densities of a class, for each clip that is annotated with it: few clips do not show how far out
scores with the event lie, and those of confused classes are the first to lie there."""
_PATTERN = 5.0
"""Events of a class that the shares of showing in one or both modalities must rest on, to count as much as all."""
_SOURCES = 30.0
"""Sources of an edge that its strength must rest on, to be believed by half."""
_MOST = 0.97
"""Largest strength of an edge."""
_BROUGHT = 1.5
"""How many times as many events as without edges are expected before strengths are lowered."""
_CELLS = 1 << 18
"""Entries of a block of rows: few enough to stay in the processor's cache."""


@dataclass(frozen=True)
class Evidence:
    """(N, C) unmixed scores per modality, and (N, C) labels, in float32."""

    scores: tuple[Tensor, Tensor]
    labels: Tensor

    def some(self, cells: int) -> Evidence:
        """Rows at even distances, as many as have so many entries."""
        every = -(-self.labels.numel() // cells)
        first, second = (part[::every] for part in self.scores)
        return Evidence((first, second), self.labels[::every])


@dataclass
class _Sums:
    """Sums over rows, in float64.

    Attributes:
        moments: (2, 3, 3, C): of 1, x and x², over absent, annotated and unannotated events, per modality.
        shows: (4, C) unannotated clips that show an event nowhere, in the first modality, the second, or both.
        annotated: (4, C) the same of annotated ones.
        both: (C,) unannotated clips that show an event in both modalities, of itself or brought.
        acted, could: How often each edge has brought its target, and could have.
        change, total: Of all chances.
    """

    moments: Tensor
    shows: Tensor
    annotated: Tensor
    both: Tensor
    acted: Tensor
    could: Tensor
    change: float = 0.0
    total: float = 0.0


@dataclass
class EventModel:
    """Fitted in turns: chances given the parameters, parameters given the chances, each in one pass over the rows.

    Args:
        evidence: What is known of the clips.
        edges: Numbers of source and target nodes; node i < C is class i in the first modality, C + i in the second.
        given_loudness: Where unannotated events lie per modality, on the way from absent (0) to annotated (1); None:
            fitted.
        limits: Of how many events there can be; None: there are none.
        alone: Unannotated events a clip that show in each modality by scores alone, beyond which edges are made
            weaker; None: edges may bring any number.
        before: A fitted model of the same clips and edges by other scores: its chances, parameters and loudness are the
            first guess, and no more events may be expected than it expects.
    """

    evidence: Evidence
    edges: tuple[Tensor, Tensor] = field(
        default_factory=lambda: (torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    )
    given_loudness: tuple[float, ...] | None = None
    limits: EventLimits | None = None
    alone: tuple[float, ...] | None = None
    before: InitVar[EventModel | None] = None

    def __post_init__(self, before: EventModel | None) -> None:
        labels = self.evidence.labels
        self.classes = labels.shape[1]
        self.most_ratio = _BELIEVED * labels.sum(0).clamp_min(1.0)
        self.damping, self.edge_damping = Damping(), Damping()
        self.most: tuple[float, ...] | None = None
        if before is not None:
            self._start_from(before)
            return
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

    @property
    def unannotated(self) -> tuple[float, ...]:
        """Expected unannotated events a clip that show in each modality."""
        missing = 1 - self.evidence.labels
        return tuple(float((missing * part).sum(dtype=torch.float64)) / len(missing) for part in self.modalities)

    @property
    def lift(self) -> float:
        """How many times as often as by chance an event of itself shows in both modalities of an unannotated clip."""
        _, one, other, both = self.itself
        return float(both.sum() / ((one + both) * (other + both)).sum().clamp_min(1e-12))

    def fit(self) -> EventModel:
        """Run all rounds."""
        if self.most is None:
            self._begin()
        moments = self._moments(slice(None), self.chances)
        for number in range(_ROUNDS):
            self._place_densities(moments, number)
            sums = self._expect()
            self._update(sums)
            moments = sums.moments
            if number > 2 and sums.change < _SETTLED * sums.total:
                break
        return self

    def _begin(self) -> None:
        """First shares: of unannotated rows, and of annotated ones, that show neither, one or both modalities."""
        missing = 1 - self.evidence.labels
        rows = missing.sum(0).clamp_min(1.0)
        first, second = (((part * missing).sum(0) / rows).clamp(1e-3, 0.9) for part in self.modalities)
        start = torch.stack([1 - (first + second) / 2, 0.15 * first, 0.15 * second, 0.35 * (first + second)])
        self.itself = start / start.sum(0)
        self.shown = torch.tensor([0.0, 0.1, 0.1, 0.8], dtype=torch.float64)[:, None].repeat(1, self.classes)

    def _start_from(self, model: EventModel) -> None:
        """Take over what a model has come to, and what it expects as the most."""
        self.chances, self.clips, self.edges = model.chances, model.clips, model.edges
        self.given_loudness, self.loudness = model.given_loudness, list(model.loudness)
        self.itself, self.shown, self.strengths = model.itself, model.shown, model.strengths
        self.damping = replace(model.damping)
        self.most = model.most or model.unannotated

    def _moments(self, rows: slice, chances: Tensor) -> Tensor:
        """The ``moments`` of rows with these (n, 2C) chances."""
        labels, found = self.evidence.labels[rows], []
        for side, scores in enumerate(self.evidence.scores):
            chance = chances[:, side * self.classes : (side + 1) * self.classes]
            x = scores[rows]
            kinds = (1 - chance, chance * labels, chance * (1 - labels))
            found.append(
                torch.stack(
                    [
                        torch.stack([part.sum(0, dtype=torch.float64) for part in (k, k * x, k * x.square())])
                        for k in kinds
                    ]
                )
            )
        return torch.stack(found)

    def _place_densities(self, moments: Tensor, number: int) -> None:
        """Mean and variance of scores without the event, with an annotated one, and with an unannotated one."""
        self.densities = []
        for side, sums in enumerate(moments):
            (m0, v0), (m1, v1) = (normal_of_sums(part) for part in sums[:2])
            gap = (m1 - m0).clamp_min(1e-3)
            loudness = torch.full_like(gap, self.loudness[side])
            if self.given_loudness is None and number >= 2:
                self.loudness[side], loudness = fit_loudness((m0, v0), (m0 + gap, v1), sums[2])
            absent, annotated = (m0, v0), (m0 + gap, v1)
            self.densities.append((absent, annotated, place_unannotated(absent, annotated, loudness)))

    def _expect(self) -> _Sums:
        """Chances of all rows given the parameters, block by block; what the next parameters are made of."""
        width, count = 2 * self.classes, len(self.strengths)
        step = max(1, _CELLS // max(width, count))
        before = self.chances
        after, clips = torch.empty_like(before), torch.empty_like(self.clips)
        zero = torch.zeros(count, dtype=torch.float64)
        shows = torch.zeros(4, self.classes, dtype=torch.float64)
        moments = torch.zeros(2, 3, 3, self.classes, dtype=torch.float64)
        sums = _Sums(moments, shows, shows.clone(), shows[0].clone(), zero, zero.clone())
        for start in range(0, len(before), step):
            rows = slice(start, start + step)
            self._expect_block(rows, before, after, clips, sums)
        self.chances, self.clips = after, clips
        return sums

    def _expect_block(self, rows: slice, before: Tensor, after: Tensor, clips: Tensor, sums: _Sums) -> None:
        labels = self.evidence.labels[rows]
        missing = 1 - labels
        ratios = [density_ratio(scores[rows], unseen, absent) for (absent, _, unseen), scores in self._sides()]
        missed = [torch.minimum(part, self.most_ratio, out=part) for part in ratios]
        sources, targets = self.edges
        present = before[rows][:, sources]
        unbrought = torch.zeros_like(before[rows]).index_add_(
            1, targets, torch.log1p(-(present * self.strengths.float()).clamp_max(0.999))
        )
        unbrought.exp_()
        not_a, not_v = unbrought[:, : self.classes], unbrought[:, self.classes :]
        a, v = 1 - not_a, 1 - not_v
        none, one, other, both = self.itself.float()
        # priors: shows nowhere, in the first modality, in the second, in both; before the scores are looked at
        nowhere = none * not_a * not_v
        in_first, in_second = (none * a + one) * not_v, (none * v + other) * not_a
        in_both = (none * a + one) * v + other * a + both
        together = missed[0] * missed[1]
        evidence = nowhere + in_first * missed[0] + in_second * missed[1] + in_both * together
        first, second, third = missed[0] / evidence, missed[1] / evidence, together / evidence
        posterior = (nowhere / evidence, in_first * first, in_second * second, in_both * third)
        after[rows] = torch.cat([posterior[1] + posterior[3], posterior[2] + posterior[3]], 1)
        clips[rows] = 1 - posterior[0]
        self._expect_annotated(rows, after, clips, sums)
        # what was there without an edge's doing
        itself = (
            posterior[0] + none * (first * a + second * v + third * a * v),
            one * (first + third * v),
            other * (second + third * a),
            third * both,
        )
        sums.moments += self._moments(rows, after[rows])
        sums.change += float((after[rows] - before[rows]).abs().sum(dtype=torch.float64))
        sums.total += float(after[rows].sum(dtype=torch.float64))
        sums.shows += torch.stack([(missing * part).sum(0, dtype=torch.float64) for part in itself])
        sums.both += (missing * posterior[3]).sum(0, dtype=torch.float64)
        if len(sources):
            # how much likelier the scores are if the target has been brought for sure
            sure_a = (none + one) * not_v * first + ((none + one) * v + other + both) * third
            sure_v = (none + other) * not_a * second + ((none + other) * a + one + both) * third
            gain = torch.cat([missing * sure_a, missing * sure_v], 1)
            sums.acted += (present * gain[:, targets]).sum(0, dtype=torch.float64)
            sums.could += (present * torch.cat([missing, missing], 1)[:, targets]).sum(0, dtype=torch.float64)

    def _expect_annotated(self, rows: slice, after: Tensor, clips: Tensor, sums: _Sums) -> None:
        """Chances of annotated events, which are there for sure, to show in each modality."""
        row, column = self.evidence.labels[rows].nonzero(as_tuple=True)
        ratios = []
        for (absent, shown, _), scores in self._sides():
            chosen = [(mean[column], variance[column]) for mean, variance in (shown, absent)]
            ratios.append(density_ratio(scores[rows][row, column], chosen[0], chosen[1]).double())
        joint = self.shown[1:, column] * torch.stack([ratios[0], ratios[1], ratios[0] * ratios[1]])
        seen = joint / joint.sum(0).clamp_min(1e-300)
        for side in (0, 1):
            after[rows][row, side * self.classes + column] = (seen[side] + seen[2]).to(after.dtype)
        clips[rows][row, column] = 1.0
        sums.annotated[1:].index_add_(1, column, seen)

    def _sides(self) -> list[tuple[tuple[tuple[Tensor, Tensor], ...], Tensor]]:
        """Densities and scores of each modality."""
        return list(zip(self.densities, self.evidence.scores))

    def _update(self, sums: _Sums) -> None:
        """Shares and strengths from the sums; small samples lean on what all classes have in common."""
        events = sums.shows[1:].sum(0)
        pattern = sums.shows[1:].sum(1) / events.sum().clamp_min(1e-9)
        shares = (sums.shows[1:] + _PATTERN * pattern[:, None]) / (events + _PATTERN)
        damping = self._damp(sums)
        rate = (events + 0.3) / (sums.shows.sum(0) + 1.0)
        if self.limits is not None or self.most is not None:
            rate = lean_on_trend(rate, self.evidence.labels.sum(0).double())
        rate = damping * rate
        self.itself = torch.cat([(1 - rate)[None], rate * shares])
        shown = sums.annotated + torch.tensor([0.0, 0.5, 0.5, 2.0], dtype=torch.float64)[:, None]
        self.shown = shown / shown.sum(0)
        strengths = damping * self._damp_edges(sums) * self.strengths
        self.strengths = (strengths * sums.acted / (sums.could + _SOURCES)).clamp(0.0, _MOST)

    def _damp(self, sums: _Sums) -> float:
        """What rates and strengths are multiplied by, so that the limits allow as many events as are expected."""
        if self.most is not None:
            return self.damping.step(self._share_within(self.most, sums))
        if self.limits is None:
            return 1.0
        absent, annotated = ([kinds[kind] for kinds in self.densities] for kind in range(2))
        return self.damping.step(self.limits.allowed(sums.moments[:, 2, 0], sums.both, absent, annotated))

    def _damp_edges(self, sums: _Sums) -> float:
        """What strengths are multiplied by besides, as edges say where events are, and scores how many there are."""
        if self.alone is None:
            return 1.0
        return self.edge_damping.step(self._share_within(tuple(_BROUGHT * part for part in self.alone), sums))

    def _share_within(self, most: tuple[float, ...], sums: _Sums) -> float:
        """The share of the expected unannotated events that is within what a clip may have in each modality."""
        expected = sums.moments[:, 2, 0].sum(1) / len(self.evidence.labels)
        return min(limit / max(float(part), 1e-9) for limit, part in zip(most, expected))
