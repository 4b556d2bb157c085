"""What a diagnosis report speaks about: the dictionary of a diagnosis, asked in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle
from pathlib import PurePath
from typing import Any

import numpy as np

from overtone.report.contest import seed_interval
from overtone.report.palette import QUIET, Style, loss_styles
from overtone.report.quantities import GRADIENT, quantity
from overtone.report.words import known_interval, listed

RANKED_BY = ("map", "recall@1")
"""What losses are ranked by: the first of these that they have."""
FROZEN = "frozen features"
"""What the features as they came are called beside the losses."""
REFERENCES = (Style(QUIET, "2px 3px", "circle-open"), Style(QUIET, "7px 3px", "square-open"))
"""How they are drawn: as one, or the first and the second view."""


@dataclass(frozen=True)
class Measured:
    """One quantity of one loss.

    Attributes:
        mean: Over the seeds; None where it was not measured.
        std: Over the seeds.
        ci95: 95 % interval of the mean.
        values: One number per seed; empty if a seed has none.
    """

    mean: float | None = None
    std: float | None = None
    ci95: tuple[float, float] | None = None
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Course:
    """A quantity over the training: places on the horizontal axis, and values, as many."""

    at: tuple[float, ...]
    values: tuple[float, ...]

    def thinned(self, most: int) -> Course:
        """The same in at most ``most`` points, each the mean of its neighbours, standing where the last of them stood.

        Example:
            >>> Course((1.0, 2.0, 3.0, 4.0), (0.0, 2.0, 4.0, 8.0)).thinned(2)
            Course(at=(2.0, 4.0), values=(1.0, 6.0))
        """
        if len(self.at) <= most:
            return self
        parts = zip(np.array_split(self.at, most), np.array_split(self.values, most))
        at, values = zip(*((float(places[-1]), float(values.mean())) for places, values in parts))
        return Course(at, values)


@dataclass(frozen=True)
class Diagnosed:
    """A diagnosis of losses.

    Attributes:
        diagnosis: What ``overtone diagnose --json`` prints.
        details: What is known beside it: ``embeddings`` (name to rows), ``labels``, ``class_names``, ``notes``,
            ``warnings``, and anything else for the last section.
    """

    diagnosis: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def losses(self) -> dict[str, Mapping[str, Any]]:
        """Losses with their numbers, the best mean mAP first; equal ones by name."""
        entries: Mapping[str, Mapping[str, Any]] = self.diagnosis.get("losses") or {}
        ranked = sorted(entries, key=lambda name: (-_or_nothing(measured(entries[name], self.metric).mean), name))
        return {name: entries[name] for name in ranked}

    @cached_property
    def entries(self) -> dict[str, Mapping[str, Any]]:
        """The losses, and behind them the frozen features if they were looked at."""
        return {**self.losses, **self.references}

    @cached_property
    def references(self) -> dict[str, Mapping[str, Any]]:
        """The frozen features: as one, or, where each view has a space of its own, view by view."""
        if views := self.features.get("views"):
            return {f"{FROZEN}, {name}": entry for name, entry in views.items()}
        return {FROZEN: self.features} if self.features else {}

    @property
    def subject(self) -> str:
        """What questions speak of: ``"each loss"``, or the name of the only one."""
        names = list(self.losses)
        return names[0] if len(names) == 1 else "each loss"

    @cached_property
    def metric(self) -> str:
        """What losses are ranked by: mAP, or the recall if there is no mAP."""
        entries = (self.diagnosis.get("losses") or {}).values()
        return next((key for key in RANKED_BY if any(measured(one, key).mean is not None for one in entries)), "map")

    @cached_property
    def styles(self) -> dict[str, Style]:
        """How each loss is drawn, and the frozen features beside them."""
        return {**loss_styles(sorted(self.losses)), **dict(zip(self.references, cycle(REFERENCES)))}

    @property
    def features(self) -> Mapping[str, Any]:
        """The numbers of the features as they came; empty if they were not looked at."""
        return self.diagnosis.get("features") or {}

    @property
    def seeds(self) -> list[int]:
        """The seeds every loss was trained with."""
        return list(self.diagnosis.get("seeds") or [])

    @property
    def corpus(self) -> str:
        """What was trained on, without the folder it lies in."""
        source = str(self.diagnosis.get("corpus") or "a corpus")
        return PurePath(source).name or source

    @property
    def modalities(self) -> list[str]:
        """Names of the one or two modalities."""
        return [str(name) for name in self.diagnosis.get("modalities") or []]

    @property
    def retrieval(self) -> str:
        """Who asks whom: ``"within image"`` or ``"from audio to visual and back"``."""
        if self.diagnosis.get("protocol") == "across" and len(self.modalities) == 2:
            return f"from {self.modalities[0]} to {self.modalities[1]} and back"
        return f"within {listed(self.modalities)}" if self.modalities else "within one modality"

    def count(self, what: str, split: str) -> int | None:
        """How many ``"rows"`` or ``"classes"`` a split has."""
        value = (self.diagnosis.get(what) or {}).get(split)
        return value if isinstance(value, int) else None

    def measured(self, loss: str, key: str) -> Measured:
        """A quantity of a loss, or of the frozen features."""
        return measured(self.entries.get(loss, {}), key)

    def ordered(self, key: str) -> list[tuple[float, str]]:
        """A quantity with its loss, the smallest first, without losses that have none."""
        means = [(self.measured(loss, key).mean, loss) for loss in self.losses]
        return sorted((mean, loss) for mean, loss in means if mean is not None)

    def has(self, key: str) -> bool:
        """Whether a quantity was looked at for any loss, or for the frozen features, even if it came to no number."""
        return any(key in entry or key in (entry.get("over_seeds") or {}) for entry in self.entries.values())

    def course(self, loss: str, kind: str, at: str, key: str) -> Course:
        """A quantity of a loss over its training, without the places where it was not measured.

        Args:
            loss: The loss.
            kind: ``"series"`` (one number an epoch) or ``"looks"`` (a number whenever the test rows were looked at).
            at: The entry that holds the places, ``"epoch"`` or ``"updates"``.
            key: The entry that holds the values.
        """
        record = self.losses[loss].get(kind) or {}
        pairs = [
            (float(place), float(value))
            for place, value in zip(record.get(at) or (), record.get(key) or ())
            if is_number(place) and is_number(value)
        ]
        return Course(tuple(place for place, _ in pairs), tuple(value for _, value in pairs))

    def difference(self, first: str, second: str, key: str) -> tuple[float, float] | None:
        """95 % interval of how much the first loss is above the second: the paired test's, else that over the seeds."""
        for test in self.diagnosis.get("paired_tests") or []:
            if test.get("quantity") == key and known_interval(test.get("ci95")):
                low, high = test["ci95"]
                if (test.get("a"), test.get("b")) == (first, second):
                    return low, high
                if (test.get("a"), test.get("b")) == (second, first):
                    return -high, -low
        return seed_interval(self.measured(first, key).values, self.measured(second, key).values)

    def champion(self, key: str) -> str | None:
        """The loss that is best by a quantity, if the intervals of its lead over all others leave out zero."""
        best, names = quantity(key).best, [name for name in self.losses if self.measured(name, key).mean is not None]
        if best is None or len(names) < 2:
            return None
        sign = 1 if best == "high" else -1
        leader = max(names, key=lambda name: sign * _or_nothing(self.measured(name, key).mean))
        leads = [self.difference(leader, other, key) for other in names if other != leader]
        return leader if all(lead is not None and min(sign * end for end in lead) > 0 for lead in leads) else None


