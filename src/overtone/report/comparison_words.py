"""A comparison in words: which method is best, which of two is better, and whether a class graph helped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overtone.report.markup import Column, Columns, Markup, table
from overtone.report.words import (
    DASH,
    better_direction,
    corpus_name,
    listed,
    metric_name,
    minus,
    number,
    p_value,
    plural,
    prose,
    signed,
    size_of,
    span,
)

if TYPE_CHECKING:  # only named in signatures; a table on a terminal must not wait for what an experiment imports
    from overtone.experiments import Comparison, PairedTest, SeedScore

_ALL_EVENTS = "map_events"
"""What the verdict is by, where it is known: the annotation alone cannot tell whether a graph found what it lacks."""
NO_GRAPH, SOFT, SHUFFLED, PLANTED = "no-graph", "soft-only", "shuffled-graph", "planted-graph"
CONTROLS = {
    NO_GRAPH: ("no graph", "the same student without event chances and without a pull"),
    SOFT: ("soft labels alone", "event chances, or a pull, of soft labels without a graph"),
    SHUFFLED: (
        "a shuffled one",
        "the same loss along edges exchanged at random; every class keeps its number of edges",
    ),
    "pairs-only": ("a loss on pairs alone", "a loss of the same weight between the two modalities of each clip"),
    PLANTED: ("the planted one", "the same loss along the edges that the corpus is known to have"),
    "true-events": ("the true events", "the events that the corpus is known to have, in place of event chances"),
}
"""Name of a control to what a sentence calls it, and what it is. Any other goes by its own name."""
_LEVEL = 0.05
"""Adjusted p-values from this on are not significant."""
BY_ANNOTATION = "By the annotation alone, retrieving an event that nobody annotated counts as a mistake."


def in_words(comparison: Comparison) -> str:
    """Which methods were compared on what, which is best, and whether its lead over the next is significant."""
    names = list(comparison.ranked())
    if not names:
        return "There is nothing to compare."
    best = score_of(comparison, names[0])
    several, name = len(names) > 1, metric_name(comparison.metric)
    trained = f"{len(names)} methods were" if several else f"{names[0]} was"
    times = plural(len(comparison.seeds), "seed") + (" each" if several else "")
    queries = "" if comparison.queries is None else f"{comparison.queries:,} queries in each direction"
    asked = f", and evaluated with {queries}" if queries else ""
    interval = f" (95 % interval {span(best.ci95)})" if best.ci95 else ""
    return prose(
        f"{trained} trained on {corpus_name(comparison.corpus)} with {times}{asked}.",
        f"{f'{names[0]} is best: its' if several else 'Its'} {name} on the test rows is {number(best.mean)}{interval}.",
        _lead(comparison, *names[:2]) if several else "",
        better_direction(best.directions, comparison.modalities),
    )


def _lead(comparison: Comparison, first: str, second: str) -> str:
    test = comparison.test(first, second)
    if test is not None:
        return difference_in_words(test)
    lead = comparison.value(first) - comparison.value(second)
    return f"The next, {second}, is {size_of(lead)} lower. The two were not tested against each other."


def difference_in_words(test: PairedTest) -> str:
    """A paired test as a sentence: which method is better, by how much, and whether the difference is significant.

    Example:
        >>> from overtone.experiments import PairedTest
        >>> print(difference_in_words(PairedTest("cca", "dcca", "map", 0.02, (-0.01, 0.05), 0.2)))
        cca and dcca do not differ significantly: +0.020 mAP (95 % interval −0.010 to +0.050, p = 0.200).
    """
    if test.difference is None or test.ci95 is None:
        return f"{test.a} and {test.b} were not compared query by query."
    (low, high), chance, metric = test.ci95, p_value(adjusted(test)), metric_name(test.metric)
    if not is_significant(test):
        return (
            f"{test.a} and {test.b} do not differ significantly: {signed(test.difference)} {metric} "
            f"(95 % interval {signed(low)} to {signed(high)}, {chance})."
        )
    better, worse = (test.a, test.b) if test.difference > 0 else (test.b, test.a)
    near, far = sorted((abs(low), abs(high)))
    interval = f"95 % interval {size_of(near)} to {size_of(far)}"
    return f"{better} is better than {worse} by {size_of(abs(test.difference))} {metric} ({interval}, {chance})."


def headline_tests(comparison: Comparison) -> list[PairedTest]:
    """The tests to be told in sentences: of the best method against the others, and of a method against its parts."""
    parts = {*comparison.ablation, *(name for names in comparison.controls.values() for name in names)}
    told = {comparison.best, *parts}
    return [test for test in comparison.paired_tests if {test.a, test.b} & told] or comparison.paired_tests


def adjusted(test: PairedTest) -> float | None:
    """The p-value that a reader is told: that for all pairs of methods together where there are several."""
    return test.p_value if test.p_holm is None else test.p_holm


def is_significant(test: PairedTest) -> bool:
    """Whether the interval leaves zero out, also when all pairs of methods are counted."""
    return test.ci95 is not None and sign(test.ci95) != 0 and (test.p_holm is None or test.p_holm < _LEVEL)


def verdicts(comparison: Comparison) -> list[str]:
    """For each method with controls whether its graph helped, in a sentence or two."""
    return [_verdict(comparison, method, names) for method, names in comparison.controls.items()]


def control_table(comparison: Comparison, method: str, controls: list[str]) -> Markup:
    """A method and its controls, with the lead over each, by the ranking metric and by all events."""
    metrics = [
        metric
        for metric in dict.fromkeys((comparison.metric, _ALL_EVENTS))
        if any(metric in result.scores for result in comparison.methods.values())
    ]
    columns: Columns = ["method", Column("what it is", "words")]
    rows: list[list[Any]] = [[method, "the inferred graph"]]
    rows += [[name, CONTROLS.get(name, (name, ""))[1]] for name in controls]
    for metric in metrics:
        columns += [Column(metric_name(metric), best="high"), "lead over it, points"]
        for row in rows:
            row += [score_of(comparison, row[0], metric).mean, _lead_in_points(comparison.test(method, row[0], metric))]
    return table(columns, rows, caption=f"{method} and its controls; leads with 95 % intervals over queries")


def judged_by(comparison: Comparison) -> str:
    """The metric of the verdict: all events where they are known, otherwise what the methods are ranked by."""
    known = any(_ALL_EVENTS in result.scores for result in comparison.methods.values())
    return _ALL_EVENTS if known else comparison.metric


def sign(interval: tuple[float, float]) -> int:
    """Whether an interval lies above zero (1), below it (−1), or contains it (0)."""
    return int(interval[0] > 0) - int(interval[1] < 0)


def points(lead: float) -> str:
    """A difference of two mAPs in hundredths, with its sign; a second place where the first is zero.

    Example:
        >>> points(0.0421), points(-0.003), points(0.00021), points(0.0)
        ('+4.2', '−0.3', '+0.02', '0.0')
    """
    places = 1 if abs(lead) >= 0.0005 else 2
    written = f"{100 * lead:+.{places}f}"
    return minus(written) if any(digit in written for digit in "123456789") else "0.0"


def _verdict(comparison: Comparison, method: str, controls: list[str]) -> str:
    """Whether the graph of one method helped.

    It did if the method is significantly better than the same training without a graph, with a shuffled one, and, where
    that was tried, with soft labels alone.
    """
    metric = judged_by(comparison)
    found = {name: comparison.test(method, name, metric) for name in controls}
    tests = {name: (test.difference, test.ci95) for name, test in found.items() if test and test.ci95}
    if NO_GRAPH not in tests or SHUFFLED not in tests:
        return f"It is not known whether the graph of {method} helped: it was not tested against its controls."
    signs = {name: sign(interval) for name, (_, interval) in tests.items()}
    figures = {
        name: f"{points(lead or 0.0)} over {CONTROLS.get(name, (name, ''))[0]} "
        f"(95 % interval {points(low)} to {points(high)})"
        for name, (lead, (low, high)) in tests.items()
    }
    measured = f"{listed([figures[name] for name in tests if name != PLANTED])}, in points of {metric_name(metric)}."
    if signs[NO_GRAPH] > 0 and signs[SHUFFLED] > 0 and signs.get(SOFT, 1) > 0:
        said = f"The graph helped: {measured}"
    elif signs[NO_GRAPH] > 0 and SOFT in signs:
        said = (
            "Event chances helped, the graph did not: soft labels alone or a shuffled graph do as well. "
            f"{method} has {measured}"
        )
    elif signs[NO_GRAPH] > 0:
        said = (
            "The graph did not help: a shuffled graph does as well, so the gain does not depend on which classes are "
            f"connected. {method} has {measured}"
        )
    elif signs[NO_GRAPH] < 0:
        said = f"The graph did harm: {measured}"
    else:
        said = f"The graph did not help significantly: {measured}"
    planted = f"Compared with the true graph, the inferred one has {figures[PLANTED]}." if PLANTED in figures else ""
    return prose(said, planted, "" if metric == _ALL_EVENTS else BY_ANNOTATION)


def score_of(comparison: Comparison, name: str, metric: str | None = None) -> SeedScore:
    """The score of a method, control or ablation, by the ranking metric unless said; one of no numbers if unknown."""
    from overtone.experiments import SeedScore

    return comparison.score(name, metric) or SeedScore({}, None)


def _lead_in_points(test: PairedTest | None) -> str:
    if test is None or test.ci95 is None or test.difference is None:
        return DASH
    return f"{points(test.difference)} ({points(test.ci95[0])} to {points(test.ci95[1])})"
