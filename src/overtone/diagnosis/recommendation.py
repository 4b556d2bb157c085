"""Which loss to use for which purpose: losses compared over seeds, and ties named as ties."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from overtone.core import InputError
from overtone.core.documents import Document
from overtone.diagnosis.verdict import Evidence
from overtone.evaluation import paired_seed_test

_SIGNIFICANT = 0.05
_CLOSE = 0.02
"""Relative difference below which single numbers, without seeds to test over, count as equal."""


@dataclass(frozen=True)
class _Purpose:
    """A use of an embedding: its key, a sentence's beginning, a seed's score (larger is better), the mean in words."""

    name: str
    goal: str
    score: Callable[[Evidence], float | None]
    text: Callable[[float], str]


def _compactness(evidence: Evidence) -> float | None:
    ratio = evidence.figure("variance", "variance_ratio")
    return 1 / ratio if ratio else None


def _speed(evidence: Evidence) -> float | None:
    """Halvings of the variance within classes per step, 0 if never halved: a rate, so that "never" has a number."""
    if evidence.figure("greediness", "steps") is None:
        return None
    steps = evidence.figure("greediness", "half_compaction")
    return 1 / steps if steps else 0.0


def _evenness(evidence: Evidence) -> float | None:
    mean, std = evidence.figures("variance.centroid_distance.mean", "variance.centroid_distance.std")
    return -std / mean if mean > 0 else None


_PURPOSES = (
    _Purpose(
        "fine_grained",
        "For a right first neighbour (fine-grained retrieval)",
        lambda evidence: evidence.figure("recall"),
        lambda value: f"R@1 {value:.3f}",
    ),
    _Purpose(
        "diversity",
        "To keep the differences within a class",
        lambda evidence: evidence.figure("variance", "intra_variance"),
        lambda value: f"intra-class variance {value:.3f}",
    ),
    _Purpose(
        "compaction",
        "For classes that are compact relative to the distance between them",
        _compactness,
        lambda value: f"variance within by between {1 / value:.3f}",
    ),
    _Purpose(
        "speed",
        "To compact in few updates",
        _speed,
        lambda value: f"halved after {1 / value:.0f} steps" if value > 0 else "never halved",
    ),
    _Purpose(
        "spacing",
        "For classes that are spaced evenly",
        _evenness,
        lambda value: f"distances vary by {-100 * value:.0f} %",
    ),
)


@dataclass(frozen=True)
class Recommendation(Document):
    """Which loss to use for which purpose; ``recommendation["speed"]`` is the name of a loss, or None.

    Attributes:
        sentences: All that follows in words, one per purpose.
        ties: Purpose to the losses that cannot be told apart from the best.
        figures: Purpose to loss to the mean that was compared, larger is better.
        choices: Purpose to the best loss; None where no loss has the measurements, or none reached it.
    """

    sentences: list[str] = field(default_factory=list)
    ties: dict[str, list[str]] = field(default_factory=dict)
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    choices: dict[str, str | None] = field(default_factory=dict)

    def __getitem__(self, purpose: str) -> str | None:
        """The best loss for a purpose."""
        return self.choices[purpose]

    def to_dict(self) -> dict[str, Any]:
        """The recommendation as JSON values, the choices beside the other fields."""
        found = super().to_dict()
        choices = found.pop("choices")
        return {**found, **choices} if choices else {"sentences": self.sentences}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], **more: object) -> Recommendation:
        """Read :meth:`to_dict` back."""
        choices = {name: value for name, value in found.items() if name not in ("sentences", "ties", "figures")}
        return super().from_dict({**found, "choices": choices}, **more)


def recommend(evidence: Mapping[str, Evidence | Sequence[Evidence]]) -> Recommendation:
    """Compare several losses and say which to use for which purpose.

    For each purpose, the loss with the best mean is chosen. The losses that cannot be told apart from it are its ties:
    by the paired t-test over seeds (p >= 0.05) where both have the same two or more seeds, otherwise within 2 per cent.
    A loss below one that is significantly worse is no tie. Where no loss reached a purpose at all, none is chosen.

    Args:
        evidence: Loss name to its evidence: one per seed in the same order, or a single one.

    Returns:
        The :class:`Recommendation` for the purposes ``fine_grained``, ``diversity``, ``compaction``, ``speed`` and
        ``spacing``.

    Raises:
        InputError: Fewer than two losses, or one without evidence.

    Example:
        >>> found = recommend({"triplet": Evidence(recall=0.9), "n-pair": Evidence(recall=0.8)})
        >>> found["fine_grained"], found["compaction"]
        ('triplet', None)
        >>> print(found.sentences[0])
        For a right first neighbour (fine-grained retrieval): triplet (R@1 0.900), ahead of n-pair (R@1 0.800).
    """
    seeds = {name: [one] if isinstance(one, Evidence) else list(one) for name, one in evidence.items()}
    if len(seeds) < 2 or not all(seeds.values()):
        raise InputError("a recommendation needs several losses, each with evidence", got=", ".join(seeds) or "none")
    found = Recommendation()
    for purpose in _PURPOSES:
        columns = {name: [purpose.score(one) for one in several] for name, several in seeds.items()}
        known = {name: [value for value in column if value is not None] for name, column in columns.items()}
        _compare(purpose, {name: column for name, column in known.items() if column}, found)
    return found


def _compare(purpose: _Purpose, scores: Mapping[str, list[float]], found: Recommendation) -> None:
    """Choose a loss for a purpose from the scores of each, one per seed, and write it into the recommendation."""
    means = {name: sum(column) / len(column) for name, column in scores.items()}
    if len(means) < 2 or not any(means.values()):
        found.choices[purpose.name] = None
        return
    best, *others = sorted(means, key=lambda name: means[name], reverse=True)
    ties = list(takewhile(lambda name: _tied(scores[best], scores[name]), others))
    found.choices[purpose.name] = best
    found.figures[purpose.name] = means
    found.ties[purpose.name] = ties
    found.sentences.append(_sentence(purpose, means, best, ties, len(scores[best])))


def _tied(best: list[float], other: list[float]) -> bool:
    if len(best) == len(other) > 1:
        return bool(paired_seed_test(best, other)["p_value"] >= _SIGNIFICANT)
    first, second = (sum(values) / len(values) for values in (best, other))
    return math.isclose(first, second, rel_tol=_CLOSE)


def _sentence(purpose: _Purpose, means: Mapping[str, float], best: str, ties: Sequence[str], seeds: int) -> str:
    def shown(name: str) -> str:
        return f"{name} ({purpose.text(means[name])})"

    behind = [name for name in means if name != best and name not in ties]
    next_best = max(behind, key=lambda name: means[name]) if behind else None
    tail = f", ahead of {shown(next_best)}" if next_best else ""
    if not ties:
        return f"{purpose.goal}: {shown(best)}{tail}."
    if not behind:
        close = "the differences are not significant over the seeds" if seeds > 1 else "the others are within 2 %"
        return f"{purpose.goal}: no loss stands out; {shown(best)} is ahead, but {close}."
    listed = " and ".join(filter(None, [", ".join(map(shown, ties[:-1])), shown(ties[-1])]))
    return f"{purpose.goal}: {shown(best)}, tied with {listed}{tail}."