def measured(entry: Mapping[str, Any], key: str) -> Measured:
    """A quantity as it stands in an entry: over the seeds, or one number, or the last of a series.

    Args:
        entry: What a diagnosis says of a loss.
        key: The quantity.

    Example:
        >>> measured({"centroid_distance": {"mean": 1.4, "std": 0.1}}, "centroid_distance").mean
        1.4
        >>> measured({"active_ratio": [0.9, None, 0.2]}, "active_ratio").mean
        0.2
    """
    over = (entry.get("over_seeds") or {}).get(key)
    if isinstance(over, Mapping) and is_number(over.get("mean")):
        interval = tuple(over["ci95"]) if known_interval(over.get("ci95")) else None
        values = tuple(over.get("values") or ())
        # Where a seed has no number the others cannot be laid beside those of another loss any more.
        whole = tuple(map(float, values)) if all(map(is_number, values)) else ()
        return Measured(_finite(over.get("mean")), _finite(over.get("std")), interval, whole)
    value = entry.get(key)
    if value is None and key in GRADIENT:  # what is not measured at every step may be unknown for the last epoch
        value = (entry.get("series") or {}).get(key)
    if isinstance(value, Mapping):
        return Measured(_finite(value.get("mean")))  # its std is over pairs of classes, not over seeds
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Measured(next((float(one) for one in reversed(value) if is_number(one)), None))
    return Measured(_finite(value))


def is_number(value: Any) -> bool:
    """Whether something is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _finite(value: Any) -> Any:
    return value if is_number(value) else None


def _or_nothing(value: float | None) -> float:
    return -math.inf if value is None else value
