"""The result of an evaluation, and how per-query numbers become it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import Floats
from overtone.evaluation.metrics import Metric
from overtone.evaluation.retrieval import Found, Search, run_search
from overtone.evaluation.significance import mean_interval


@dataclass(frozen=True)
class Score:
    """One metric in every direction.

    Attributes:
        directions: Direction (``a2v``, ``v2a``, or ``within``) to the value over all its queries; NaN where no query
            counts.
        ci95: 95 % bootstrap interval of the mean over queries; None where none was computed.
    """

    directions: dict[str, float]
    ci95: tuple[float, float] | None = None

    @property
    def mean(self) -> float:
        """Mean over the directions."""
        return float(np.mean(list(self.directions.values())))

    def to_dict(self) -> dict[str, Any]:
        """Directions, ``mean`` and, if known, ``ci95``, as JSON values."""
        interval = {} if self.ci95 is None else {"ci95": list(self.ci95)}
        return {**self.directions, "mean": self.mean, **interval}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Score:
        """The score whose :meth:`to_dict` this is."""
        interval = values.get("ci95")
        return cls(_directions(values, "mean", "ci95"), None if interval is None else (interval[0], interval[1]))


@dataclass(frozen=True)
class ClassScore:
    """The mAP of the queries of one class.

    Attributes:
        directions: Direction to the mean over the class's queries that have a relevant item; NaN where there is none.
        queries: Number of queries of the class.
    """

    directions: dict[str, float]
    queries: int

    @property
    def mean(self) -> float:
        """Mean over the directions."""
        return float(np.mean(list(self.directions.values())))

    def to_dict(self) -> dict[str, Any]:
        """Directions, ``mean`` and ``queries``, as JSON values."""
        return {**self.directions, "mean": self.mean, "queries": self.queries}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClassScore:
        """The score whose :meth:`to_dict` this is."""
        return cls(_directions(values, "mean", "queries"), values["queries"])


@dataclass(frozen=True)
class Evaluation:
    """The result of :func:`~overtone.evaluation.evaluate`.

    ``evaluation["map"].mean`` is a metric's mean over the directions, ``"map" in evaluation`` says whether it is there.

    Attributes:
        modalities: Names of the modalities.
        queries: Number of queries in each direction.
        gallery: Number of items that each query can find.
        scores: Metric key (``"recall@5"``) to its score.
        skipped_queries: Direction to the number of queries without a relevant item, which count in no mean.
        per_class: Class name to its mAP; empty without labels.
        per_query: Metric key to direction to (N,) float64, NaN for queries that were left out. Not stored as JSON.
        confusion: Direction to (C, C): how often the nearest item of a query of class i (row) is of class j (column);
            empty unless asked for. Not stored as JSON.
        class_names: Name of each class.
    """

    modalities: tuple[str, ...]
    queries: int
    gallery: int
    scores: dict[str, Score]
    skipped_queries: dict[str, int] = field(default_factory=dict)
    per_class: dict[str, ClassScore] = field(default_factory=dict)
    per_query: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    confusion: dict[str, Tensor] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Score:
        """The score of a metric."""
        return self.scores[key]

    def __contains__(self, key: object) -> bool:
        """Whether a metric was computed."""
        return key in self.scores

    def get(self, key: str) -> Score | None:
        """The score of a metric, None if it was not computed."""
        return self.scores.get(key)

    @property
    def average_precision(self) -> dict[str, Tensor]:
        """Direction to (N,) average precision of each query, NaN where nothing is relevant; empty without targets."""
        return self.per_query.get("map", {})

    def with_metric(self, key: str, other: Evaluation, name: str) -> Evaluation:
        """The same with the metric ``name`` of another evaluation of the same queries, under ``key``."""
        return replace(
            self,
            scores={**self.scores, key: other.scores[name]},
            per_query={**self.per_query, key: other.per_query[name]},
        )

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON values."""
        classes = {name: score.to_dict() for name, score in self.per_class.items()}
        return {
            "modalities": list(self.modalities),
            "queries": self.queries,
            "gallery": self.gallery,
            "skipped_queries": dict(self.skipped_queries),
            **{key: score.to_dict() for key, score in self.scores.items()},
            **({"per_class": classes} if classes else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """The evaluation whose :meth:`to_dict` this is; what is not stored as JSON is empty.

        Raises:
            InputError: The mapping is no evaluation.
        """
        classes: Mapping[str, Any] = values.get("per_class", {})
        try:
            return cls(
                modalities=tuple(values["modalities"]),
                queries=values["queries"],
                gallery=values["gallery"],
                scores={
                    key: Score.from_dict(value)
                    for key, value in values.items()
                    if isinstance(value, Mapping) and "mean" in value
                },
                skipped_queries=dict(values["skipped_queries"]),
                per_class={name: ClassScore.from_dict(value) for name, value in classes.items()},
                class_names=tuple(classes),
            )
        except (KeyError, TypeError) as error:
            raise InputError("not a stored evaluation", got=f"{type(error).__name__}: {error}") from None


@dataclass(frozen=True)
class Wanted:
    """What is to be computed, and with what means.

    Attributes:
        metrics: The metrics.
        cutoffs: The cutoffs k of those that have one.
        memory_mb: Megabytes that the blocks of similarities may take.
        bootstrap: Number of draws of the interval of ``map``, 0 for none.
        seed: Seed of the draws.
        confusion: Whether to count the classes of nearest items.
    """

    metrics: Sequence[Metric]
    cutoffs: tuple[int, ...]
    memory_mb: int
    bootstrap: int
    seed: int
    confusion: bool


def assess(
    searches: Mapping[str, Search], wanted: Wanted, names: tuple[str, ...], class_names: tuple[str, ...]
) -> Evaluation:
    """Run the searches of all directions over the same clips and sum up.

    Args:
        searches: Direction to search.
        wanted: What is to be computed.
        names: Of the modalities.
        class_names: Name of each class, empty without targets.
    """
    found = {direction: _run(search, wanted) for direction, search in searches.items()}
    values = {
        key: {direction: result.values[key] for direction, result in found.items()}
        for metric in wanted.metrics
        for key in metric.columns(wanted.cutoffs)
    }
    scores = {
        key: Score({way: _summarise(metric, column) for way, column in values[key].items()})
        for metric in wanted.metrics
        for key in metric.columns(wanted.cutoffs)
    }
    skipped, per_class = dict.fromkeys(searches, 0), {}
    first = next(iter(searches.values()))
    if "map" in values:
        precision = values["map"]
        skipped = {way: int(np.isnan(column).sum()) for way, column in precision.items()}
        if wanted.bootstrap:
            interval = mean_interval(precision, resamples=wanted.bootstrap, seed=wanted.seed)
            scores["map"] = replace(scores["map"], ci95=interval)
        if first.query_targets is not None:
            per_class = _per_class(precision, first.query_targets, class_names)
    return Evaluation(
        modalities=names,
        queries=len(first.queries),
        gallery=first.candidates,
        scores=scores,
        skipped_queries=skipped,
        per_class=per_class,
        per_query={key: {way: torch.from_numpy(c) for way, c in ways.items()} for key, ways in values.items()},
        confusion={way: torch.from_numpy(r.nearest) for way, r in found.items() if r.nearest is not None},
        class_names=class_names,
    )


def _run(search: Search, wanted: Wanted) -> Found:
    labelled: dict[str, Callable[..., Floats]] = {}
    instances: dict[str, Callable[..., Floats]] = {}
    for metric in wanted.metrics:
        (labelled if metric.level == "label" else instances).update(metric.columns(wanted.cutoffs))
    graded = any(metric.graded for metric in wanted.metrics)
    found = run_search(search, labelled, memory_mb=wanted.memory_mb, confusion=wanted.confusion, graded=graded)
    if found.counterparts is not None:
        found.values.update({key: function(found.counterparts) for key, function in instances.items()})
    return found


def _summarise(metric: Metric, values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(metric.summary(values)) if len(values) else math.nan


def _per_class(precision: Mapping[str, Floats], targets: Tensor, class_names: tuple[str, ...]) -> dict[str, ClassScore]:
    members = (targets > 0).double().numpy()
    table = {}
    for way, values in precision.items():
        known = ~np.isnan(values)
        queries = members[known].sum(axis=0)
        table[way] = members[known].T @ values[known] / np.where(queries > 0, queries, np.nan)
    return {
        name: ClassScore({way: float(means[c]) for way, means in table.items()}, int(members[:, c].sum()))
        for c, name in enumerate(class_names)
    }


def _directions(values: Mapping[str, Any], *others: str) -> dict[str, float]:
    """The directions of a stored score; what was NaN is null in JSON."""
    return {way: math.nan if value is None else value for way, value in values.items() if way not in others}
