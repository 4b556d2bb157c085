"""What a comparison report speaks about: the dictionary of a comparison, asked in one place."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any

from scipy import stats

from overtone.report.words import known_interval

RANKED_BY = ("map", "instance_recall@10", "instance_recall@1", "recall@1")
"""What methods are ranked by: the first of these that they have."""


@dataclass(frozen=True)
class Contest:
    """A comparison of methods.

    Attributes:
        comparison: ``Comparison.to_dict()``.
        details: What is known beside it: ``per_class`` (method to class to mAP), ``chance_map``, ``warnings``,
            ``notes``, ``settings`` (method to settings), and anything else for the last section.
    """

    comparison: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def methods(self) -> dict[str, Mapping[str, Any]]:
        """Methods with their numbers, the best mean mAP first; equal ones by name."""
        entries: Mapping[str, Mapping[str, Any]] = self.comparison.get("methods") or {}
        return dict(sorted(entries.items(), key=lambda item: (-score(item[1]), item[0])))

    @cached_property
    def ablation(self) -> dict[str, Mapping[str, Any]]:
        """Variants with one term off, as ``method/no-term``, in the order given."""
        return dict(self.comparison.get("ablation") or {})

    @property
    def winner(self) -> str | None:
        """The method with the best mean mAP."""
        return next(iter(self.methods), None)

    @property
    def seeds(self) -> list[int]:
        """The seeds every method was trained with."""
        return list(self.comparison.get("seeds") or [])

    @property
    def modalities(self) -> tuple[str, str]:
        """Names of the two modalities."""
        first, second = self.comparison.get("modalities") or ("a", "v")
        return str(first), str(second)

    @property
    def arrows(self) -> dict[str, str]:
        """The directions by their key."""
        first, second = self.modalities
        return {"a2v": f"{first} → {second}", "v2a": f"{second} → {first}"}

    @property
    def corpus(self) -> str:
        """What was compared on, without the folder it lies in."""
        source = str(self.comparison.get("corpus") or "a corpus")
        return PurePath(source).name or source

    @property
    def metric(self) -> str:
        """The entry the methods are ranked by: mAP, or without labels the partner's recall."""
        return next((name for name in RANKED_BY if any(name in entry for entry in self.methods.values())), "map")

    @property
    def chance(self) -> float | None:
        """mAP of a random order, if it was handed over."""
        entry = self.details.get("chance_map", self.comparison.get("chance_map"))
        value = entry.get("mean") if isinstance(entry, Mapping) else entry
        return float(value) if isinstance(value, (int, float)) else None

    def test(self, first: str, second: str, metric: str | None = None) -> dict[str, Any] | None:
        """The paired test of two methods, turned so that its difference is first minus second.

        Args:
            first: A method.
            second: Another.
            metric: What it is by; None for the one that methods are ranked by.
        """
        metric = metric or self.metric
        for one in self.comparison.get("paired_tests") or []:
            if one.get("metric", metric) != metric:
                continue
            if (one.get("a"), one.get("b")) == (first, second):
                return dict(one)
            if (one.get("a"), one.get("b")) == (second, first):
                return {**one, "a": first, "b": second, **_turned(one)}
        return None

    @cached_property
    def _one_ablated(self) -> bool:
        return len({variant.partition("/")[0] for variant in self.ablation}) == 1

    def ablated(self, variant: str) -> dict[str, Any]:
        """What a variant with a term off loses against its whole method.

        The interval is that of the paired test over queries if there is one, otherwise Student's over the seeds.

        Returns:
            ``whole``, ``name`` to show, ``difference`` (variant minus whole), ``ci95`` or None, its ``basis``.
        """
        whole, _, term = variant.partition("/")
        name = term if self._one_ablated and term else variant
        off, full = self.ablation[variant], self.methods.get(whole, {})
        difference = score(off) - score(full)
        row = {"whole": whole, "name": name, "difference": difference, "ci95": None, "basis": ""}
        if (test := self.test(variant, whole)) and known_interval(test.get("ci95")):
            return {**row, "difference": test["difference"], "ci95": test["ci95"], "basis": "queries"}
        if (interval := seed_interval(dots(off), dots(full))) is not None:
            return {**row, "ci95": interval, "basis": "seeds"}
        return row


def score(entry: Mapping[str, Any]) -> float:
    """The number a method is ranked by; −inf if it has none."""
    for name in RANKED_BY:
        value = (entry.get(name) or {}).get("mean")
        if isinstance(value, (int, float)) and math.isfinite(value):
            return float(value)
    return -math.inf


def dots(entry: Mapping[str, Any]) -> list[float]:
    """One number per seed."""
    return [float(value) for value in entry.get("seeds") or [] if isinstance(value, (int, float))]


def seed_interval(variant: Sequence[float], whole: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of the mean difference of runs that share their seeds (Student's t); None for fewer than two.

    Example:
        >>> low, high = seed_interval([0.5, 0.6, 0.7], [0.6, 0.8, 0.8])
        >>> round(low, 3), round(high, 3)
        (-0.277, 0.01)
    """
    if len(variant) != len(whole) or len(whole) < 2:
        return None
    differences = [off - full for off, full in zip(variant, whole)]
    mean = statistics.fmean(differences)
    reach = float(stats.t.ppf(0.975, len(whole) - 1)) * statistics.stdev(differences) / math.sqrt(len(whole))
    return mean - reach, mean + reach


def _turned(test: Mapping[str, Any]) -> dict[str, Any]:
    turned: dict[str, Any] = {}
    if isinstance(test.get("difference"), (int, float)):
        turned["difference"] = -test["difference"]
    if known_interval(test.get("ci95")):
        low, high = test["ci95"]
        turned["ci95"] = [-high, -low]
    return turned
