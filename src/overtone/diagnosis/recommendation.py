"""Which loss to take for what: a comparison over seeds, carried by numbers, in which a tie is called a tie."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from overtone.core import InputError
from overtone.diagnosis.evidence import Evidence
from overtone.evaluation import paired_seed_test

SIGNIFICANT = 0.05
CLOSE = 0.02
"""Relative difference below which single numbers, which carry no chance with them, count as equal."""


@dataclass(frozen=True)
class Purpose:
    """Something one may want of a loss.

    Attributes:
        name: Its key.
        want: What one wants, as the beginning of a sentence.
        figure: What it is judged by, from the evidence of one seed; larger is better.
        shown: What the sentence says of a loss, from the mean over the seeds of the figure.
    """

    name: str
    want: str
    figure: Callable[[Evidence], float | None]
    shown: Callable[[float], str]


def _inverse(*path: str) -> Callable[[Evidence], float | None]:
    """One by a figure, so that larger is better; 0 for what was never reached."""

    def figure(evidence: Evidence) -> float | None:
        value = evidence.figure(*path)
        return 1 / value if value else None

    return figure


def _speed(evidence: Evidence) -> float | None:
    """Halvings of the classes' variance per step: 0 where it was never halved; a rate, so that never has a number."""
    if evidence.figure("greediness", "steps") is None:
        return None
    at = evidence.figure("greediness", "half_compaction")
    return 1 / at if at else 0.0


def _evenness(evidence: Evidence) -> float | None:
    mean, std = (evidence.figure("variance", "centroid_distance", key) for key in ("mean", "std"))
    return -std / mean if mean and std is not None else None


PURPOSES = (
    Purpose(
        "fine_grained",
        "For a right first neighbour (fine-grained retrieval)",
        lambda evidence: evidence.figure("recall"),
        lambda value: f"R@1 {value:.3f}",
    ),
    Purpose(
        "diversity",
        "To keep the differences within a class",
        lambda evidence: evidence.figure("variance", "intra_variance"),
        lambda value: f"intra-class variance {value:.3f}",
    ),
    Purpose(
        "compaction",
        "For classes that are compact against the distance between them",
        _inverse("variance", "variance_ratio"),
        lambda value: f"variance within by between {1 / value:.3f}",
    ),
    Purpose(
        "speed",
        "To compact in few updates",
        _speed,
        lambda value: f"halved after {1 / value:.0f} steps" if value > 0 else "never halved",
    ),
    Purpose(
        "spacing",
        "For classes that are spaced evenly",
        _evenness,
        lambda value: f"distances vary by {-100 * value:.0f} %",
    ),
)


def recommend(evidence: Mapping[str, Evidence | Sequence[Evidence]]) -> dict[str, Any]:
    """Say which of several losses to take for what.

    For every purpose the loss with the best mean is named, and with it those that cannot be told apart from it: by
    the paired t-test over seeds (p >= 0.05) where each has the same two seeds or more, else within 2 per cent. Whoever
    comes behind one that can be told apart is behind. Where no loss reached a purpose at all, none is named.

    Args:
        evidence: Loss to its evidence, one per seed in the same order, or a single one.

    Returns:
        Purpose (``fine_grained``, ``diversity``, ``compaction``, ``speed``, ``spacing``) to the name of a loss, or None
        where no loss has the figures; ``ties``: purpose to the losses that do as well; ``figures``: purpose to loss to
        the mean that was compared, larger being better; ``sentences``: the same in words.

    Raises:
        InputError: Fewer than two losses, or one without evidence.

    Example:
        >>> found = recommend({"triplet": Evidence(recall=0.9), "n-pair": Evidence(recall=0.8)})
        >>> found["fine_grained"], found["compaction"]
        ('triplet', None)
        >>> print(found["sentences"][0])
        For a right first neighbour (fine-grained retrieval): triplet (R@1 0.900), ahead of n-pair (R@1 0.800).
    """
    seeds = {name: [one] if isinstance(one, Evidence) else list(one) for name, one in evidence.items()}
    if len(seeds) < 2 or not all(seeds.values()):
        raise InputError("a recommendation needs several losses, each with evidence", got=", ".join(seeds) or "none")
    found: dict[str, Any] = {"sentences": [], "ties": {}, "figures": {}}
    for purpose in PURPOSES:
        values = {name: [purpose.figure(one) for one in several] for name, several in seeds.items()}
        known = {name: _known(column) for name, column in values.items() if _known(column)}
        means = {name: sum(column) / len(column) for name, column in known.items()}
        if len(means) < 2 or not any(means.values()):
            found[purpose.name] = None
            continue
        best, *others = sorted(means, key=lambda name: means[name], reverse=True)
        ties = _ties(known, best, others)
        found[purpose.name] = best
        found["figures"][purpose.name] = means
        found["ties"][purpose.name] = ties
        found["sentences"].append(_sentence(purpose, means, best, ties))
    return found


def _known(column: Sequence[float | None]) -> list[float]:
    return [value for value in column if value is not None]


def _ties(known: Mapping[str, list[float]], best: str, others: Sequence[str]) -> list[str]:
    return list(takewhile(lambda name: _tied(known[best], known[name]), others))


def _tied(best: list[float], other: list[float]) -> bool:
    if len(best) == len(other) > 1:
        return bool(paired_seed_test(best, other)["p_value"] >= SIGNIFICANT)
    first, second = (sum(values) / len(values) for values in (best, other))
    return math.isclose(first, second, rel_tol=CLOSE)


def _sentence(purpose: Purpose, means: Mapping[str, float], best: str, ties: Sequence[str]) -> str:
    def shown(name: str) -> str:
        return f"{name} ({purpose.shown(means[name])})"

    behind = [name for name in means if name != best and name not in ties]
    next_best = max(behind, key=lambda name: means[name]) if behind else None
    tail = f", ahead of {shown(next_best)}" if next_best else ""
    if not ties:
        return f"{purpose.want}: {shown(best)}{tail}."
    if not behind:
        return f"{purpose.want}: no loss stands out; {shown(best)} leads, within what seeds vary."
    listed = " and ".join(filter(None, [", ".join(map(shown, ties[:-1])), shown(ties[-1])]))
    return f"{purpose.want}: {shown(best)}, tied with {listed}{tail}."
