"""Ranks over corpora: Demšar's worked example, scipy's statistic, and what cannot be ranked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from overtone.core import InputError
from overtone.evaluation import RankTest, rank_methods

DEMSAR = {
    "C4.5": [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.94, 0.619, 0.972, 0.957],
    "C4.5+m": [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978],
    "C4.5+cf": [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.9751, 0.946],
    "C4.5+m+cf": [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970],
}
"""Table 6 of the paper (AUC on 14 data sets)."""


def test_the_worked_example_of_the_paper() -> None:
    found = rank_methods(DEMSAR, alpha=0.10)
    assert found.ranks["C4.5"] == pytest.approx(3.143, abs=1e-3)
    assert found.ranks["C4.5+m"] == pytest.approx(2.0, abs=1e-3)
    assert found.ranks["C4.5+cf"] == pytest.approx(2.893, abs=1e-3)
    assert found.ranks["C4.5+m+cf"] == pytest.approx(1.964, abs=1e-3)
    assert found.critical_difference == pytest.approx(2.291 * np.sqrt(4 * 5 / (6 * 14)), abs=2e-3)
    assert found.p_value is not None
    assert found.p_value < 0.05
    assert rank_methods(DEMSAR).critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=2e-3)
    assert found.differ("C4.5", "C4.5+m")
    assert not found.differ("C4.5+cf", "C4.5+m+cf")


def test_the_statistic_is_scipys() -> None:
    table = np.random.default_rng(0).random((5, 9)).round(1)  # rounded, so that there are ties
    found = rank_methods({str(row): values.tolist() for row, values in enumerate(table)})
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*table).statistic)
    assert sum(found.ranks.values()) == pytest.approx(5 * 6 / 2)


def test_two_methods_and_equal_methods_have_no_test() -> None:
    two = rank_methods({"a": [0.2, 0.3], "b": [0.1, 0.4]})
    assert (two.p_value, two.ranks) == (None, {"a": 1.5, "b": 1.5})
    assert rank_methods({name: [0.5, 0.5] for name in "abc"}).p_value is None
    perfect = rank_methods({"a": [3, 3, 3], "b": [2, 2, 2], "c": [1, 1, 1]})
    assert perfect.p_value == 0.0


def test_to_json_and_back() -> None:
    found = rank_methods(DEMSAR)
    assert RankTest.from_dict(found.to_dict()) == found


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"a": [0.1, 0.2]}, "two methods or more"),
        ({"a": [0.1], "b": [0.2]}, "two corpora or more"),
        ({"a": [0.1, 0.2], "b": [0.2]}, "got a: 2, b: 1"),
        ({"a": [0.1, float("nan")], "b": [0.2, 0.3]}, "a: has no score"),
    ],
)
def test_what_cannot_be_ranked(scores: dict[str, list[float]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        rank_methods(scores)
