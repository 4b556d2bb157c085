"""Each check speaks up where it should, and a good run gives no rise to any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from overtone.report.checks import suspicions

Facts = Callable[..., Any]


def changed(facts: Any, **entries: Any) -> dict[str, Any]:
    return {**facts.evaluation, **entries}


def test_a_good_run_is_left_in_peace(make_facts: Facts) -> None:
    assert suspicions(make_facts()) == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"map": {"a2v": 0.21, "v2a": 0.21, "mean": 0.21, "ci95": [0.19, 0.23]}}, "no better than chance (0.200)"),
        ({"map": {"a2v": 0.6, "v2a": 0.3, "mean": 0.45, "ci95": [0.4, 0.5]}}, "picture → sound (0.300) is far behind"),
        ({"instance_recall@1": {"a2v": 1.0, "v2a": 1.0, "mean": 1.0}}, "100 % of the test queries find their own"),
        (
            {"per_class": {"dog": {"mean": 0.1, "queries": 60}, "cat": {"mean": 0.9, "queries": 60}}},
            "1 class is found no better than the average class by chance: dog.",
        ),
    ],
)
def test_what_the_evaluation_gives_away(make_facts: Facts, entries: dict[str, Any], said: str) -> None:
    (sentence,) = suspicions(make_facts(evaluation=changed(make_facts(), **entries)))
    assert said in sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chosen": 30}, "training longer may give more"),
        ({"chosen": 1}, "nothing later improved"),
        ({"history": [{"epoch": e, "loss": float(e)} for e in range(1, 31)]}, "The loss ended higher (30.0)"),
        ({"warnings": ("clips.h5: 2 rows twice.",)}, "clips.h5: 2 rows twice."),
    ],
)
def test_what_the_course_and_the_data_give_away(make_facts: Facts, changes: dict[str, Any], said: str) -> None:
    (sentence,) = suspicions(make_facts(**changes))
    assert said in sentence


def test_collapse_is_seen_in_the_modality_it_befell(make_facts: Facts) -> None:
    rows = np.random.default_rng(0).normal(size=(120, 6))
    line = np.outer(np.linspace(-1, 1, 120), np.ones(6)) + 5 * np.eye(6)[0]
    (sentence,) = suspicions(make_facts(embeddings=(rows, line)))
    assert "collapsed" in sentence
    assert "picture" in sentence
    assert "sound" not in sentence


def test_few_queries_are_said_with_the_width_of_the_interval(make_facts: Facts) -> None:
    facts = make_facts()
    few = make_facts(ids=facts.ids[:40], embeddings=tuple(rows[:40] for rows in facts.embeddings))
    assert suspicions(few) == ["There are only 40 test items; the mAP's interval reaches from 0.550 to 0.630."]
