"""What a metric is, and the registry that the decorator of its function puts it into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np
from typing_extensions import Unpack

from overtone.core import InputError, Registry
from overtone.evaluation.arrays import Floats
from overtone.evaluation.ranks import CounterpartRanks, Ranks

F = TypeVar("F", bound=Callable[..., Floats])


@dataclass(frozen=True)
class Metric:
    """A registered metric.

    Attributes:
        name: Its key in an evaluation; ``{k}`` stands for the cutoff, here and in title and explanation.
        function: From ranks, and the cutoff if there is one, to one float64 per query.
        title: What tables call it.
        explanation: What it measures, in one line.
        level: ``"label"``: relevant is what shares a class. ``"instance"``: relevant is the query's true counterpart.
        better: Whether high or low values are good; None where neither is, as for the chance level.
        graded: Whether it needs to know how relevant an item is, not only whether.
        summary: How the queries' numbers become one.
    """

    name: str
    function: Callable[..., Floats]
    title: str = ""
    explanation: str = ""
    level: Literal["label", "instance"] = "label"
    better: Literal["high", "low"] | None = "high"
    graded: bool = False
    summary: Callable[[Floats], float | np.floating[Any]] = np.mean

    @property
    def at_cutoffs(self) -> bool:
        """Whether it is computed at each cutoff k."""
        return "{k}" in self.name

    def columns(self, cutoffs: tuple[int, ...]) -> dict[str, Callable[..., Floats]]:
        """The metric's keys, each with a function of the ranks alone (``recall@1``, ``recall@5``, ...)."""
        found = {self.name.format(k=k): self.at(k) for k in cutoffs} if self.at_cutoffs else {self.name: self.function}
        return {key: partial(_one_per_query, key, function) for key, function in found.items()}

    def at(self, k: int) -> Callable[..., Floats]:
        """Its function at one cutoff."""
        return lambda ranks: self.function(ranks, k)


def _one_per_query(key: str, function: Callable[..., Floats], ranks: Ranks | CounterpartRanks) -> Floats:
    """The values of a metric, which may be a user's own."""
    values = np.asarray(function(ranks))
    if values.shape != ranks.above.shape[:1]:
        raise InputError(f"metric {key!r}: not one number per query", got=values.shape, valid=ranks.above.shape[:1])
    return values


metrics: Registry[Metric] = Registry("metric", "overtone.evaluation.metrics")
"""All metrics by name."""


class MetricFields(TypedDict, total=False):
    """Fields of :class:`Metric` that have a usual value."""

    level: Literal["label", "instance"]
    better: Literal["high", "low"] | None
    graded: bool
    summary: Callable[[Floats], float | np.floating[Any]]


def metric(name: str, *, title: str = "", explanation: str = "", **fields: Unpack[MetricFields]) -> Callable[[F], F]:
    """Decorator that registers a function as a metric and leaves it an ordinary function.

    Args:
        name: Key in an evaluation; a metric with a cutoff has ``{k}`` in it and takes k as second argument.
        title, explanation, fields: The other fields of :class:`Metric`; the title is by default the name.

    Returns:
        The decorator.
    """

    def decorator(function: F) -> F:
        metrics.register(name)(Metric(name, function, title or name.replace("_", " "), explanation, **fields))
        return function

    return decorator
