"""The result of a diagnosis of losses, and what may be asked of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, unknown_name
from overtone.core.documents import BESIDE, Document, Interval
from overtone.core.files import read_json
from overtone.core.results import Record, counted
from overtone.core.sources import expand_home
from overtone.diagnosis import Recommendation
from overtone.experiments.probes.results import Curve, Measured, ProbeResult, SpaceResult
from overtone.experiments.results import Experiment
from overtone.experiments.scores import paired_interval
from overtone.plots import Line, Plot, draw_lines

RANKED_BY = ("map", "recall@1")
"""What losses are ranked by: the first of these that they have."""
FROZEN = "frozen features"
"""What the features before training are called beside the losses."""
DOCUMENT = "diagnosis.json"
"""The file of a diagnosis in its folder."""
_SHOWN = (*RANKED_BY, "intra_variance", "centroid_distance", "effective_rank", "active_ratio", "gradient_norm")
"""Quantities of a loss in the few lines that ``print`` shows."""


@dataclass(frozen=True)
class SeedTest(Document):
    """Two losses seed by seed: the paired t-test of one quantity.

    Attributes:
        a, b: The losses.
        quantity: What they are compared by.
        difference: Mean over the seeds of a − b.
        ci95: Student's interval of it.
        p_value: Two-sided.
        wins: Seeds with which ``a`` has more.
        seeds: Number of seeds.
    """

    a: str
    b: str
    quantity: str
    difference: float | None
    ci95: Interval | None = None
    p_value: float | None = None
    wins: int | None = None
    seeds: int | None = None


@dataclass(frozen=True, repr=False)
class Diagnosis(Experiment):
    """What losses do to one corpus's embedding, side by side.

    Attributes:
        corpus, modalities: Where the data came from, and the names of its one or two views.
        protocol: Whether queries and gallery are of different views: ``"across"`` or ``"within"``.
        seeds: Every loss was trained with each of them.
        rows, classes: Split to its number of rows, and of classes.
        class_disjoint: Whether the test rows are of other classes than the training rows; None if unknown.
        settings: The budget, the same for all losses.
        losses: Loss to what it does, in the order they were asked for.
        features: The features before training, in one space; None where each view has its own.
        views: View to its features before training, where each has a space of its own.
        recommendation: Which loss for what.
        paired_tests: Every two losses over the seeds, by several quantities; empty for a single seed.
        seconds: Time it took.
        report: The report's file, once there is one.
        embeddings: Loss to (n, d) test rows of the first seed. This and what follows is not part of the JSON document.
        labels, class_names: (n,) class number of each of these rows, and what the classes are called.
        notes, warnings, checksum, versions: As of every :class:`~overtone.experiments.results.Experiment`.
    """

    corpus: str = ""
    modalities: tuple[str, ...] = ()
    protocol: str = "within"
    seeds: tuple[int, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    class_disjoint: bool | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, ProbeResult] = field(default_factory=dict)
    features: SpaceResult | None = None
    views: dict[str, SpaceResult] = field(default_factory=dict)
    recommendation: Recommendation = field(default_factory=Recommendation)
    paired_tests: list[SeedTest] = field(default_factory=list)
    seconds: float | None = None
    report: Path | None = None
    embeddings: dict[str, NDArray[np.floating[Any]]] = field(default_factory=dict, metadata=BESIDE)
    labels: tuple[int, ...] = field(default=(), metadata=BESIDE)
    class_names: tuple[str, ...] = field(default=(), metadata=BESIDE)

    def headline(self) -> str:
        """Corpus, protocol and seeds, and which loss is best."""
        best = "" if self.best is None else f"; best by {self.metric}: {self.best}"
        seeds, losses = counted(len(self.seeds), "seed"), counted(len(self.losses), "loss", "losses")
        return f"{losses} on {self.corpus}, {self.protocol} views, {seeds}{best}"

    def iter_records(self) -> Iterator[Record]:
        """A row per loss and quantity, the best loss first, then the features before training."""
        features = {} if self.features is None else {"features": self.features}
        for name, space in {**self.ranked(), **features, **self.views}.items():
            for key, one in space.measures.items():
                low, high = one.ci95 or (None, None)
                ends = {"ci95_low": low, "ci95_high": high}
                yield {"loss": name, "quantity": key, "mean": one.mean, "std": one.std, **ends}

    def shown_records(self) -> Iterator[Record]:
        """A row per loss with retrieval, spread and activity."""
        keys = [key for key in _SHOWN if self.has(key)]
        features = {} if self.features is None else {"features": self.features}
        for name, space in {**self.ranked(), **features}.items():
            yield {"loss": name, **{key: space.measured(key).mean for key in keys}}

    @property
    def metric(self) -> str:
        """What losses are ranked by: mAP, or the recall if there is no mAP."""
        results = self.losses.values()
        return next((key for key in RANKED_BY if any(one.measured(key).mean is not None for one in results)), "map")

    @property
    def best(self) -> str | None:
        """The loss with the best mean of the ranking metric; None without losses."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> dict[str, ProbeResult]:
        """Losses, the best mean of the ranking metric first; equal ones by name."""
        key = self.metric
        means = {name: result.measured(key).mean for name, result in self.losses.items()}
        order = sorted((math.inf if mean is None else -mean, name) for name, mean in means.items())
        return {name: self.losses[name] for _, name in order}

    def spaces(self) -> dict[str, SpaceResult]:
        """The losses, best first, and behind them the frozen features: in one space, or modality by modality."""
        frozen = {f"{FROZEN}, {name}": space for name, space in self.views.items()}
        if self.features is not None:
            frozen = {FROZEN: self.features}
        return {**self.ranked(), **frozen}

    def measured(self, loss: str, key: str) -> Measured:
        """A quantity of a loss; without numbers where it was not measured."""
        return self.losses[loss].measured(key) if loss in self.losses else Measured()

    def ordered(self, key: str) -> list[tuple[float, str]]:
        """A quantity with its loss, the smallest first, without losses that have none."""
        means = ((result.measured(key).mean, name) for name, result in self.losses.items())
        return sorted((mean, name) for mean, name in means if mean is not None)

    def has(self, key: str) -> bool:
        """Whether a quantity was measured for any loss or for the features, even if it came to no number."""
        return any(space.has(key) for space in self.spaces().values())

    def curve(self, loss: str, key: str, *, kind: str = "evaluations", at: str = "updates") -> Curve:
        """A quantity of a loss over its training: see :meth:`ProbeResult.curve`."""
        return self.losses[loss].curve(key, kind=kind, at=at)

    def plot(self, quantity: str | None = None, *, at: Literal["epoch", "updates"] = "updates") -> Plot:
        """A curve per loss over its training, the mean of the seeds.

        Args:
            quantity: What is drawn, such as ``"intra_variance"`` or ``"active_ratio"``; by default what losses are
                ranked by, or else the loss.
            at: What the horizontal axis shows.

        Raises:
            InputError: The quantity was not measured over the training.
        """
        curves: dict[str, Curve] = {}
        for key in (quantity,) if quantity else (self.metric, "loss"):
            kinds = {name: "series" if key in one.series else "evaluations" for name, one in self.losses.items()}
            curves = {name: self.curve(name, key, kind=kind, at=at) for name, kind in kinds.items()}
            if any(curve.at for curve in curves.values()):
                break
        else:
            measured = {name for one in self.losses.values() for name in (*one.series, *one.evaluations)}
            raise unknown_name("curve of the diagnosis", key, sorted(measured - {"epoch", "updates"}))
        lines = [Line(name, *curve) for name, curve in curves.items()]
        title = f"{self.corpus}: {counted(len(lines), 'loss', 'losses')}, mean over {counted(len(self.seeds), 'seed')}"
        return draw_lines(lines, x_title=at, y_title=key.replace("_", " "), title=title)

    def difference(self, first: str, second: str, key: str) -> Interval | None:
        """95 % interval of a quantity's first − second over the seeds: the paired test's, else Student's, or None."""
        for test in self.paired_tests:
            if test.quantity == key and test.ci95 is not None and {test.a, test.b} == {first, second}:
                low, high = test.ci95
                return (low, high) if test.a == first else (-high, -low)
        return paired_interval(self.measured(first, key).values, self.measured(second, key).values)

    def leader(self, key: str, *, highest: bool = True) -> str | None:
        """The loss that is best by a quantity, if the intervals of its lead over all others exclude zero."""
        means = {name: mean for mean, name in self.ordered(key)}
        if len(means) < 2:
            return None
        sign = 1 if highest else -1
        best = max(means, key=lambda name: sign * means[name])
        leads = [self.difference(best, other, key) for other in means if other != best]
        return best if all(lead is not None and min(sign * end for end in lead) > 0 for lead in leads) else None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON-able values; features that have a space each stand under ``features``, ``views``."""
        found = super().to_dict()
        views = found.pop("views")
        return {**found, "features": {"views": views} if views else found["features"] or {}}

    @classmethod
    def load(cls, folder: str | Path) -> Diagnosis:
        """Read the diagnosis in a folder of ``overtone diagnose``.

        Args:
            folder: The folder.

        Raises:
            InputError: There is none in it, or its file is damaged.
        """
        file = expand_home(folder) / DOCUMENT
        if not file.is_file():
            fix = "make one: overtone diagnose DATA --out FOLDER"
            raise InputError(f"{folder}: no diagnosis of losses ({DOCUMENT}) in it", fix=fix)
        try:
            return cls.from_dict(read_json(file))
        except (AttributeError, KeyError, TypeError, ValueError):
            what = f"{file}: is no diagnosis of this version"
            raise InputError(what, fix="make it again: overtone diagnose DATA --out FOLDER --overwrite") from None

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], **more: object) -> Diagnosis:
        """Read :meth:`to_dict` back."""
        features = found.get("features") or None
        if features and "views" in features:
            found = {**found, "views": features["views"]}
            features = None
        return super().from_dict({**found, "features": features}, **more)
