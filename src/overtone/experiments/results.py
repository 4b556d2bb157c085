"""The results of a comparison of methods, and what may be asked of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from overtone.evaluation import student_interval

RANKED_BY = ("map", "instance_recall@10", "instance_recall@1", "recall@1")
"""What methods are ranked and tested by, the first that they have: mAP, or without labels the true counterpart."""
DIRECTIONS = ("a2v", "v2a")

Interval = tuple[float, float]


@dataclass(frozen=True)
class SeedScore:
    """A metric of a method over the seeds.

    Attributes:
        directions: Direction (``"a2v"``, ``"v2a"``) to the mean over the seeds.
        mean: Mean over the seeds of the mean of both directions; None where it is unknown.
        std: Standard deviation of the latter over the seeds; None of a single seed.
        ci95: Bootstrap interval, over the queries, of the seeds' mean; None for metrics without one.
    """

    directions: dict[str, float | None]
    mean: float | None
    std: float | None = None
    ci95: Interval | None = None

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON-able values."""
        interval = {} if self.ci95 is None else {"ci95": list(self.ci95)}
        return {**self.directions, "mean": self.mean, "std": self.std, **interval}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> SeedScore:
        """Read :meth:`to_dict` back."""
        directions = {way: found[way] for way in DIRECTIONS if way in found}
        return cls(directions, found.get("mean"), found.get("std"), interval_from(found.get("ci95")))


