"""The course of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overtone.report.facts import RunFacts
from overtone.report.figures import curve
from overtone.report.markup import el, markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.words import has_number, plural

COUNTED = frozenset({"epoch", "seconds"})
"""What a history counts rather than measures."""
LAST = ("val_", "rank_", "gradient_norm", "learning_rate")
"""What comes behind the loss and its terms, in this order; an entry of the name, or all that begin so."""


def curves(facts: RunFacts) -> Section | None:
    """Every term over the epochs, one small figure each, since their scales have nothing in common."""
    names = measured_over_epochs(facts.history)
    if not names:
        return None
    figures, last = [], max(int(entry["epoch"]) for entry in facts.history)
    for name in names:
        seen = [(int(entry["epoch"]), entry[name]) for entry in facts.history if has_number(entry, name)]
        figure = curve(in_words(name), [epoch for epoch, _ in seen], [value for _, value in seen], facts.chosen, last)
        figures.append(draw(figure, in_words(name)))
    return Section("How did the training go?", markup(paragraphs(_choice(facts)), el("div", figures, class_="grid")))


def measured_over_epochs(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of what was measured: the loss, its terms, validation, embeddings, optimiser."""
    names = dict.fromkeys(name for entry in history for name in entry if has_number(entry, name))
    return sorted((name for name in names if name not in COUNTED), key=_place)


def in_words(name: str) -> str:
    """What a reader calls an entry of the history.

    Example:
        >>> in_words("val_reciprocal_rank"), in_words("rank_audio"), in_words("gradient_norm")
        ('validation: reciprocal rank', 'effective rank: audio', 'gradient norm')
    """
    for prefix, written in (("val_", "validation: "), ("rank_", "effective rank: ")):
        if name.startswith(prefix):
            return written + name.removeprefix(prefix).replace("_", " ")
    return name.replace("_", " ")


def _place(name: str) -> int:
    if name == "loss":
        return -2
    return next((at for at, start in enumerate(LAST) if name.startswith(start)), -1)


def _choice(facts: RunFacts) -> str:
    count = plural(len(facts.history), "epoch")
    if facts.chosen is None:
        return f"{count}; the last epoch's weights were kept."
    by = f" by {in_words(facts.criterion)}" if facts.criterion else ""
    return (
        f"{count}. The dotted line marks epoch {facts.chosen}, whose weights were kept: the best one{by}, measured on "
        "held-out training rows. The test rows had no part in the choice."
    )
