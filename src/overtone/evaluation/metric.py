"""What a metric is: a pure function from ranks to one number per query, filed under its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from overtone.core import Registry
from overtone.evaluation.arrays import Floats

Level = Literal["label", "instance"]
F = TypeVar("F", bound=Callable[..., Floats])


@dataclass(frozen=True)
class Metric:
    """A registered metric.

    Attributes:
        name: Its key in an evaluation; ``{k}`` stands for the cutoff.
        function: From :class:`~overtone.evaluation.ranks.Ranks` (label level) or
            :class:`~overtone.evaluation.ranks.PartnerRanks` (instance level), and the cutoff if there is one, to
            one float64 per query.
        level: ``"label"``: relevant is what shares a class. ``"instance"``: relevant is the query's own partner.
        at_cutoffs: Whether it is asked for at each cutoff k.
        graded: Whether it needs to know how relevant an item is, not only whether.
        summary: How the queries' numbers become one.
    """

    name: str
    function: Callable[..., Floats]
    level: Level = "label"
    at_cutoffs: bool = False
    graded: bool = False
    summary: Callable[[Floats], Any] = np.mean

    def columns(self, cutoffs: tuple[int, ...]) -> dict[str, Callable[[Any], Floats]]:
        """The metric's keys, each with a function of the ranks alone (``recall@1``, ``recall@5``, ...)."""
        if not self.at_cutoffs:
            return {self.name: self.function}
        return {self.name.format(k=k): self._at(k) for k in cutoffs}

    def _at(self, k: int) -> Callable[[Any], Floats]:
        return lambda ranks: self.function(ranks, k)


metrics: Registry[Metric] = Registry("metric", "overtone.evaluation.measures")
"""All metrics by name."""


def metric(
    name: str, *, level: Level = "label", graded: bool = False, summary: Callable[[Floats], Any] = np.mean
) -> Callable[[F], F]:
    """Decorator that files a function as a metric and leaves it an ordinary function.

    Args:
        name: Key in an evaluation; a metric with a cutoff has ``{k}`` in it and takes k as second argument.
        level: Whose rank is looked at: every item of the query's classes, or the query's own partner.
        graded: Whether the function reads ``Ranks.gains``.
        summary: How the queries' numbers become one.

    Returns:
        The decorator.
    """

    def decorator(function: F) -> F:
        metrics.register(name)(Metric(name, function, level, "{k}" in name, graded, summary))
        return function

    return decorator
