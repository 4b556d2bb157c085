"""Whether retrieval beats a random order, in words: of classes where there are labels, of true counterparts else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from overtone.evaluation import counterpart_recall
from overtone.report.words import known, number

if TYPE_CHECKING:
    from overtone.evaluation import Evaluation, Score


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
        often = f"({number(recall.value)}) as by chance ({number(recall.by_chance)})"
        said = f"The true counterpart {first} about as often {often}."
    return (
        f"{said} No information shared by the two modalities was found. Check that the rows of the two modalities "
        "belong together."
    )
