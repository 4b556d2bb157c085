"""The results of a comparison of methods, and what may be asked of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from overtone.core.documents import BESIDE, Document, Interval, finite, interval_of
from overtone.evaluation import student_interval

RANKED_BY = ("map", "instance_recall@10", "instance_recall@1", "recall@1")
"""What methods are ranked and tested by, the first that they have: mAP, or without labels the true counterpart."""
DIRECTIONS = ("a2v", "v2a")


@dataclass(frozen=True)
class Experiment(Document):
    """What the result of any experiment says of its data; not part of the JSON document.

    Attributes:
        notes, warnings: What the reader of the data decided, and what may be wrong with the data, in sentences.
        checksum, versions: Of the data, and package to version.
    """

    notes: tuple[str, ...] = field(default=(), metadata=BESIDE)
    warnings: tuple[str, ...] = field(default=(), metadata=BESIDE)
    checksum: str | None = field(default=None, metadata=BESIDE)
    versions: dict[str, str] = field(default_factory=dict, metadata=BESIDE)


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


@dataclass(frozen=True)
class Comparison(Experiment):
    """Methods side by side: trained with the same seeds, evaluated on the same test split.

    Attributes:
        corpus: Where the data came from.
        modalities: Names of the two modalities.
        seeds: Every method was trained with each of them.
        queries: Test queries in each direction.
        metric: What methods are ranked and tested by.
        chance_map: mAP of a random order, per direction and as ``mean``; None without labels.
        methods: Methods and their controls, in the order they were asked for.
        controls: Method to the names of its controls among ``methods``.
        paired_tests: Every two methods, the better one first and the best two before all; then each method against
            its controls and ablations.
        ablation: ``method/no-term`` to the method with that term off.
        seconds: Time the whole comparison took, with the runs that an earlier, interrupted call made.
        report: The report's file, once there is one.
        per_class: Method to class to average precision. This and what follows is not part of the JSON document.
        settings: Method to its settings.
        notes, warnings, checksum, versions: As of every :class:`Experiment`.
    """

    corpus: str = ""
    modalities: tuple[str, str] = ("a", "v")
    seeds: tuple[int, ...] = ()
    queries: int | None = None
    metric: str = "map"
    chance_map: dict[str, float | None] | None = None
    methods: dict[str, MethodResult] = field(default_factory=dict)
    controls: dict[str, list[str]] = field(default_factory=dict)
    paired_tests: list[PairedTest] = field(default_factory=list)
    ablation: dict[str, MethodResult] = field(default_factory=dict)
    seconds: float | None = None
    report: Path | None = None
    per_class: dict[str, dict[str, SeedScore]] = field(default_factory=dict, metadata=BESIDE)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict, metadata=BESIDE)

    @property
    def chance(self) -> float | None:
        """mAP of a random order."""
        return (self.chance_map or {}).get("mean")

    @property
    def best(self) -> str | None:
        """The method with the best mean; None without methods."""
        return next(iter(self.ranked()), None)

    def ranked(self) -> dict[str, MethodResult]:
        """Methods, the best mean of the ranking metric first; equal ones by name."""
        return dict(sorted(self.methods.items(), key=lambda item: (-self.value(item[0]), item[0])))

    def score(self, name: str, metric: str | None = None) -> SeedScore | None:
        """The score of a method, control or ablation, by the ranking metric if none is named."""
        result = self.methods.get(name) or self.ablation.get(name)
        return None if result is None else result.scores.get(metric or self.metric)

    def value(self, name: str) -> float:
        """The mean that a method, control or ablation is ranked by; −inf where it is unknown."""
        result = self.methods.get(name) or self.ablation.get(name)
        return -math.inf if result is None else result.value(self.metric)

    def test(self, first: str, second: str, metric: str | None = None) -> PairedTest | None:
        """The paired test of two names, turned so that its difference is first − second; None if there is none."""
        for test in self.paired_tests:
            if test.metric == (metric or self.metric) and {test.a, test.b} == {first, second}:
                return test if test.a == first else test.turned()
        return None

    def ablated(self, variant: str) -> AblationEffect:
        """What a method loses with a term off, by the variant's name in ``ablation``.

        The interval is the paired test's over the queries, or without such a test Student's over the seeds.
        """
        method, _, term = variant.partition("/")
        alone = len({name.partition("/")[0] for name in self.ablation}) == 1
        name = term if alone and term else variant
        test = self.test(variant, method)
        if test is not None and test.ci95 is not None and test.difference is not None:
            return AblationEffect(method, name, test.difference, test.ci95, "queries")
        difference = self.value(variant) - self.value(method)
        whole = self.methods.get(method, MethodResult({}))
        interval = paired_interval(self.ablation[variant].seeds, whole.seeds)
        return AblationEffect(method, name, difference, interval, "seeds" if interval else None)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], **more: object) -> Comparison:
        """Read :meth:`to_dict` back; a document that does not name its metric is ranked by the first it has."""
        known = [name for name in RANKED_BY if any(name in entry for entry in (found.get("methods") or {}).values())]
        metric = found.get("metric") or (known or ["map"])[0]
        tests = [{"metric": metric, **test} for test in found.get("paired_tests") or ()]
        return super().from_dict({**found, "metric": metric, "paired_tests": tests}, **more)


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
