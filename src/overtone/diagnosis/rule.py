"""What a rule is: a figure, a threshold that was fixed beforehand, and a function that says what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from overtone.core import Registry
from overtone.diagnosis.evidence import Evidence


class Hit(NamedTuple):
    """What a rule found.

    Attributes:
        figure: The figure that triggered it.
        says: What that means, in a sentence.
        advice: What to try next, in a sentence.
    """

    figure: float
    says: str
    advice: str


Judge = Callable[[Evidence, float], "Hit | None"]
J = TypeVar("J", bound=Judge)


@dataclass(frozen=True)
class Rule:
    """A registered rule.

    Attributes:
        name: Its name.
        quantity: What its figure measures.
        threshold: Beyond which it fires.
        gravity: 1 where the embedding cannot be used, 2 where something is lost, 3 for a remark.
        judge: From evidence and threshold to a hit, or to None.
    """

    name: str
    quantity: str
    threshold: float
    gravity: int
    judge: Judge

    def __call__(self, evidence: Evidence, threshold: float | None = None) -> dict[str, Any] | None:
        """What the rule has to say, as plain values.

        Args:
            evidence: The figures.
            threshold: Instead of the rule's own.

        Returns:
            ``rule``, ``figure``, ``quantity``, ``threshold``, ``says``, ``advice``; None if it does not fire.
        """
        limit = self.threshold if threshold is None else threshold
        hit = self.judge(evidence, limit)
        if hit is None:
            return None
        return {
            "rule": self.name,
            "figure": hit.figure,
            "quantity": self.quantity,
            "threshold": limit,
            "says": hit.says,
            "advice": hit.advice,
        }


rules: Registry[Rule] = Registry("rule", "overtone.diagnosis.rulebook")
"""All rules by name."""


def rule(name: str, *, quantity: str, threshold: float, gravity: int) -> Callable[[J], J]:
    """Decorator that files a function as a rule and leaves it an ordinary function.

    Args:
        name: Its name.
        quantity: What its figure measures.
        threshold: Beyond which it fires.
        gravity: 1 where the embedding cannot be used, 2 where something is lost, 3 for a remark.

    Returns:
        The decorator.
    """

    def decorator(judge: J) -> J:
        rules.register(name)(Rule(name, quantity, threshold, gravity, judge))
        return judge

    return decorator
