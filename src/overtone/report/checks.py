"""What looks wrong with a run: each check is a function from facts to a sentence, or to nothing."""

from __future__ import annotations

from collections.abc import Callable

from overtone.evaluation import effective_rank
from overtone.report.facts import RunFacts
from overtone.report.retrieval import unit
from overtone.report.words import has_number, known_interval, listed, number, percent, plural, span

Check = Callable[[RunFacts], str | None]

FEW_QUERIES = 100
LOPSIDED = 0.25
PERFECT = 0.98
FLAT_RANK = 1.5


def no_better_than_chance(facts: RunFacts) -> str | None:
    """The interval of the mAP does not lie above chance."""
    entry, chance = facts.evaluation.get("map", {}), facts.evaluation.get("chance_map", {}).get("mean")
    interval = entry.get("ci95")
    low = interval[0] if known_interval(interval) else entry.get("mean")
    if low is None or chance is None or low > chance:
        return None
    return (
        f"The test mAP ({number(entry.get('mean'))}) is no better than chance ({number(chance)}): nothing that the "
        "two modalities share was found. Check that the rows of the two modalities belong together."
    )


def too_good(facts: RunFacts) -> str | None:
    """Nearly every query finds its own partner first."""
    found = facts.evaluation.get("instance_recall@1", {}).get("mean")
    if found is None or found < PERFECT or len(facts.ids) < FEW_QUERIES:
        return None
    return (
        f"{percent(found)} of the test queries find their own partner first among {len(facts.ids):,}. That is rarely "
        "honest: check that no modality holds a copy of the other, and that no test row is among the training rows."
    )


def lopsided(facts: RunFacts) -> str | None:
    """One direction is much worse than the other."""
    metric = facts.first_metric
    values = {key: facts.evaluation[metric].get(key) for key in facts.arrows} if metric else {}
    if len(values) < 2 or None in values.values() or max(values.values()) <= 0:
        return None
    worse, better = sorted(values, key=lambda key: values[key])
    if values[worse] >= (1 - LOPSIDED) * values[better]:
        return None
    return (
        f"{facts.arrows[worse]} ({number(values[worse])}) is far behind {facts.arrows[better]} "
        f"({number(values[better])}): a few items of {facts.arrows[worse].split()[-1]} may be near to everything."
    )


def classes_below_chance(facts: RunFacts) -> str | None:
    """Classes that are found no better than by chance."""
    chance = facts.evaluation.get("chance_map", {}).get("mean")
    classes = facts.evaluation.get("per_class") or {}
    if chance is None:
        return None
    below = [name for name, entry in classes.items() if (entry.get("mean") or 0) < chance and entry.get("queries")]
    if not below:
        return None
    shown = listed([*below[:5], *([f"{len(below) - 5} more"] if len(below) > 5 else [])])
    return f"{plural(len(below), 'class is', 'classes are')} found no better than the average class by chance: {shown}."


def flat(facts: RunFacts) -> str | None:
    """The embeddings fill hardly more than one dimension."""
    ranks = {name: effective_rank(unit(rows)) for name, rows in zip(facts.modalities, facts.embeddings)}
    low = {name: rank for name, rank in ranks.items() if rank < FLAT_RANK}
    if not low:
        return None
    parts = [f"{name} {number(rank, 2)}" for name, rank in low.items()]
    return f"The embeddings have collapsed: they fill hardly more than one dimension (effective rank: {listed(parts)})."


def still_improving(facts: RunFacts) -> str | None:
    """The chosen epoch is the last one."""
    if facts.chosen is None or len(facts.history) < 5 or facts.chosen < len(facts.history):
        return None
    return "The last epoch was the best: training longer may give more."


def never_improved(facts: RunFacts) -> str | None:
    """The chosen epoch is the first one that was looked at."""
    if facts.chosen is None or len(facts.history) < 5 or facts.chosen > max(1, len(facts.history) // 20):
        return None
    return f"Epoch {facts.chosen} was the best and nothing later improved on it: try a lower learning rate."


def loss_rose(facts: RunFacts) -> str | None:
    """The loss ends higher than it began."""
    losses = [entry["loss"] for entry in facts.history if has_number(entry, "loss")]
    if len(losses) < 5 or losses[-1] <= losses[0]:
        return None
    return f"The loss ended higher ({number(losses[-1])}) than it began ({number(losses[0])})."


def few_queries(facts: RunFacts) -> str | None:
    """So few test items that the intervals are wide."""
    if len(facts.ids) >= FEW_QUERIES:
        return None
    interval = facts.evaluation.get("map", {}).get("ci95")
    wide = f"; the mAP's interval reaches from {span(interval)}" if known_interval(interval) else ""
    return f"There are only {plural(len(facts.ids), 'test item')}{wide}."


CHECKS: tuple[Check, ...] = (
    no_better_than_chance,
    flat,
    too_good,
    lopsided,
    classes_below_chance,
    loss_rose,
    never_improved,
    still_improving,
    few_queries,
)
"""All checks, the gravest first."""


def suspicions(facts: RunFacts) -> list[str]:
    """What looks wrong, in sentences; the remarks of the data's reader come last."""
    found = [sentence for sentence in (check(facts) for check in CHECKS) if sentence is not None]
    return [*found, *facts.warnings]
