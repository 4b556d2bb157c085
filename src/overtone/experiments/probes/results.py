"""What is measured of one loss, or of features: single quantities, curves, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from overtone.core.documents import Document, Interval, finite
from overtone.diagnosis import RuleHit

WATCHED = ("active_ratio", "gradient_norm", "parameter_gradient_norm", "easy_share")
"""What is measured in the batches of a training, beside the loss."""

Series = dict[str, list[float | None]]
"""``epoch``, ``updates`` and each quantity to its values over a training, None where it was not measured."""


@dataclass(frozen=True)
class Measured(Document):
    """A quantity over the seeds.

    Attributes:
        mean: Over the seeds that have it; None where none has.
        std: Over these seeds; None of a single one.
        ci95: Student's interval of the mean; None of a single seed.
        values: One number per seed, None where a seed has none; empty where single seeds are not known.
    """

    mean: float | None = None
    std: float | None = None
    ci95: Interval | None = None
    values: tuple[float | None, ...] = ()


class Curve(NamedTuple):
    """A quantity over a training: positions (epochs or updates), and as many values."""

    at: tuple[float, ...]
    values: tuple[float, ...]

    def relative(self) -> Curve:
        """The same as shares of the first value; as it is where that is not positive.

        Example:
            >>> Curve((1.0, 2.0), (4.0, 1.0)).relative()
            Curve(at=(1.0, 2.0), values=(1.0, 0.25))
        """
        if not self.values or self.values[0] <= 0:
            return self
        return Curve(self.at, tuple(value / self.values[0] for value in self.values))

    def thinned(self, most: int) -> Curve:
        """The same in at most ``most`` points: each the mean of its neighbours, at the position of the last of them.

        Example:
            >>> Curve((1.0, 2.0, 3.0, 4.0), (0.0, 2.0, 4.0, 8.0)).thinned(2)
            Curve(at=(2.0, 4.0), values=(1.0, 6.0))
        """
        if len(self.at) <= most:
            return self
        parts = zip(np.array_split(self.at, most), np.array_split(self.values, most))
        at, values = zip(*((float(places[-1]), float(values.mean())) for places, values in parts))
        return Curve(at, values)


@dataclass(frozen=True)
class ClassVariance(Document):
    """The variance of one class's embeddings around their centroid, and how many rows it is from."""

    variance: float | None = None
    rows: float | None = None


