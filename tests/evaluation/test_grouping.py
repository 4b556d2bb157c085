"""Queries by the values of a column: the weighted mean of the groups is the whole."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from overtone.core import InputError
from overtone.evaluation import Evaluation, evaluate, group_queries
from overtone.evaluation.grouping import name_groups

RANDOM = np.random.default_rng(0)
Y = np.arange(60) % 3
FIRST = np.eye(3)[Y] + RANDOM.standard_normal((60, 3))
FOUND = evaluate(FIRST, FIRST + 0.3 * RANDOM.standard_normal((60, 3)), Y, bootstrap=0)


def test_groups_add_up_to_the_whole() -> None:
    values = ["a"] * 20 + ["b"] * 30 + [None] * 10
    groups = group_queries(FOUND.per_query, "speaker", values, bootstrap=20).groups
    assert {name: group.queries for name, group in groups.items()} == {"a": 20, "b": 30, "unknown": 10}
    for key in ("map", "recall@1", "instance_recall@5"):
        whole = sum(group.queries * group.scores[key].mean for group in groups.values()) / 60
        assert whole == pytest.approx(FOUND[key].mean)
    low, high = groups["a"].scores["map"].ci95 or (math.nan, math.nan)
    assert low < groups["a"].scores["map"].mean < high
    ranks = [FOUND.per_query["median_rank"][way][20:50].numpy() for way in ("a2v", "v2a")]
    assert groups["b"].scores["median_rank"].mean == np.mean([np.median(column) for column in ranks])


def test_many_numbers_make_quarters_and_few_make_a_group_each() -> None:
    quarters = name_groups("seconds", [*np.linspace(0, 1, 40).tolist(), None])
    counts = {name: quarters.count(name) for name in dict.fromkeys(quarters)}
    assert list(counts.values()) == [10, 10, 10, 10, 1]
    assert quarters[-1] == "unknown"
    assert name_groups("year", [2001, 2002, 2001]) == ["2001", "2002", "2001"]
    ordered = group_queries(FOUND.per_query, "n", [10] * 20 + [9] * 40, bootstrap=0)
    assert list(ordered.groups) == ["9", "10"]


def test_what_cannot_be_grouped() -> None:
    with pytest.raises(InputError, match="3 values and 60 clips"):
        group_queries(FOUND.per_query, "x", [1, 2, 3])
    with pytest.raises(InputError, match="201 different values"):
        name_groups("id", [f"clip {number}" for number in range(201)])


def test_to_json_and_back() -> None:
    grouping = group_queries(FOUND.per_query, "speaker", ["a"] * 60, bootstrap=0)
    read = Evaluation.from_dict(replace(FOUND, groups=grouping).to_dict())
    assert read.groups is not None
    assert read.groups.to_dict() == grouping.to_dict()
    assert "groups" not in FOUND.to_dict()
