"""Labels for clips that have none, from a few that have one: nearest neighbours or prototypes, and "don't know"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.core.documents import Document
from overtone.core.results import Record, Result
from overtone.search.clips import Clip

By = Literal["neighbours", "prototypes"]
_SHARPNESS = 20.0
"""Cosines are multiplied by this before votes are added up: a neighbour 0.05 nearer counts e times as much."""
_TEMPERATURES = torch.logspace(-2, 1, 61, dtype=torch.float64)
_BLOCK = 4096
_CELLS = 1 << 24
"""Scores that are held at once."""


@dataclass(frozen=True)
class LabelledClip(Document):
    """A clip and the class that was found for it.

    Attributes:
        clip: Which one.
        label: The class; None: not sure enough.
        best: The likeliest class, however sure.
        probability: Its calibrated probability.
    """

    clip: Clip
    label: str | None
    best: str
    probability: float


@dataclass(frozen=True, repr=False)
class Labelling(Document, Result):
    """Labels for the clips that had none.

    Attributes:
        classes: The classes' names.
        by: ``neighbours``, ``prototypes`` (means of labelled clips), or ``classes`` (rows that stand for a class).
        references: Number of labelled clips, by which everything was calibrated.
        labels: One entry for each other clip, in their order.
        error: The share of wrong labels that was asked for, among those given.
        threshold: Probability from which on a label is given; None: from none on.
        measured_error: Share of wrong labels among labelled clips that would be given one, each left out in turn.
        measured_coverage: Share of labelled clips that would be given a label.
    """

    classes: tuple[str, ...]
    by: str
    references: int
    labels: tuple[LabelledClip, ...]
    error: float
    threshold: float | None
    measured_error: float | None
    measured_coverage: float

    def headline(self) -> str:
        """How many clips got a label, and how many of these labels are expected to be wrong."""
        wrong = "" if self.measured_error is None else f", {self.measured_error:.1%} wrong among known ones"
        return f"{self.given:,} of {len(self.labels):,} clips labelled by {self.by}{wrong}"

    def iter_records(self) -> Iterator[Record]:
        """A row per clip that had no label."""
        for one in self.labels:
            yield one.clip.to_record({"label": one.label, "best": one.best, "probability": one.probability})

    @property
    def given(self) -> int:
        """Number of clips with a label."""
        return sum(one.label is not None for one in self.labels)


def label_clips(
    clips: Sequence[Clip],
    embeddings: Tensor,
    numbers: Tensor,
    classes: Sequence[str],
    *,
    by: By = "neighbours",
    neighbours: int = 10,
    error: float = 0.1,
    prototypes: Tensor | None = None,
) -> Labelling:
    r"""Label clips by those that have a label, and only where that is sure enough.

    The score of a class is, by ``neighbours``, :math:`\ln \sum_j e^{20 \cos(x, x_j)}` over those of the nearest
    labelled clips that are of it, and by ``prototypes`` the cosine with the mean of its clips. A softmax at a
    temperature makes probabilities of scores. Temperature and threshold are calibrated on the labelled clips, each
    scored without itself: the temperature by likelihood, and the threshold as the lowest one at which, of the m
    labelled clips above it, at most ``error`` is wrong, one more mistake allowed for: (mistakes + 1) / (m + 1).

    This holds for clips like the labelled ones. A clip of a class that no labelled clip has may still get a label.

    Args:
        clips: N clips.
        embeddings: (N, d) rows of unit length.
        numbers: (N,) class of each clip; -1 for those to be labelled.
        classes: C names.
        by: What to compare a clip with.
        neighbours: Labelled clips that vote.
        error: Largest share of wrong labels among those given.
        prototypes: (C, d) rows that stand for the classes, such as embeddings of their names; in place of ``by``.

    Returns:
        A label or None for each clip without one.

    Raises:
        InputError: Fewer than two classes, no labelled clip of a class, or no clip to label.

    Source:
        Geifman & El-Yaniv, Selective classification for deep neural networks, NIPS 2017.
    """
    labelled, others = (numbers >= 0).nonzero().flatten(), (numbers < 0).nonzero().flatten()
    _check(numbers, classes, len(labelled), len(others), prototypes, error)
    scorer = _Scorer(embeddings[labelled], numbers[labelled], len(classes), by, neighbours, prototypes)
    truth = numbers[labelled]
    temperature, threshold, wrong, coverage = 1.0 / _SHARPNESS, 0.0, None, 1.0
    if len(labelled):
        own = embeddings[labelled]
        temperature = _fit_temperature(scorer.blocks(own, left_out=True), truth)
        sure, best = scorer.best(own, temperature, left_out=True)
        threshold, wrong, coverage = _fit_threshold(sure, best == truth, error)
    found, best = scorer.best(embeddings[others], temperature)
    labels = [
        LabelledClip(clips[row], classes[number] if sure >= threshold else None, classes[number], sure)
        for row, number, sure in zip(others.tolist(), best.tolist(), found.tolist())
    ]
    return Labelling(
        classes=tuple(classes),
        by=by if prototypes is None else "classes",
        references=len(labelled),
        labels=tuple(labels),
        error=error,
        threshold=threshold if threshold <= 1 else None,
        measured_error=wrong,
        measured_coverage=coverage,
    )


@dataclass(frozen=True)
class _Scorer:
    """Scores of classes by labelled rows, or by prototypes."""

    rows: Tensor
    numbers: Tensor
    classes: int
    by: By
    neighbours: int
    prototypes: Tensor | None

    def best(self, queries: Tensor, temperature: float, *, left_out: bool = False) -> tuple[Tensor, Tensor]:
        """(n,) probability and (n,) number of each query's likeliest class; ``left_out`` as for :meth:`blocks`."""
        found = [(scores / temperature).softmax(1).max(1) for scores in self.blocks(queries, left_out=left_out)]
        return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])

    def blocks(self, queries: Tensor, *, left_out: bool = False) -> Iterator[Tensor]:
        """(b, C) scores of blocks of queries, float64; ``left_out``: they are the rows, none compared with itself."""
        step = max(1, min(_BLOCK, _CELLS // max(self.classes, len(self.rows))))
        for start in range(0, len(queries), step):
            yield self._score(queries[start : start + step], start if left_out else None)

    def _score(self, queries: Tensor, start: int | None) -> Tensor:
        own = None if start is None else torch.arange(start, start + len(queries))
        if self.prototypes is not None:
            return (queries @ self.prototypes.T).double()
        if self.by == "prototypes":
            return self._by_means(queries.double(), own)
        cosines = (queries @ self.rows.T).double()
        if own is not None:
            cosines[torch.arange(len(queries)), own] = -torch.inf
        nearest = cosines.topk(min(self.neighbours, len(self.rows) - (own is not None)), dim=1)
        votes = torch.zeros(len(queries), self.classes, dtype=torch.float64)
        votes.scatter_add_(1, self.numbers[nearest.indices], (_SHARPNESS * (nearest.values - 1)).exp())
        return votes.clamp_min(torch.e ** (-2 * _SHARPNESS)).log() / _SHARPNESS

    def _by_means(self, queries: Tensor, own: Tensor | None) -> Tensor:
        """Cosines with the means of the classes; a query that is row ``own`` is taken out of its class's."""
        sums = torch.zeros(self.classes, self.rows.shape[1], dtype=torch.float64)
        sums.index_add_(0, self.numbers, self.rows.double())
        cosines = queries @ F.normalize(sums, dim=1).T
        if own is not None:
            others = F.normalize(sums[self.numbers[own]] - queries, dim=1)
            cosines[torch.arange(len(queries)), self.numbers[own]] = (queries * others).sum(1)
        return cosines


def _fit_temperature(blocks: Iterable[Tensor], truth: Tensor) -> float:
    """The temperature at which the true classes are likeliest, of (n, C) scores in blocks of rows."""
    losses, start = torch.zeros(len(_TEMPERATURES), dtype=torch.float64), 0
    for scores in blocks:
        right = truth[start : start + len(scores)]
        losses += torch.stack([F.cross_entropy(scores / t, right, reduction="sum") for t in _TEMPERATURES])
        start += len(scores)
    return float(_TEMPERATURES[losses.argmin()])


def _fit_threshold(sure: Tensor, right: Tensor, error: float) -> tuple[float, float | None, float]:
    """Lowest probability at which few enough are wrong (2 if none is), the share wrong there, and the share reached."""
    order = sure.argsort(descending=True, stable=True)
    mistakes = (~right[order]).double().cumsum(0)
    places = torch.arange(1, len(order) + 1)
    last = torch.cat([sure[order][1:] < sure[order][:-1], torch.tensor([True])])  # equals are given a label together
    possible = (((mistakes + 1) / (places + 1) <= error) & last).nonzero().flatten()
    if not len(possible):
        return 2.0, None, 0.0
    at = int(possible[-1])
    return float(sure[order][at]), float(mistakes[at] / places[at]), float(places[at] / len(order))


def _check(
    numbers: Tensor, classes: Sequence[str], labelled: int, others: int, prototypes: Tensor | None, error: float
) -> None:
    """Refuse what leaves nothing to label or nothing to label by."""
    if not 0 < error < 1:
        raise InputError("error is a share of the labels given", got=error, valid="above 0 and below 1")
    if not others:
        raise InputError("every clip has a label", fix="leave the labels of some clips out")
    if len(classes) < 2:
        raise InputError("labelling needs two classes", got=", ".join(classes) or "none")
    counts = torch.bincount(numbers[numbers >= 0], minlength=len(classes))
    if prototypes is None and (not labelled or int(counts.min()) == 0):
        missing = [name for name, count in zip(classes, counts.tolist()) if not count]
        raise InputError("a class has no labelled clip", got=", ".join(missing), fix="label a few clips of each class")
