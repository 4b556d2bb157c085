"""A search of settings in words: what it found, what that is worth, and what it has cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overtone.report.words import duration, listed, number, plural

if TYPE_CHECKING:
    from overtone.experiments import Tuning


def tuning_in_words(tuning: Tuning) -> list[str]:
    """A sentence for what was found, one for the test split, one for the budget, and the notes.

    Args:
        tuning: The search.
    """
    score = tuning.criterion.removeprefix("val_").replace("_", " ")
    default = "" if tuning.default_value is None else f", {number(tuning.default_value)} with the default settings"
    validation = f"{number(tuning.value)}{default}"
    rows = f"{plural(tuning.held_out, 'held-out pair')}" if tuning.held_out else "held-out pairs"
    found = f"Best of {len(tuning.trials)} trials on {rows}: {score} {validation}."
    budget = [plural(tuning.count("done"), "training")]
    budget += [f"{count} {what}" for what in ("pruned", "failed") if (count := tuning.count(what))]
    cost = f"Budget of the search: {', '.join(budget)}; {plural(tuning.epochs, 'epoch')}, {duration(tuning.seconds)}."
    return [found, _on_test(tuning), cost, *(f"{note[:1].upper()}{note[1:]}." for note in tuning.notes)]


def best_in_words(tuning: Tuning) -> str:
    """The best settings, each as ``NAME=VALUE``."""
    return listed([f"{name}={_short(value)}" for name, value in tuning.settings.items()]) or "the default settings"


def _on_test(tuning: Tuning) -> str:
    """What the best settings are worth where no trial has looked."""
    if not tuning.test:
        return (
            "There is no test split, so what the best settings are worth is not known: the best of many is optimistic."
        )
    metric = "map" if "map" in tuning.test["best"] else next(iter(tuning.test["best"]))
    best, default = (tuning.test[name][metric] for name in ("best", "default"))
    name = "mAP" if metric == "map" else metric.replace("_", " ")
    verdict = "The search helped" if best > default else "The search did not help"
    return (
        f"On the test split, which no trial has seen: {name} {number(best)} with the best settings, {number(default)} "
        f"with the default ones. {verdict}, by one seed."
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