@dataclass(frozen=True)
class MethodResult:
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
    per_query: dict[str, dict[str, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    def value(self, metric: str) -> float:
        """The mean of a metric, by which methods are ranked; −inf where it is unknown."""
        mean = finite(self.scores[metric].mean) if metric in self.scores else None
        return -math.inf if mean is None else mean

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON-able values."""
        return {
            **_plain(self.scores),
            "seeds": list(self.seeds),
            "seconds": self.seconds,
            "variants": {name: _plain(scores) for name, scores in self.variants.items()},
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> MethodResult:
        """Read :meth:`to_dict` back."""
        seeds = tuple(value for value in found.get("seeds") or () if value is not None)
        variants = {name: _scores(scores) for name, scores in (found.get("variants") or {}).items()}
        return cls(_scores(found), seeds, found.get("seconds"), variants)


@dataclass(frozen=True)
class PairedTest:
    """Two methods on the same queries, by the means over the seeds.

    Attributes:
        a: A method, control or ablation.
        b: Another.
        metric: What they are compared by.
        difference: Mean over the queries of a − b.
        ci95: Its bootstrap interval over the queries.
        p_value: Two-sided.
        queries: Number of clips compared.
        seeds_ahead: Seeds with which ``a`` is better.
    """

    a: str
    b: str
    metric: str
    difference: float | None
    ci95: Interval | None = None
    p_value: float | None = None
    queries: int | None = None
    seeds_ahead: int | None = None

    def turned(self) -> PairedTest:
        """The same test as b − a; with how many seeds b is better is not known, as seeds may tie."""
        ci95 = None if self.ci95 is None else (-self.ci95[1], -self.ci95[0])
        difference = None if self.difference is None else -self.difference
        return replace(self, a=self.b, b=self.a, difference=difference, ci95=ci95, seeds_ahead=None)

    def to_dict(self) -> dict[str, Any]:
        """The test as plain JSON-able values."""
        return {**vars(self), "ci95": None if self.ci95 is None else list(self.ci95)}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], metric: str = "map") -> PairedTest:
        """Read :meth:`to_dict` back; ``metric`` is for documents that do not name it."""
        rest = {name: found.get(name) for name in ("difference", "p_value", "queries", "seeds_ahead")}
        return cls(found["a"], found["b"], found.get("metric", metric), ci95=interval_from(found.get("ci95")), **rest)


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
class Comparison:
    """Methods side by side: trained with the same seeds, evaluated on the same test split.

    Attributes:
        corpus: Where the data came from.
        modalities: Names of the two modalities.
        seeds: Every method was trained with each of them.
        queries: Test queries in each direction.
        metric: What methods are ranked and tested by.
        chance_map: mAP of a random order, per direction and as a mean; None without labels.
        methods: Methods and their controls, in the order they were asked for.
        ablation: ``method/no-term`` to the method with that term off.
        controls: Method to the names of its controls among ``methods``.
        paired_tests: Each method against the first one; each control and ablation against its method.
        seconds: Time the whole comparison took, with the runs that an earlier, interrupted call made.
        report: The report's file, once there is one.
        per_class: Method to class to average precision. This and what follows is not part of the JSON document.
        settings: Method to its settings.
        notes: What the reader of the data decided, in sentences.
        warnings: What may be wrong with the data, in sentences.
        checksum: Of the data.
        versions: Package to version.
    """

    corpus: str = ""
    modalities: tuple[str, str] = ("a", "v")
    seeds: tuple[int, ...] = ()
    queries: int | None = None
    metric: str = "map"
    chance_map: dict[str, float | None] | None = None
    methods: dict[str, MethodResult] = field(default_factory=dict)
    ablation: dict[str, MethodResult] = field(default_factory=dict)
    controls: dict[str, list[str]] = field(default_factory=dict)
    paired_tests: list[PairedTest] = field(default_factory=list)
    seconds: float | None = None
    report: Path | None = None
    per_class: dict[str, dict[str, SeedScore]] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    checksum: str | None = None
    versions: dict[str, str] = field(default_factory=dict)

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
        """The score of a method, control or ablation.

        Args:
            name: Which one.
            metric: A metric; None for the ranking one.
        """
        result = self.methods.get(name) or self.ablation.get(name)
        return None if result is None else result.scores.get(metric or self.metric)

    def value(self, name: str) -> float:
        """The mean that a method, control or ablation is ranked by; −inf where it is unknown."""
        result = self.methods.get(name) or self.ablation.get(name)
        return -math.inf if result is None else result.value(self.metric)

    def test(self, first: str, second: str, metric: str | None = None) -> PairedTest | None:
        """The paired test of two methods, turned so that its difference is first − second; None if there is none.

        Args:
            first: A method, control or ablation.
            second: Another.
            metric: A metric; None for the ranking one.
        """
        for test in self.paired_tests:
            if test.metric == (metric or self.metric) and {test.a, test.b} == {first, second}:
                return test if test.a == first else test.turned()
        return None

    def ablated(self, variant: str) -> AblationEffect:
        """What a method loses with a term off.

        The interval is the paired test's over the queries, or without such a test Student's over the seeds.

        Args:
            variant: A name in ``ablation``.
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

    def details(self) -> dict[str, Any]:
        """What is known beside the JSON document."""
        per_class = {
            name: {label: score.to_dict() for label, score in table.items()} for name, table in self.per_class.items()
        }
        rest = {name: getattr(self, name) for name in ("settings", "checksum", "versions", "notes", "warnings")}
        return {"per_class": per_class, **rest}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON-able values."""
        return {
            "corpus": self.corpus,
            "modalities": list(self.modalities),
            "seeds": list(self.seeds),
            "queries": self.queries,
            "metric": self.metric,
            "chance_map": self.chance_map,
            "methods": {name: result.to_dict() for name, result in self.methods.items()},
            "controls": self.controls,
            "paired_tests": [test.to_dict() for test in self.paired_tests],
            "ablation": {name: result.to_dict() for name, result in self.ablation.items()},
            "seconds": self.seconds,
            "report": None if self.report is None else str(self.report),
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], **beside: Any) -> Comparison:
        """Read :meth:`to_dict` back.

        Args:
            found: The JSON document; what it lacks is left at its default.
            **beside: Attributes that are not part of the document, such as ``per_class``.
        """
        methods, ablation = (
            {name: MethodResult.from_dict(entry) for name, entry in (found.get(part) or {}).items()}
            for part in ("methods", "ablation")
        )
        known = (name for name in RANKED_BY if any(name in result.scores for result in methods.values()))
        metric = found.get("metric") or next(known, "map")
        first, second = found.get("modalities") or ("a", "v")
        return cls(
            corpus=found.get("corpus") or "",
            modalities=(first, second),
            seeds=tuple(found.get("seeds") or ()),
            queries=found.get("queries"),
            metric=metric,
            chance_map=found.get("chance_map"),
            methods=methods,
            ablation=ablation,
            controls={name: list(names) for name, names in (found.get("controls") or {}).items()},
            paired_tests=[PairedTest.from_dict(test, metric) for test in found.get("paired_tests") or ()],
            seconds=found.get("seconds"),
            report=None if found.get("report") is None else Path(found["report"]),
            **beside,
        )


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


def finite(value: object) -> float | None:
    """A finite number as it is; None for anything else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return value


def interval_from(ends: Sequence[float | None] | None) -> Interval | None:
    """An interval as JSON has it; None unless both ends are finite numbers."""
    low, high = map(finite, ends if ends is not None and len(ends) == 2 else (None, None))
    return None if low is None or high is None else (low, high)


def _scores(found: Mapping[str, Any]) -> dict[str, SeedScore]:
    """Every entry of a method's document that is a score."""
    return {
        name: SeedScore.from_dict(entry)
        for name, entry in found.items()
        if isinstance(entry, Mapping) and name != "variants"
    }


def _plain(scores: Mapping[str, SeedScore]) -> dict[str, Any]:
    return {name: score.to_dict() for name, score in scores.items()}
