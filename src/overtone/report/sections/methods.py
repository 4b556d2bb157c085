"""The methods of a comparison: how good each is, how sure that is, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.contest import Contest, dots, score
from overtone.report.figures import heat, whiskers
from overtone.report.markup import el, markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.sections.metrics import measured
from overtone.report.tables import Column, table
from overtone.report.words import (
    DASH,
    difference_in_words,
    duration,
    known_interval,
    metric_name,
    number,
    p_value,
    signed,
    span,
    writer,
)


def standing(contest: Contest) -> Section | None:
    """Every method with its interval and its single seeds, as a figure and as a table."""
    if not contest.methods:
        return None
    name = metric_name(contest.metric)[0]
    entries = [entry.get(contest.metric) or {} for entry in contest.methods.values()]
    figure = whiskers(
        list(contest.methods),
        [score(entry) for entry in contest.methods.values()],
        [tuple(entry["ci95"]) if known_interval(entry.get("ci95")) else None for entry in entries],
        [dots(entry) if len(contest.seeds) > 1 else [] for entry in contest.methods.values()],
        axis=f"{name} on the test rows, mean of both directions",
        reference=contest.chance,
        alt=f"{name} of {len(contest.methods)} methods with 95 % intervals",
    )
    columns = [
        Column("method", "name"),
        *(Column(arrow, best="high") for arrow in contest.arrows.values()),
        Column("mean", best="high"),
        Column("± std"),
        Column("95 % interval"),
        Column("time"),
    ]
    rows = [
        [
            method,
            *(numbers.get(key) for key in (*contest.arrows, "mean")),
            _spread(numbers, contest),
            span(numbers.get("ci95")),
            duration(entry.get("seconds")),
        ]
        for (method, entry), numbers in zip(contest.methods.items(), entries)
    ]
    caption = f"{name} on the test rows; std is over seeds, time is that of all seeds"
    text = f"{_how(contest)}{_line(contest)}"
    return Section(
        "Which method finds best?", markup(paragraphs(text), draw(figure), table(columns, rows, caption=caption))
    )


def further(contest: Contest) -> Section | None:
    """All other metrics, and the other embeddings of a method, such as those without the canonical projection."""
    tables = []
    keys = dict.fromkeys(key for entry in contest.methods.values() for key in measured(entry) if key != contest.metric)
    if keys:
        columns = [
            Column("method", "name"),
            *(Column(metric_name(key)[0], best=_better(key), write=writer(key)) for key in keys),
        ]
        rows = [
            [method, *((entry.get(key) or {}).get("mean") for key in keys)] for method, entry in contest.methods.items()
        ]
        tables.append(table(columns, rows, caption="Mean of both directions and of the seeds"))
    variants = [
        [f"{method}, {name}", *(_of(variant, contest).get(key) for key in (*contest.arrows, "mean"))]
        for method, entry in contest.methods.items()
        for name, variant in (entry.get("variants") or {}).items()
    ]
    if variants:
        columns = [Column("embedding", "name"), *map(Column, contest.arrows.values()), Column("mean")]
        tables += [el("h3", "Other embeddings of the same methods"), table(columns, variants)]
    return Section("Do other metrics agree?", markup(tables)) if tables else None


def tests(contest: Contest) -> Section | None:
    """The paired tests, in words and as a table."""
    found = [one for one in contest.comparison.get("paired_tests") or [] if "/" not in f"{one.get('a')}{one.get('b')}"]
    if not found:
        return None
    several = len({one.get("metric") for one in found}) > 1
    columns = [
        Column("first", "name"),
        Column("second", "text"),
        *([Column("by", "text")] if several else []),
        Column("difference"),
        Column("95 % interval"),
        Column("p"),
        Column("seeds with the first ahead"),
    ]
    rows = [
        [
            one["a"],
            one["b"],
            *([metric_name(one["metric"])[0]] if several else []),
            signed(one.get("difference")),
            span(one.get("ci95")),
            _p(one),
            _ahead(one, contest),
        ]
        for one in found
    ]
    text = (
        "Both methods answer the same queries, so their results are subtracted query by query, and the queries are "
        "drawn again, with replacement. If the interval of the mean difference holds zero, another set of queries "
        "might have turned the order around."
    )
    sentences = [el("li", difference_in_words(one["a"], one["b"], one)) for one in found]
    return Section("Are the differences real?", markup(paragraphs(text), el("ul", sentences), table(columns, rows)))


def per_class_of_methods(contest: Contest) -> Section | None:
    """mAP by class and method, if handed over."""
    classes: Mapping[str, Mapping[str, Any]] = contest.details.get("per_class") or {}
    methods = [method for method in contest.methods if method in classes]
    names = list(dict.fromkeys(name for method in methods for name in classes[method]))
    if not names:
        return None
    values = [[_mean(classes[method].get(name)) for method in methods] for name in names]
    figure = heat(names, methods, values, alt=f"mAP of {len(methods)} methods by class", numbers=len(methods) <= 12)
    return Section("Which method finds which class?", draw(figure, "mAP, mean of both directions"))


def _of(entry: Mapping[str, Any], contest: Contest) -> Mapping[str, Any]:
    """A variant's numbers: under the metric's name, or the mapping itself."""
    inner = entry.get(contest.metric)
    return inner if isinstance(inner, Mapping) else entry


def _mean(value: Any) -> float:
    inner = value.get("mean") if isinstance(value, Mapping) else value
    return float(inner) if isinstance(inner, (int, float)) else float("nan")


def _better(key: str) -> str:
    return "low" if key.endswith("_rank") else "high"


def _spread(numbers: Mapping[str, Any], contest: Contest) -> str:
    return number(numbers.get("std")) if len(contest.seeds) > 1 else DASH


def _p(test: Mapping[str, Any]) -> str:
    return p_value(test.get("p_value")).removeprefix("p = ").removeprefix("p ")


def _ahead(test: Mapping[str, Any], contest: Contest) -> str:
    ahead = test.get("seeds_ahead")
    return DASH if ahead is None else f"{ahead} of {len(contest.seeds)}"


def _how(contest: Contest) -> str:
    seeds = contest.seeds
    named = ", ".join(map(str, seeds))
    many = f"Every method was trained {len(seeds)} times, with seeds {named}; the small dots are single seeds. "
    one = "Every method was trained once, so nothing is known of how much the seed matters. "
    return (many if len(seeds) > 1 else one) + "Whiskers are 95 % intervals over the queries. "


def _line(contest: Contest) -> str:
    return f"The dotted line is chance, {number(contest.chance)}." if contest.chance is not None else ""