@dataclass(frozen=True)
class SpaceResult:
    """What was measured of an embedding, or of features before any training.

    Attributes:
        measures: Quantity to its value over the seeds (of features: one value).
        smallest_gap_classes: The two classes whose centroids are nearest.
        per_class: Class to its variance.
        verdict: What the rules of the diagnosis find; None where they were not asked.
    """

    measures: dict[str, Measured] = field(default_factory=dict)
    smallest_gap_classes: tuple[str, ...] = ()
    per_class: dict[str, ClassVariance] = field(default_factory=dict)
    verdict: list[RuleHit] | None = None

    def measured(self, key: str) -> Measured:
        """A quantity; without numbers where it was not measured."""
        return self.measures.get(key, Measured())

    def has(self, key: str) -> bool:
        """Whether a quantity was measured, even if it came to no number."""
        return key in self.measures

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON-able values."""
        means: dict[str, Any] = {name: measured.mean for name, measured in self.measures.items()}
        spread = means.pop("centroid_distance_std", None)
        if "centroid_distance" in means:
            means["centroid_distance"] = {"mean": means["centroid_distance"], "std": spread}
        per_class = {name: one.to_dict() for name, one in self.per_class.items()}
        pair = {"smallest_gap_classes": list(self.smallest_gap_classes)} if self.smallest_gap_classes else {}
        verdict = {} if self.verdict is None else {"verdict": [hit.to_dict() for hit in self.verdict]}
        return {**means, **pair, "per_class": per_class, **verdict}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> SpaceResult:
        """Read :meth:`to_dict` back."""
        return cls(_measures(found), **_space(found))


@dataclass(frozen=True)
class ProbeResult(SpaceResult):
    """What one loss does to the embedding, over the seeds.

    Attributes:
        measures, smallest_gap_classes, per_class, verdict: As of a :class:`SpaceResult`.
        series: One value an epoch: the loss and what was watched in its batches.
        evaluations: One value whenever the embedding was evaluated on the test rows.
        active_means: When a term of the loss counts as active, in a sentence; None if the loss does not say.
        settings: The loss's settings.
        seconds: Training time of all seeds.
    """

    series: Series = field(default_factory=dict)
    evaluations: Series = field(default_factory=dict)
    active_means: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None

    def measured(self, key: str) -> Measured:
        """A quantity; of what is watched in batches, without a value over the seeds, the last of the series."""
        found = super().measured(key)
        if found.mean is None and key in WATCHED:
            return Measured(next((v for v in reversed(self.series.get(key, ())) if finite(v) is not None), None))
        return found

    def has(self, key: str) -> bool:
        """Whether a quantity was measured, even if it came to no number."""
        return super().has(key) or key in self.series

    def curve(self, key: str, *, kind: str = "evaluations", at: str = "updates") -> Curve:
        """A quantity over the training, at the epochs or updates where it was measured.

        ``kind`` is ``"series"`` (one number an epoch) or ``"evaluations"``, ``at`` is ``"epoch"`` or ``"updates"``.
        """
        record: Series = self.series if kind == "series" else self.evaluations
        pairs = ((finite(place), finite(value)) for place, value in zip(record.get(at, ()), record.get(key, ())))
        known = [(float(place), float(value)) for place, value in pairs if place is not None and value is not None]
        return Curve(tuple(place for place, _ in known), tuple(value for _, value in known))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON-able values; single numbers are means over the seeds."""
        return {
            **super().to_dict(),
            **{name: self.series[name] for name in ("active_ratio", "gradient_norm") if name in self.series},
            "active_means": self.active_means,
            "settings": self.settings,
            "seconds": self.seconds,
            "over_seeds": {name: measured.to_dict() for name, measured in self.measures.items()},
            "series": self.series,
            "evaluations": self.evaluations,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> ProbeResult:
        """Read :meth:`to_dict` back."""
        return cls(
            _measures(found),
            **_space(found),
            series=_series(found.get("series")),
            evaluations=_series(found.get("evaluations") or found.get("looks")),
            active_means=found.get("active_means"),
            settings=dict(found.get("settings") or {}),
            seconds=found.get("seconds"),
        )


def _series(found: Mapping[str, list[float | None] | None] | None) -> Series:
    """Every series of a document that has values."""
    return {name: values for name, values in (found or {}).items() if values is not None}


def _measures(found: Mapping[str, Any]) -> dict[str, Measured]:
    """Every quantity of a document: over the seeds where it is known so, or else the single number there is."""
    over: Mapping[str, Any] = found.get("over_seeds") or {}
    measures = {name: Measured.from_dict(entry) for name, entry in over.items() if entry is not None}
    for name, value in found.items():
        if name in measures or name in ("seconds", "active_means"):
            continue
        if isinstance(value, Mapping) and "mean" in value:  # its std is over pairs of classes, not over seeds
            measures[name] = Measured(finite(value["mean"]))
            measures[f"{name}_std"] = Measured(finite(value.get("std")))
        elif value is None or finite(value) is not None:
            measures[name] = Measured(value)
    return measures


def _space(found: Mapping[str, Any]) -> dict[str, Any]:
    """What every space's document holds beside quantities."""
    verdict = found.get("verdict")
    return {
        "smallest_gap_classes": tuple(map(str, found.get("smallest_gap_classes") or ())),
        "per_class": {name: ClassVariance.from_dict(one) for name, one in (found.get("per_class") or {}).items()},
        "verdict": None if verdict is None else [RuleHit.from_dict(hit) for hit in verdict],
    }
