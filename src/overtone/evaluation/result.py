"""What an evaluation gives back, and how per-query numbers become a summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import Metric
from overtone.evaluation.retrieval import Found, Search, run_search
from overtone.evaluation.significance import mean_interval


@dataclass(frozen=True)
class Evaluation:
    """The result of :func:`~overtone.evaluation.evaluate`.

    Attributes:
        summary: What :meth:`to_dict` returns.
        per_query: Metric key to direction to (N,) float64, NaN for queries that were left out.
        confusion: Direction to (C, C): how often the nearest item of a query of class i (row) is of class j (column);
            empty unless asked for.
        class_names: Name of each class.
    """

    summary: dict[str, Any]
    per_query: dict[str, dict[str, Tensor]]
    confusion: dict[str, Tensor]
    class_names: tuple[str, ...] = ()

    @property
    def average_precision(self) -> dict[str, Tensor]:
        """Direction to (N,) average precision of each query, NaN where nothing is relevant; empty without targets."""
        return self.per_query.get("map", {})

    def with_metric(self, key: str, other: Evaluation, name: str) -> Evaluation:
        """The same with a metric of another evaluation of the same queries.

        Args:
            key: What it is to be called.
            other: Where it is from.
            name: What it is called there.
        """
        summary = {**self.summary, key: other.summary[name]}
        return replace(self, summary=summary, per_query={**self.per_query, key: other.per_query[name]})

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON-able values."""
        return self.summary


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
    searches: Mapping[str, Search], wanted: Wanted, facts: Mapping[str, Any], class_names: tuple[str, ...]
) -> Evaluation:
    """Run the searches of all directions over the same clips and sum up.

    Args:
        searches: Direction to search.
        wanted: What is to be computed.
        facts: What the summary opens with.
        class_names: Name of each class, empty without targets.
    """
    found = {direction: _run(search, wanted) for direction, search in searches.items()}
    values = {
        key: {direction: result.values[key] for direction, result in found.items()}
        for metric in wanted.metrics
        for key in metric.columns(wanted.cutoffs)
    }
    summary = {**facts, "skipped_queries": dict.fromkeys(searches, 0)}
    for metric in wanted.metrics:
        for key in metric.columns(wanted.cutoffs):
            summary[key] = _with_mean({way: _summarise(metric, column) for way, column in values[key].items()})
    if "map" in values:
        precision = values["map"]
        summary["skipped_queries"] = {way: int(np.isnan(column).sum()) for way, column in precision.items()}
        if wanted.bootstrap:
            summary["map"]["ci95"] = list(mean_interval(precision, resamples=wanted.bootstrap, seed=wanted.seed))
        targets = next(iter(searches.values())).query_targets
        if targets is not None:
            summary["per_class"] = _per_class(precision, targets, class_names)
    return Evaluation(
        summary,
        {key: {way: torch.from_numpy(column) for way, column in ways.items()} for key, ways in values.items()},
        {way: torch.from_numpy(result.nearest) for way, result in found.items() if result.nearest is not None},
        class_names,
    )


def _run(search: Search, wanted: Wanted) -> Found:
    labelled: dict[str, Callable[..., Floats]] = {}
    instances: dict[str, Callable[..., Floats]] = {}
    for metric in wanted.metrics:
        (labelled if metric.level == "label" else instances).update(metric.columns(wanted.cutoffs))
    graded = any(metric.graded for metric in wanted.metrics)
    found = run_search(search, labelled, memory_mb=wanted.memory_mb, confusion=wanted.confusion, graded=graded)
    if found.partners is not None:
        found.values.update({key: function(found.partners) for key, function in instances.items()})
    return found


def _summarise(metric: Metric, values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(metric.summary(values)) if len(values) else float("nan")


def _with_mean(directions: dict[str, float]) -> dict[str, Any]:
    return {**directions, "mean": float(np.mean(list(directions.values())))}


def _per_class(precision: Mapping[str, Floats], targets: Tensor, class_names: tuple[str, ...]) -> dict[str, Any]:
    members = (targets > 0).double().numpy()
    table = {}
    for way, values in precision.items():
        known = ~np.isnan(values)
        queries = members[known].sum(axis=0)
        table[way] = members[known].T @ values[known] / np.where(queries > 0, queries, np.nan)
    return {
        name: {
            **_with_mean({way: float(means[c]) for way, means in table.items()}),
            "queries": int(members[:, c].sum()),
        }
        for c, name in enumerate(class_names)
    }
