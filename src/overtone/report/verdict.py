"""Whether a class graph helped: what the paired tests of a method and its controls come to, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.report.contest import Contest
from overtone.report.words import known_interval, listed, metric_name, minus

FULLY = "map_events"
"""What the verdict is by, where it is known: the annotation alone cannot tell whether a graph found what it lacks."""
WITHOUT, SHUFFLED, PAIRS, PLANTED = "no-graph", "shuffled-graph", "pairs-only", "planted-graph"
BY_ANNOTATION = "By the annotation alone, an event that nobody named counts as a mistake."
CALLED = {WITHOUT: "no graph", SHUFFLED: "a shuffled one", PAIRS: "a pull on pairs alone", PLANTED: "the planted one"}
"""Controls as a sentence calls them; any other goes by its own name."""


def judged_by(contest: Contest) -> str:
    """The metric of the verdict: all events where they are known, otherwise what the methods are ranked by."""
    known = any(FULLY in entry for entry in contest.methods.values())
    return FULLY if known else contest.metric


def verdicts(contest: Contest) -> list[str]:
    """For each method with controls whether its graph helped, in words.

    Args:
        contest: The comparison.

    Returns:
        A sentence or two for each; none without controls.
    """
    controls: Mapping[str, list[str]] = contest.comparison.get("controls") or {}
    return [verdict(contest, method, names) for method, names in controls.items()]


def verdict(contest: Contest, method: str, controls: list[str]) -> str:
    """Whether the graph of one method helped.

    It did if the method is ahead of the same training without a graph and of that with a shuffled one, both beyond what
    other queries might have turned around.
    """
    metric = judged_by(contest)
    found = {name: contest.test(method, name, metric) for name in controls}
    tests = {name: test for name, test in found.items() if test and known_interval(test.get("ci95"))}
    if WITHOUT not in tests or SHUFFLED not in tests:
        return f"Whether the graph of {method} helped is not known: it was not tested against its controls."
    signs = {name: _sign(test) for name, test in tests.items()}
    figures = {name: _figures(name, test) for name, test in tests.items()}
    rivals = listed([figures[name] for name in tests if name != PLANTED])
    name = metric_name(metric)[0]
    if signs[WITHOUT] > 0 and signs[SHUFFLED] > 0:
        said = f"The graph helped: {rivals}, in points of {name}."
    elif signs[WITHOUT] > 0:
        said = (
            f"The graph did not help: a shuffled one does as well, so what was won is not owed to which classes it "
            f"joins. {method} has {rivals}, in points of {name}."
        )
    elif signs[WITHOUT] < 0:
        said = f"The graph did harm: {rivals}, in points of {name}."
    else:
        said = f"The graph did not help, or too little to be told: {rivals}, in points of {name}."
    more = [_planted(figures[PLANTED])] if PLANTED in figures else []
    return " ".join([said, *more, *([] if metric == FULLY else [BY_ANNOTATION])])


def _planted(figures: str) -> str:
    return f"Beside what the true graph would give, the inferred one has {figures}."


def _sign(test: Mapping[str, Any]) -> int:
    """Whether the first is ahead (1), behind (-1), or the interval holds zero (0)."""
    low, high = test["ci95"]
    return int(low > 0) - int(high < 0)


def _figures(name: str, test: Mapping[str, Any]) -> str:
    """``+4.2 over no graph (95 % interval +3.1 to +5.3)``."""
    low, high = test["ci95"]
    interval = f"95 % interval {points(low)} to {points(high)}"
    return f"{points(test['difference'])} over {CALLED.get(name, name)} ({interval})"


def points(difference: float) -> str:
    """A difference of two mAPs in hundredths, with its sign.

    Example:
        >>> points(0.0421), points(-0.003), points(0.0)
        ('+4.2', '−0.3', '+0.0')
    """
    return minus(f"{100 * difference:+.1f}")
