"""A verdict on an embedding in plain words, from rules whose thresholds are stated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.core import unknown_name
from overtone.diagnosis.evidence import Evidence
from overtone.diagnosis.rule import rules


def verdict(evidence: Evidence, thresholds: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """What looks wrong with an embedding or with how it was trained, the gravest first.

    Args:
        evidence: The figures; rules whose figures are missing stay silent.
        thresholds: Name of a rule to a threshold of one's own.

    Returns:
        One entry per rule that fired: ``rule``, the ``figure`` that triggered it, the ``quantity`` it measures, the
        ``threshold``, what it ``says`` and the ``advice`` what to try next.

    Raises:
        InputError: A threshold is given for a rule that does not exist.

    Example:
        >>> found = verdict(Evidence(variance={"intra_variance": 0.01, "between_variance": 0.02}))
        >>> found[0]["rule"], found[0]["figure"], found[0]["threshold"]
        ('collapse', 0.03, 0.1)
    """
    given = dict(thresholds or {})
    for name in given:
        if name not in rules:
            raise unknown_name("rule", name, rules)
    ordered = sorted(rules.items(), key=lambda item: item[1].gravity)
    found = (rule(evidence, given.get(name)) for name, rule in ordered)
    return [entry for entry in found if entry is not None]
