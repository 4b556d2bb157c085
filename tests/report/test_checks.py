"""Each check speaks up where it should, and a good run gives no rise to any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from overtone.report.run_checks import suspicions

Maker = Callable[..., Any]


def recall(value: float) -> dict[str, Any]:
    return {"instance_recall@1": {"a2v": value, "v2a": value, "mean": value}}


def ap(a2v: float, v2a: float, low: float, high: float) -> dict[str, Any]:
    return {"map": {"a2v": a2v, "v2a": v2a, "mean": (a2v + v2a) / 2, "ci95": [low, high]}}


def classes(**means: float) -> dict[str, Any]:
    return {
        "per_class": {name: {"a2v": mean, "v2a": mean, "mean": mean, "queries": 60} for name, mean in means.items()}
    }


def epochs(*losses: float) -> list[dict[str, Any]]:
    return [{"epoch": epoch, "loss": float(loss)} for epoch, loss in enumerate(losses, 1)]


def test_a_good_run_is_left_in_peace(make_result: Maker) -> None:
    assert suspicions(make_result()) == []


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (ap(0.21, 0.21, 0.19, 0.23), "no better than chance (0.200)"),
        (ap(0.21, 0.21, 0.2, 0.23), "no better than chance (0.200)"),
        (
            ap(0.6, 0.3, 0.4, 0.5),
            "picture → sound (0.300) is much lower than sound → picture (0.600). A few items of sound",
        ),
        (ap(0.3, 0.6, 0.4, 0.5), "sound → picture (0.300) is much lower than picture → sound (0.600)"),
        (recall(1.0), "100 % of the test queries find their true counterpart first"),
        (recall(0.98), "98 % of the test queries find their true counterpart first"),
        (classes(dog=0.1, cat=0.9), "1 class has a lower mAP than the average class by chance: dog."),
        (
            classes(a=0, b=0, c=0, d=0, e=0, f=0, g=1),
            "6 classes have a lower mAP than the average class by chance: a, b, c",
        ),
        (classes(a=0, b=0, c=0, d=0, e=0, f=0, g=1), "e and 1 more."),
    ],
)
def test_what_the_evaluation_gives_away(make_result: Maker, entries: dict[str, Any], said: str) -> None:
    (sentence,) = suspicions(make_result(**entries))
    assert said in sentence


@pytest.mark.parametrize(
    "entries",
    [
        ap(0.21, 0.21, 0.201, 0.23),
        ap(0.6, 0.45, 0.5, 0.55),
        recall(0.97),
        classes(dog=0.2, cat=0.9),
    ],
)
def test_what_is_just_good_enough_gives_rise_to_nothing(make_result: Maker, entries: dict[str, Any]) -> None:
    assert suspicions(make_result(**entries)) == []


def test_without_an_interval_the_mean_is_compared_with_chance(make_result: Maker) -> None:
    (sentence,) = suspicions(make_result(map={"a2v": 0.2, "v2a": 0.2, "mean": 0.2}))
    assert "no better than chance" in sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chosen": 30}, "Training longer may improve"),
        ({"chosen": 1}, "no later epoch improved"),
        ({"history": epochs(*range(1, 31))}, "The loss ended higher (30.0)"),
        ({"warnings": ("clips.h5: 2 rows twice.",)}, "clips.h5: 2 rows twice."),
    ],
)
def test_what_training_and_the_data_give_away(make_result: Maker, changes: dict[str, Any], said: str) -> None:
    (sentence,) = suspicions(make_result(**changes))
    assert said in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"chosen": 29},
        {"chosen": 2},
        {"history": epochs(1, 2, 1, 2, 1), "chosen": 3},
        {"history": epochs(1, 2, 3, 4), "chosen": 4},
        {"history": epochs(4, 3, 2, 1), "chosen": 1},
    ],
)
def test_an_ordinary_training_gives_rise_to_nothing(make_result: Maker, changes: dict[str, Any]) -> None:
    assert suspicions(make_result(**changes)) == []


def test_the_first_twentieth_of_a_long_training_counts_as_its_beginning(make_result: Maker) -> None:
    long = epochs(*[1 / epoch for epoch in range(1, 101)])
    assert "Epoch 5 was the best" in suspicions(make_result(history=long, chosen=5))[0]
    assert suspicions(make_result(history=long, chosen=6)) == []


def test_collapse_is_seen_in_the_modality_it_befell(make_result: Maker) -> None:
    rows = np.random.default_rng(0).normal(size=(120, 6))
    line = np.outer(np.linspace(-1, 1, 120), np.ones(6)) + 5 * np.eye(6)[0]
    (sentence,) = suspicions(make_result(embeddings=(rows, line)))
    assert "collapsed" in sentence
    assert "picture" in sentence
    assert "sound" not in sentence


def test_few_queries_are_said_with_the_width_of_the_interval(make_result: Maker) -> None:
    few = "There are only 40 test items; the 95 % interval of the mAP is 0.550 to 0.630."
    assert suspicions(make_result(rows=40)) == [few]
    assert suspicions(make_result(rows=40, **recall(1.0))) == [few]  # so few may all be found by luck
    assert suspicions(make_result(rows=100)) == []
    assert len(suspicions(make_result(rows=98))) == 1


def test_pairs_that_were_taken_as_wrong_are_named(make_result: Maker) -> None:
    pairs = {"left_out": 7, "likeliest": ["a", "b"], "said": "at most about 10%"}
    (sentence,) = suspicions(make_result(info={"pairs": pairs}))
    assert sentence.startswith("7 training pairs look wrong, likeliest a and b; nothing was learnt from them as pairs.")
    assert suspicions(make_result(info={"pairs": {**pairs, "left_out": 0}})) == []
