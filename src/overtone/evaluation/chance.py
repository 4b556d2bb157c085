"""How often the true counterpart is found, against a random order."""

from __future__ import annotations

import math
from typing import NamedTuple

from overtone.evaluation.result import Evaluation

_LARGE = 50
"""Items from which on ten of them are few."""
_ERRORS = 2.0
"""Standard errors by which a recall must lie above chance."""


class CounterpartRecall(NamedTuple):
    """How often the true counterpart is among the first items, and how often it would be in a random order."""

    cutoff: int
    value: float
    by_chance: float
    queries: int

    @property
    def beats_chance(self) -> bool:
        """Whether it lies two standard errors of a random order above that order's recall."""
        error = math.sqrt(self.by_chance * (1.0 - self.by_chance) / max(self.queries, 1))
        return self.value > self.by_chance + _ERRORS * error


def counterpart_recall(evaluation: Evaluation, cutoff: int | None = None) -> CounterpartRecall | None:
    """Recall of the true counterpart, mean of both directions; None if it was not measured.

    Args:
        evaluation: What was measured.
        cutoff: Items among which it counts; None: 10, in a gallery of fewer than 50 items 1.

    Returns:
        The recall, and that of a random order.

    Example:
        >>> from overtone.evaluation import evaluate
        >>> counterpart_recall(evaluate([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.1], [0.1, 1.0]], bootstrap=0))
        CounterpartRecall(cutoff=1, value=1.0, by_chance=0.5, queries=2)
    """
    cutoff = cutoff or (10 if evaluation.gallery >= _LARGE else 1)
    score = evaluation.get(f"instance_recall@{cutoff}")
    if score is None or math.isnan(score.mean):
        return None
    sizes = evaluation.sizes.values()
    galleries = [size.gallery for size in sizes] or [evaluation.gallery]
    by_chance = sum(min(1.0, cutoff / max(gallery, 1)) for gallery in galleries) / len(galleries)
    queries = min((size.paired for size in sizes), default=evaluation.queries)
    return CounterpartRecall(cutoff, float(score.mean), by_chance, queries)
