"""A verdict on an embedding in plain words: rules over measured values, each with a stated threshold."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from overtone.core import InputError, Registry, unknown_name
from overtone.core.documents import Document, finite

Values = Mapping[str, object]


@dataclass(frozen=True)
class Evidence:
    """The measurements that the rules read. A rule whose measurements are missing stays silent.

    Attributes:
        variance: ``VarianceResult.to_dict()`` of the embedding, best on rows that were not trained on.
        train_variance: The same of the training rows.
        features_variance: The same of the features before training.
        greediness: ``Watch.summary()`` of the training.
        recall: R@1 of the embedding.
        features_recall: R@1 of the features before training.
    """

    variance: Values | None = None
    train_variance: Values | None = None
    features_variance: Values | None = None
    greediness: Values | None = None
    recall: float | None = None
    features_recall: float | None = None

    def figure(self, part: str, *keys: str) -> float | None:
        """One number, by the field and the keys that lead to it; None if it is missing, NaN or infinite.

        Example:
            >>> Evidence(variance={"centroid_distance": {"mean": 1.2}}).figure("variance", "centroid_distance", "mean")
            1.2
        """
        value: object = getattr(self, part)
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        number = finite(value)
        return None if number is None else float(number)

    def figures(self, *paths: str) -> list[float]:
        """Several numbers, each by field and keys joined with dots; all are NaN if one is missing.

        Example:
            >>> Evidence(recall=0.5).figures("recall"), Evidence(recall=0.5).figures("recall", "features_recall")
            ([0.5], [nan, nan])
        """
        found = [self.figure(*path.split(".")) for path in paths]
        known = [number for number in found if number is not None]
        return known if len(known) == len(found) else [math.nan] * len(found)

    @classmethod
    def mean(cls, several: Sequence[Evidence]) -> Evidence:
        """Mean over seeds, number by number; what is no number comes from the first seed that has it.

        Args:
            several: One per seed; seeds without a number are left out of its mean.

        Raises:
            InputError: The sequence is empty.

        Example:
            >>> Evidence.mean([Evidence(recall=0.5), Evidence(recall=0.75), Evidence()]).recall
            0.625
        """
        if not several:
            raise InputError("evidence of no seed at all", valid="one per seed")
        means: dict[str, Any] = {one.name: _mean([getattr(each, one.name) for each in several]) for one in fields(cls)}
        return cls(**means)


@dataclass(frozen=True)
class RuleHit(Document):
    """What a rule reports; the rule itself fills in ``rule``, ``quantity`` and ``threshold``.

    Attributes:
        rule: Name of the rule.
        figure: The number that it judges.
        quantity: What the number measures.
        threshold: The threshold that was used.
        says: What the number means, in a sentence.
        advice: What to try next, in a sentence.
    """

    rule: str = field(default="", kw_only=True)
    figure: float = math.nan
    quantity: str = field(default="", kw_only=True)
    threshold: float = field(default=math.nan, kw_only=True)
    says: str = ""
    advice: str = ""


Check = Callable[[Evidence], "RuleHit | None"]
C = TypeVar("C", bound=Check)


@dataclass(frozen=True)
class Rule:
    """A registered rule; called with evidence, and with a threshold other than its own if given, it returns its hit.

    Attributes:
        name, quantity, severity, silences: See :func:`rule`.
        threshold: Beyond which it fires.
        check: From evidence to the hit, whatever the threshold.
        beyond: Whether a number lies beyond a threshold; false for NaN.
    """

    name: str
    quantity: str
    threshold: float
    severity: int
    check: Check
    beyond: Callable[[float, float], bool]
    silences: tuple[str, ...] = ()

    def __call__(self, evidence: Evidence, threshold: float | None = None) -> RuleHit | None:
        """Check the evidence."""
        limit, hit = self.threshold if threshold is None else threshold, self.check(evidence)
        if hit is None or not self.beyond(hit.figure, limit):
            return None
        return replace(hit, rule=self.name, quantity=self.quantity, threshold=limit)


rules: Registry[Rule] = Registry("rule", "overtone.diagnosis.verdict_rules")
"""All rules by name."""

_SIDES = {"below": operator.lt, "above": operator.gt, "at_least": operator.ge}


def rule(
    name: str, *, quantity: str, severity: int, silences: Sequence[str] = (), **threshold: float
) -> Callable[[C], C]:
    """Decorator that registers a function as a rule and leaves it an ordinary function.

    Args:
        name: Its name.
        quantity: What its number measures.
        severity: 1: the embedding cannot be used; 2: something is lost; 3: a remark.
        silences: Names of rules that are not told where this one fires: what they measure follows from it, and their
            advice may contradict its own.
        threshold: Where it fires, one of ``below=``, ``above=`` and ``at_least=``.

    Returns:
        The decorator.
    """
    ((side, limit),) = threshold.items()

    def decorator(check: C) -> C:
        rules.register(name)(Rule(name, quantity, limit, severity, check, _SIDES[side], tuple(silences)))
        return check

    return decorator


def verdict(evidence: Evidence, thresholds: Mapping[str, float] | None = None) -> list[RuleHit]:
    """What looks wrong with an embedding or its training, most severe first.

    Args:
        evidence: The measurements; rules whose measurements are missing stay silent.
        thresholds: Rule name to a threshold that replaces the rule's own.

    Returns:
        A hit for each rule that fired, less those that another hit's rule silences.

    Raises:
        InputError: A threshold is given for a rule that does not exist.

    Example:
        >>> (hit,) = verdict(Evidence(variance={"intra_variance": 0.01, "between_variance": 0.02}))
        >>> hit.rule, hit.figure, hit.threshold
        ('collapse', 0.03, 0.1)
    """
    given = dict(thresholds or {})
    for name in given:
        if name not in rules:
            raise unknown_name("rule", name, rules)
    ordered = sorted(rules.items(), key=lambda item: item[1].severity)
    found = [(rule, rule(evidence, given.get(name))) for name, rule in ordered]
    silenced = {name for rule, hit in found if hit is not None for name in rule.silences}
    return [hit for rule, hit in found if hit is not None and rule.name not in silenced]


def _mean(values: Sequence[object]) -> object:
    mappings = [value for value in values if isinstance(value, Mapping)]
    if mappings:
        keys = dict.fromkeys(key for mapping in mappings for key in mapping)
        return {key: _mean([mapping.get(key) for mapping in mappings]) for key in keys}
    known = [float(number) for number in map(finite, values) if number is not None]
    return sum(known) / len(known) if known else next((value for value in values if value is not None), None)
