"""What looks wrong with a run: each check is a function from the result to a sentence, or to nothing."""

from __future__ import annotations

from overtone.evaluation import effective_rank
from overtone.report.chance_words import chance_in_words
from overtone.report.page import FEW_QUERIES
from overtone.report.run_result import RunResult
from overtone.report.words import known, listed, number, percent, plural, span

_LOPSIDED = 0.25  # share by which one direction may be lower than the other
_PERFECT = 0.98  # R@1 of the true counterpart from which a result is suspicious
_FLAT_RANK = 1.5  # effective rank below which embeddings have collapsed
MOST_NAMED = 5  # classes that a sentence names
_FEW_EPOCHS = 5  # epochs below which a training is not judged


def suspicions(result: RunResult) -> list[str]:
    """What looks wrong, in sentences, the gravest first; the warnings of the data's reader come last."""
    found = [sentence for sentence in (check(result) for check in CHECKS) if sentence is not None]
    return [*found, *result.data.provenance.warnings]


def _no_better_than_chance(result: RunResult) -> str | None:
    """Retrieval is as good as a random order."""
    return chance_in_words(result.evaluation, result.scores)


def collapsed(result: RunResult) -> str | None:
    """The embeddings vary in hardly more than one dimension."""
    ranks = {name: effective_rank(rows) for name, rows in zip(result.test.names, result.embeddings)}
    low = [f"{name} {number(rank, 2)}" for name, rank in ranks.items() if rank < _FLAT_RANK]
    if not low:
        return None
    return f"The embeddings have collapsed to hardly more than one dimension (effective rank: {listed(low)})."


def _too_good(result: RunResult) -> str | None:
    """Nearly every query finds its true counterpart first."""
    score = result.scores.get("instance_recall@1")
    if score is None or not score.mean >= _PERFECT or len(result.test) < FEW_QUERIES:  # so few may be luck
        return None
    return (
        f"{percent(score.mean)} of the test queries find their true counterpart first among {len(result.test):,} "
        "items. Such a result is rarely real. Check that no modality contains a copy of the other, and that no test "
        "row is also a training row."
    )


def _lopsided(result: RunResult) -> str | None:
    """One direction is much worse than the other."""
    score = result.scores[result.leading] if result.leading else None
    values = {way: value for way, value in score.directions.items() if known(value)} if score else {}
    if len(values) < 2 or max(values.values()) <= 0:
        return None
    worse, better = sorted(values, key=lambda way: values[way])
    if values[worse] >= (1 - _LOPSIDED) * values[better]:
        return None
    queried = result.arrows[worse].partition(" → ")[2]
    return (
        f"{result.arrows[worse]} ({number(values[worse])}) is much lower than {result.arrows[better]} "
        f"({number(values[better])}). A few items of {queried} may be close to every query."
    )


def _classes_below_chance(result: RunResult) -> str | None:
    """Classes that are retrieved no better than by chance."""
    chance = result.chance
    if chance is None:
        return None
    classes = result.evaluation.per_class
    below = [name for name, score in classes.items() if score.mean < chance and score.queries]
    if not below:
        return None
    more = [f"{len(below) - MOST_NAMED} more"] if len(below) > MOST_NAMED else []
    shown = listed([*below[:MOST_NAMED], *more])
    return f"{plural(len(below), 'class has', 'classes have')} a lower mAP than the average class by chance: {shown}."


def _wrong_pairs(result: RunResult) -> str | None:
    """Training pairs were taken as wrong."""
    pairs = result.run.info.get("pairs", {})
    if not pairs.get("left_out"):
        return None
    names = f", likeliest {listed(pairs['likeliest'])}" if pairs.get("likeliest") else ""
    look = plural(pairs["left_out"], "training pair looks", "training pairs look")
    return f"{look} wrong{names}; nothing was learnt from them as pairs. The run's pairs.csv has all."


def _loss_rose(result: RunResult) -> str | None:
    """The loss ends higher than it began."""
    losses = [value for record in result.history if known(value := record.get("loss"))]
    if len(losses) < _FEW_EPOCHS or losses[-1] <= losses[0]:
        return None
    return f"The loss ended higher ({number(losses[-1])}) than it began ({number(losses[0])})."


def _never_improved(result: RunResult) -> str | None:
    """The chosen epoch is among the first ones."""
    epochs, chosen = len(result.history), result.chosen
    if chosen is None or epochs < _FEW_EPOCHS or chosen > max(1, epochs // 20):
        return None
    return f"Epoch {chosen} was the best, and no later epoch improved on it. Try a lower learning rate."


def _still_improving(result: RunResult) -> str | None:
    """The chosen epoch is the last one."""
    epochs, chosen = len(result.history), result.chosen
    if chosen is None or epochs < _FEW_EPOCHS or chosen < epochs:
        return None
    return "The last epoch was the best. Training longer may improve the result."


def _few_queries(result: RunResult) -> str | None:
    """So few test items that the intervals are wide."""
    if len(result.test) >= FEW_QUERIES:
        return None
    score = result.scores.get("map")
    wide = f"; the 95 % interval of the mAP is {span(score.ci95)}" if score and score.ci95 else ""
    return f"There are only {plural(len(result.test), 'test item')}{wide}."


CHECKS = (
    _no_better_than_chance,
    collapsed,
    _too_good,
    _lopsided,
    _classes_below_chance,
    _wrong_pairs,
    _loss_rose,
    _never_improved,
    _still_improving,
    _few_queries,
)
"""All checks, the gravest first."""
