"""The report of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from overtone.report.contest import Contest, score
from overtone.report.markup import Markup, el, markup
from overtone.report.page import Section, answered, fact_list, notes, page, tile
from overtone.report.sections.ablation import ablation
from overtone.report.sections.controls import controls
from overtone.report.sections.methods import further, per_class_of_methods, standing, tests
from overtone.report.sections.provenance import recorded, remarks, settings_table
from overtone.report.summaries import comparison_in_words
from overtone.report.verdict import verdicts
from overtone.report.words import duration, known_interval, listed, metric_name, number, plural, span

SPOKEN_FOR = frozenset({"per_class", "chance_map", "notes", "warnings", "settings"})
"""Details that have their own place; all others are listed in the last section."""


def provenance(contest: Contest) -> Section:
    """Data, seeds, settings and time: what is needed to do it again."""
    comparison, details = contest.comparison, contest.details
    known = [
        ("data", str(comparison.get("corpus", ""))),
        ("modalities", listed(contest.modalities)),
        ("seeds", ", ".join(map(str, contest.seeds))),
        ("test queries", f"{comparison['queries']:,} in each direction" if "queries" in comparison else None),
        ("time", duration(comparison.get("seconds"))),
    ]
    rest = {name: value for name, value in details.items() if name not in SPOKEN_FOR}
    settings = [
        [el("h3", el("code", method)), settings_table(values)]
        for method, values in (details.get("settings") or {}).items()
        if isinstance(values, Mapping)
    ]
    body = [
        fact_list([*known, *recorded(rest)]),
        remarks(details.get("notes") or (), details.get("warnings") or ()),
        settings,
    ]
    return Section("How was this made?", markup(body))


SECTIONS: tuple[Callable[[Contest], Section | None], ...] = (
    standing,
    controls,
    tests,
    ablation,
    further,
    per_class_of_methods,
    provenance,
)
"""What a comparison's report answers, top to bottom. To add a question, put its function into its place here."""


def comparison_report(comparison: Mapping[str, Any], *, details: Mapping[str, Any] | None = None) -> str:
    """The report of a comparison, as one HTML file that needs no network.

    Args:
        comparison: ``Comparison.to_dict()``: methods with their numbers, seeds, paired tests, ablation.
        details: What is known beside it, all of it optional: ``per_class`` (method to class to mAP), ``chance_map``,
            ``settings`` (method to settings), ``notes`` and ``warnings`` (sentences), and anything else worth
            writing down (versions, checksum), which the last section lists.

    Returns:
        HTML; the same for the same input.
    """
    contest = Contest(comparison, details or {})
    compared = contest.winner if len(contest.methods) == 1 else f"{len(contest.methods)} methods"
    return page(
        title=f"{compared} on {contest.corpus}",
        kind="comparison",
        head=_head(contest),
        sections=answered(SECTIONS, contest),
        foot="Made by Overtone. This file is whole: it loads nothing from anywhere.",
    )


def doubts(contest: Contest) -> list[str]:
    """What a reader should keep in mind before quoting the table."""
    found = []
    if len(contest.seeds) < 2:
        found.append("One seed only: the order may change with another. Compare with at least three.")
    queries = contest.comparison.get("queries")
    if isinstance(queries, int) and queries < 100:
        found.append(f"There are only {plural(queries, 'query', 'queries')} in each direction; the intervals are wide.")
    if contest.chance is not None:
        below = [
            name
            for name, entry in contest.methods.items()
            if known_interval((entry.get("map") or {}).get("ci95")) and entry["map"]["ci95"][0] <= contest.chance
        ]
        if below:
            found.append(f"No better than chance ({number(contest.chance)}): {listed(below)}.")
    return [*found, *(contest.details.get("warnings") or ())]


def _head(contest: Contest) -> Markup:
    found = doubts(contest)
    return markup(
        el("p", " ".join([comparison_in_words(contest), *verdicts(contest)]), class_="lead"),
        _tiles(contest),
        notes(found, warn=f"{plural(len(found), 'thing')} to keep in mind", calm="Nothing looks suspicious."),
    )


def _tiles(contest: Contest) -> Markup | None:
    if contest.winner is None:
        return None
    best = contest.methods[contest.winner]
    numbers = best.get(contest.metric) or {}
    name = metric_name(contest.metric)[0]
    interval = span(numbers.get("ci95")) if known_interval(numbers.get("ci95")) else None
    others = list(contest.methods.items())[1:2]
    tiles = [
        tile(number(score(best)), f"{name}, {contest.winner}", interval),
        [tile(number(score(entry)), f"{name}, {method}, next best") for method, entry in others],
        tile(number(contest.chance), f"{name} by chance") if contest.chance is not None else None,
        tile(number(contest.comparison.get("queries")), "queries in each direction"),
        tile(duration(contest.comparison.get("seconds")), "in all"),
    ]
    return el("div", tiles, class_="tiles")
