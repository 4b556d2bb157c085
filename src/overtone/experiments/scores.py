"""What a comparison says of one method over the seeds, and of two methods on the same queries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from torch import Tensor

from overtone.core.documents import BESIDE, Document, Interval, finite, interval_of
from overtone.core.results import Record
from overtone.evaluation import student_interval

RANKED_BY = ("map", "instance_recall@10", "instance_recall@1", "recall@1")
"""What methods are ranked and tested by, the first that they have: mAP, or without labels the true counterpart."""
DIRECTIONS = ("a2v", "v2a")


@dataclass(frozen=True)
class SeedScore:
    """A metric of a method over the seeds.

    Attributes:
        directions: Direction (``"a2v"``, ``"v2a"``) to the mean over the seeds.
        mean: Mean over the seeds of the mean of both directions; None where it is unknown.
        ci95: Bootstrap interval, over the queries, of the seeds' mean; None for metrics without one.
        std: Standard deviation of the mean over the seeds; None of a single seed.
    """

    directions: dict[str, float | None]
    mean: float | None
    ci95: Interval | None = None
    std: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The directions beside the other numbers, as plain JSON-able values."""
        interval = {} if self.ci95 is None else {"ci95": list(self.ci95)}
        return {**self.directions, "mean": self.mean, "std": self.std, **interval}

    def to_record(self) -> Record:
        """All numbers under names of their own, as a row of a table."""
        low, high = self.ci95 or (None, None)
        ways = {way: self.directions.get(way) for way in DIRECTIONS}
        return {"mean": self.mean, "std": self.std, "ci95_low": low, "ci95_high": high, **ways}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> SeedScore:
        """Read :meth:`to_dict` back."""
        directions = {way: found[way] for way in DIRECTIONS if way in found}
        return cls(directions, found.get("mean"), interval_of(found.get("ci95")), found.get("std"))


@dataclass(frozen=True)
class MethodResult(Document):
    """What one method, control or ablation reached.

    Attributes:
        scores: Metric to its score.
        seeds: The ranking metric's mean of both directions, one number per seed.
        seconds: Training time of all seeds.
        variants: Other embeddings of the same trainings: name to metric to score.
        per_query: Metric to direction to (n,) every query's mean over the seeds; not part of the JSON document.
    """

    scores: dict[str, SeedScore]
    seeds: tuple[float, ...] = ()
    seconds: float | None = None
    variants: dict[str, dict[str, SeedScore]] = field(default_factory=dict)
    per_query: dict[str, dict[str, Tensor]] = field(default_factory=dict, repr=False, compare=False, metadata=BESIDE)

    def value(self, metric: str) -> float:
        """The mean of a metric, by which methods are ranked; −inf where it is unknown."""
        mean = finite(self.scores[metric].mean) if metric in self.scores else None
        return -math.inf if mean is None else mean

    def to_dict(self) -> dict[str, Any]:
        """The scores beside the other fields, as plain JSON-able values."""
        found = super().to_dict()
        return {**found.pop("scores"), **found}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], **more: object) -> MethodResult:
        """Read :meth:`to_dict` back: every entry that is a mapping is a score, but the variants."""
        scores = {name: one for name, one in found.items() if isinstance(one, Mapping) and name != "variants"}
        seeds = [value for value in found.get("seeds") or () if value is not None]
        return super().from_dict({**found, "scores": scores, "seeds": seeds}, **more)


@dataclass(frozen=True)
class PairedTest(Document):
    """Two methods on the same queries, by the means over the seeds.

    Attributes:
        a, b: Methods, controls or ablations.
        metric: What they are compared by.
        difference: Mean over the queries of a − b.
        ci95: Its bootstrap interval over the queries.
        p_value: Two-sided.
        queries: Number of clips compared.
        seeds_ahead: Seeds with which ``a`` is better.
        p_holm: The p-value adjusted for all pairs of methods by Holm's procedure; None where a method is tested against
            its own control or ablation, one question at a time.
    """

    a: str
    b: str
    metric: str = "map"
    difference: float | None = None
    ci95: Interval | None = None
    p_value: float | None = None
    queries: int | None = None
    seeds_ahead: int | None = None
    p_holm: float | None = None

    def turned(self) -> PairedTest:
        """The same test as b − a; with how many seeds b is better is not known, as seeds may tie."""
        ci95 = None if self.ci95 is None else (-self.ci95[1], -self.ci95[0])
        difference = None if self.difference is None else -self.difference
        return replace(self, a=self.b, b=self.a, difference=difference, ci95=ci95, seeds_ahead=None)


@dataclass(frozen=True)
class AblationEffect:
    """What a method with one term off differs in from the whole method.

    Attributes:
        method: The whole method.
        name: What to call the variant: the term alone where only one method was ablated.
        difference: Variant − whole, of the ranking metric.
        ci95: Its 95 % interval; None where it is unknown.
        basis: What the interval is over: the paired test's queries, or else the seeds; None without one.
    """

    method: str
    name: str
    difference: float
    ci95: Interval | None = None
    basis: Literal["queries", "seeds"] | None = None


def paired_interval(first: Sequence[float | None], second: Sequence[float | None]) -> Interval | None:
    """Student's 95 % interval of the mean of first − second, one number per seed; None for fewer than two whole pairs.

    Example:
        >>> low, high = paired_interval([0.5, 0.6, 0.7], [0.6, 0.8, 0.8])
        >>> round(low, 3), round(high, 3)
        (-0.277, 0.01)
    """
    pairs = [(a, b) for a, b in zip(first, second) if a is not None and b is not None and math.isfinite(a - b)]
    if not 2 <= len(pairs) == len(first) == len(second):
        return None
    return student_interval([a - b for a, b in pairs])
