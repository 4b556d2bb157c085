"""The report of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from overtone.report.checks import suspicions
from overtone.report.facts import RunFacts
from overtone.report.gather import gather
from overtone.report.markup import Markup, markup
from overtone.report.page import Section, answered, notes, page, tile
from overtone.report.scale import scale
from overtone.report.sections.classes import confusions, per_class
from overtone.report.sections.curves import curves
from overtone.report.sections.examples import examples
from overtone.report.sections.metrics import metrics
from overtone.report.sections.places import places
from overtone.report.sections.provenance import provenance
from overtone.report.sections.ranks import ranks
from overtone.report.summaries import run_in_words
from overtone.report.words import metric_name, number, plural, rank, span

SECTIONS: tuple[Callable[[RunFacts], Section | None], ...] = (
    metrics,
    curves,
    places,
    per_class,
    confusions,
    examples,
    ranks,
    provenance,
)
"""What a run's report answers, top to bottom. To add a question, write its function and put it into its place here."""


def run_report(run: Any, data: Any, evaluation: Any) -> str:
    """The report of a run on its test rows, as one HTML file that needs no network.

    Args:
        run: The run: how it was trained, and what embeds the test rows.
        data: The paired features it was evaluated on; the rows of its split ``"test"``, or all if it has no splits.
        evaluation: The evaluation of the embeddings of those rows, as an object or as its dictionary.

    Returns:
        HTML; the same for the same input.
    """
    return render(gather(run, data, evaluation))


def render(facts: RunFacts) -> str:
    """The report of a run from plain facts.

    Args:
        facts: What the report speaks about.

    Returns:
        HTML; the same for the same facts.
    """
    return page(
        title=f"{facts.method} on {facts.corpus}",
        kind="run report",
        head=_head(facts),
        sections=answered(SECTIONS, facts),
        foot="Made by Overtone. This file is whole: it loads nothing from anywhere.",
    )


def _head(facts: RunFacts) -> Markup:
    findings = suspicions(facts)
    calm = (
        "Nothing looks suspicious: the result was checked against chance, collapse, leaks and the course of training."
    )
    return markup(
        Markup(f'<p class="lead">{markup(run_in_words(facts))}</p>'),
        scale(facts.evaluation),
        _tiles(facts),
        notes(findings, warn=f"{plural(len(findings), 'thing')} to look at", calm=calm),
    )


def _tiles(facts: RunFacts) -> Markup:
    metric = facts.first_metric
    entry = facts.evaluation[metric] if metric else {}
    name = metric_name(metric)[0] if metric else ""
    tiles = [tile(number(entry.get(key)), f"{name}, {arrow}") for key, arrow in facts.arrows.items()] if metric else []
    interval = entry.get("ci95")
    mean = tile(number(entry.get("mean")), f"{name}, mean", span(interval) if interval else None) if metric else None
    chance = facts.evaluation.get("chance_map")
    median = facts.evaluation.get("median_rank")
    return markup(
        Markup('<div class="tiles">'),
        mean,
        tiles,
        tile(number(chance.get("mean")), "mAP by chance") if chance else None,
        tile(rank(median["mean"]), "own partner median rank", f"of {len(facts.ids):,}") if median else None,
        Markup("</div>"),
    )
