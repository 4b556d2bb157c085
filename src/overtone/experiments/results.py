"""The result of a comparison of methods, and what may be asked of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overtone.core import unknown_name
from overtone.core.documents import BESIDE, Document, finite
from overtone.core.results import Record, Result, counted
from overtone.evaluation import find_metric
from overtone.experiments.scores import (
    RANKED_BY,
    AblationEffect,
    MethodResult,
    PairedTest,
    SeedScore,
    paired_interval,
)
from overtone.plots import IntervalRow, Plot, draw_intervals


@dataclass(frozen=True, repr=False)
class Experiment(Document, Result):
    """What the result of any experiment says of its data; not part of the JSON document.

    Attributes:
        notes, warnings: What the reader of the data decided, and what may be wrong with the data, in sentences.
        checksum, versions: Of the data, and package to version.
    """

    notes: tuple[str, ...] = field(default=(), metadata=BESIDE)
    warnings: tuple[str, ...] = field(default=(), metadata=BESIDE)
    checksum: str | None = field(default=None, metadata=BESIDE)
    versions: dict[str, str] = field(default_factory=dict, metadata=BESIDE)


@dataclass(frozen=True, repr=False)
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
        per_class: Method to class to mAP.
        settings: Method to its settings. This and what follows is not part of the JSON document.
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
    per_class: dict[str, dict[str, SeedScore]] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict, metadata=BESIDE)

    def headline(self) -> str:
        """Corpus, seeds and queries, and which method is best."""
        best = "" if self.best is None else f"; best by {self.metric}: {self.best}"
        queries = "" if self.queries is None else f", {counted(self.queries, 'query', 'queries')}"
        what = f"{counted(len(self.methods), 'method')} on {self.corpus}, {counted(len(self.seeds), 'seed')}"
        return f"{what}{queries}{best}"

    def iter_records(self) -> Iterator[Record]:
        """A row per method, control or ablation and metric, then one per method and class; the best method first."""
        own = {name for names in self.controls.values() for name in names}
        for name, result in {**self.ranked(), **self.ablation}.items():
            kind = "ablation" if name in self.ablation else "control" if name in own else "method"
            for metric, score in result.scores.items():
                yield {"method": name, "kind": kind, "metric": metric, "class": None, **score.to_record()}
        for name in self.ranked():
            for label, score in self.per_class.get(name, {}).items():
                yield {"method": name, "kind": "method", "metric": "map", "class": label, **score.to_record()}

    def shown_records(self) -> Iterator[Record]:
        """A row per method with the metric that methods are ranked by."""
        for name, result in {**self.ranked(), **self.ablation}.items():
            score = result.scores.get(self.metric, SeedScore({}, None))
            yield {"method": name, "metric": self.metric, **score.to_record(), "seconds": result.seconds}

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

    def plot(self, metric: str | None = None) -> Plot:
        """Every method with its 95 % interval over the queries, and a small dot per seed for the ranking metric.

        Args:
            metric: Key of a metric; by default the one that methods are ranked by.

        Raises:
            InputError: No method has this metric.
        """
        key = metric or self.metric
        known = list(dict.fromkeys(name for result in self.methods.values() for name in result.scores))
        if key not in known:
            raise unknown_name("metric of the comparison", key, known)
        rows = []
        for name, result in {**self.ranked(), **self.ablation}.items():
            score = result.scores.get(key)
            if score is not None and (mean := finite(score.mean)) is not None:
                dots = tuple(map(float, result.seeds)) if key == self.metric else ()
                rows.append(IntervalRow(name, mean, score.ci95, dots))
        found = find_metric(key)
        chance = finite(self.chance) if key == "map" else None
        return draw_intervals(
            rows,
            axis=f"{key if found is None else found.title}, mean of both directions",
            title=f"{self.corpus}, mean over {counted(len(self.seeds), 'seed')}",
            reference=None if chance is None else ("chance", chance),
        )

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], **more: object) -> Comparison:
        """Read :meth:`to_dict` back; a document that does not name its metric is ranked by the first it has."""
        known = [name for name in RANKED_BY if any(name in entry for entry in (found.get("methods") or {}).values())]
        metric = found.get("metric") or (known or ["map"])[0]
        tests = [{"metric": metric, **test} for test in found.get("paired_tests") or ()]
        return super().from_dict({**found, "metric": metric, "paired_tests": tests}, **more)
