"""Whether retrieval beats a random order, in words: of classes where there are labels, of true counterparts else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from overtone.report.words import known, number

if TYPE_CHECKING:
    from overtone.evaluation import Evaluation, Score

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


def counterpart_recall(evaluation: Evaluation) -> CounterpartRecall | None:
    """Recall of the true counterpart at 10, in a gallery of fewer than 50 items at 1; None if it was not measured."""
    cutoff = 10 if evaluation.gallery >= _LARGE else 1
    score = evaluation.get(f"instance_recall@{cutoff}")
    if score is None or not known(score.mean):
        return None
    by_chance = min(1.0, cutoff / max(evaluation.gallery, 1))
    return CounterpartRecall(cutoff, float(score.mean), by_chance, evaluation.queries)


def chance_in_words(evaluation: Evaluation, scores: Mapping[str, Score] | None = None) -> str | None:
    """What it means that retrieval is no better than chance; None where it is better.

    Args:
        evaluation: What was measured.
        scores: Its metrics with more intervals, where they are known.
    """
    found = scores or evaluation.scores
    score, chance, recall = found.get("map"), found.get("chance_map"), counterpart_recall(evaluation)
    if score is not None and known(score.mean) and chance is not None:
        if (score.ci95 or (score.mean,))[0] > chance.mean:
            return None
        said = f"The test mAP ({number(score.mean)}) is no better than chance ({number(chance.mean)})."
    elif recall is None or recall.beats_chance:
        return None
    else:
        first = f"is among the first {recall.cutoff} items" if recall.cutoff > 1 else "comes first"
        often = f"({number(recall.value)}) than by chance ({number(recall.by_chance)})"
        said = f"The true counterpart {first} no more often {often}."
    return (
        f"{said} No information shared by the two modalities was found. Check that the rows of the two modalities "
        "belong together."
    )
