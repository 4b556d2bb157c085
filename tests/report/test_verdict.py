"""What a report says of a class graph: that it helped only where it beat no graph and a shuffled one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from overtone.cli.tables import comparison_table
from overtone.experiments import Comparison
from overtone.report import comparison_report
from overtone.report.comparison_words import BY_ANNOTATION, judged_by, verdicts

CONTROLS = ["no-graph", "shuffled-graph", "pairs-only", "planted-graph"]


def compared(*leads: tuple[float, float, float], metric: str = "map_events", **changes: Any) -> Comparison:
    """A comparison in which ``interactions`` is ahead of its controls by (low, difference, high)."""
    names = CONTROLS[: len(leads)]
    numbers = {"a2v": 0.6, "v2a": 0.6, "mean": 0.6, "std": 0.01, "ci95": [0.58, 0.62]}
    entry = {"map": numbers, metric: numbers, "seeds": [0.6, 0.6], "seconds": 3.0}
    tests = [
        {"a": "interactions", "b": name, "metric": each, "difference": mean, "ci95": [low, high], "p_value": 0.01,
         "seeds_ahead": 2}
        for each in dict.fromkeys(("map", metric)) for name, (low, mean, high) in zip(names, leads)
    ]  # fmt: skip
    if metric != "map":  # by the annotation, the control is ahead
        for test in tests[: len(names)]:
            test |= {"difference": -0.002, "ci95": [-0.005, 0.001]}
    document = {
        "corpus": "clips.npz",
        "modalities": ["audio", "visual"],
        "seeds": [0, 1],
        "queries": 400,
        "metric": "map",
        "methods": dict.fromkeys(("interactions", *names), entry),
        "controls": {"interactions": names},
        "paired_tests": tests,
        "ablation": {},
    }
    return Comparison.from_dict({**document, **changes})


AHEAD, MORE, EVEN, BEHIND = (0.031, 0.042, 0.053), (0.02, 0.031, 0.04), (-0.006, 0.003, 0.011), (-0.05, -0.03, -0.01)


def said(*leads: tuple[float, float, float], **more: Any) -> str:
    (sentence,) = verdicts(compared(*leads, **more))
    return sentence


def test_it_helped_where_it_beats_none_and_a_shuffled_one() -> None:
    assert said(AHEAD, MORE, AHEAD) == (
        "The graph helped: +4.2 over no graph (95 % interval +3.1 to +5.3), +3.1 over a shuffled one (95 % interval "
        "+2.0 to +4.0) and +4.2 over a loss on pairs alone (95 % interval +3.1 to +5.3), in points of mAP, all events."
    )


@pytest.mark.parametrize("shuffled", [EVEN, BEHIND])
def test_it_did_not_where_a_shuffled_one_does_as_well(shuffled: tuple[float, float, float]) -> None:
    sentence = said(AHEAD, shuffled)
    assert sentence.startswith("The graph did not help: a shuffled graph does as well")
    assert "+4.2 over no graph" in sentence


@pytest.mark.parametrize("shuffled", [AHEAD, EVEN, BEHIND])
def test_it_did_not_where_no_graph_does_as_well(shuffled: tuple[float, float, float]) -> None:
    assert said(EVEN, shuffled).startswith("The graph did not help significantly: +0.3 over no graph (95 %")
    assert said(BEHIND, shuffled).startswith("The graph did harm: −3.0 over no graph")


def test_the_planted_graph_is_what_could_be_reached() -> None:
    assert said(AHEAD, MORE, AHEAD, BEHIND).count("the planted one") == 1  # no rival of the inferred graph
    assert said(AHEAD, MORE, AHEAD, BEHIND).endswith(
        "the inferred one has −3.0 over the planted one (95 % interval −5.0 to −1.0)."
    )


def test_without_events_the_annotation_is_what_it_is_judged_by() -> None:
    assert judged_by(compared(AHEAD, metric="map")) == "map"
    assert said(AHEAD, MORE, metric="map").endswith("in points of mAP. " + BY_ANNOTATION)
    assert BY_ANNOTATION not in said(AHEAD, MORE)


def test_without_tests_nothing_is_claimed() -> None:
    assert "not known whether the graph" in verdicts(compared(AHEAD, MORE, paired_tests=[]))[0]
    assert "not known whether the graph" in verdicts(compared(AHEAD))[0]  # a shuffled graph was not tried
    assert verdicts(compared(AHEAD, MORE, controls={})) == []


def test_the_report_says_it_at_the_top_and_shows_both_metrics(read: Callable[..., Any]) -> None:
    page = read(comparison_report(compared(AHEAD, MORE)))
    assert page.headings[:3] == ["Which method is best?", "Did the graph help?", "Are the differences significant?"]
    assert page.words.index("The graph helped") < page.words.index("Which method is best?")
    table = next(one for one in page.tables if "what it is" in one[0])
    assert table[0][2:] == ["mAP", "lead over it, points", "mAP, all events", "lead over it, points"]
    row = next(row for row in table if row[0] == "shuffled-graph")
    assert row[3] == "−0.2 (−0.5 to +0.1)"
    assert row[5] == "+3.1 (+2.0 to +4.0)"
    assert "Did the graph help?" not in read(comparison_report(compared(AHEAD, MORE, controls={}))).headings


def test_tests_by_two_metrics_are_told_apart(read: Callable[..., Any]) -> None:
    page = read(comparison_report(compared(AHEAD, MORE)))
    table = next(one for one in page.tables if one[0][:2] == ["first", "second"])
    assert table[0][2] == "by"
    assert [row[2] for row in table[1:]] == ["mAP", "mAP", "mAP, all events", "mAP, all events"]


def test_the_terminal_says_it_last() -> None:
    assert str(comparison_table(compared(AHEAD, MORE))[-1]).startswith("The graph helped")
