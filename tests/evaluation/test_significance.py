"""Intervals that cover, tests that neither sleep nor cry wolf, the same answer every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from overtone.core import InputError
from overtone.evaluation import (
    adjust_p_values,
    mean_interval,
    paired_bootstrap,
    paired_seed_test,
    seeds_interval,
    student_interval,
)
from overtone.evaluation.significance import by_clip

RANDOM = np.random.default_rng(0)


def test_interval_is_that_of_the_mean() -> None:
    values = RANDOM.random(400)
    low, high = mean_interval(values, resamples=4000)
    reach = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.1 * reach)


def test_interval_covers_as_often_as_it_says() -> None:
    draws = RANDOM.random((300, 60))
    hits = [low <= 0.5 <= high for low, high in (mean_interval(row, resamples=200) for row in draws)]
    assert 0.89 <= np.mean(hits) <= 0.98


def test_directions_are_drawn_together() -> None:
    """Two directions that repeat each other carry no more certainty than one; independent ones do."""
    first, second = RANDOM.random((2, 300))
    width = [np.ptp(mean_interval({"a2v": first, "v2a": other}, resamples=3000)) for other in (first, second)]
    assert np.ptp(mean_interval(first, resamples=3000)) == pytest.approx(width[0])
    assert width[1] == pytest.approx(width[0] / np.sqrt(2), rel=0.15)


def test_clip_means_use_what_is_known() -> None:
    nan = float("nan")
    values = by_clip({"a2v": torch.tensor([1.0, nan, nan]), "v2a": torch.tensor([0.0, 0.5, nan])})
    np.testing.assert_array_equal(values, [0.5, 0.5, nan])


def test_numbers_of_a_list_keep_their_digits() -> None:
    """Not rounded to float32 on the way; a tensor has the precision it came with."""
    assert by_clip([0.1, 1 / 3]).tolist() == [0.1, 1 / 3]
    assert by_clip(torch.tensor([0.1])).item() == float(np.float32(0.1))
    test = paired_seed_test([0.3, 0.2], [0.2, 0.1])
    assert test["difference"] == pytest.approx(0.1, abs=1e-15)


def test_same_seed_same_answer() -> None:
    x, y = RANDOM.random((2, 50))
    assert paired_bootstrap(x, y, seed=3) == paired_bootstrap(x, y, seed=3)
    assert paired_bootstrap(x, y, seed=3) != paired_bootstrap(x, y, seed=4)


def test_memory_chunks_keep_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RANDOM.random(100)
    whole = mean_interval(values, resamples=3000)
    monkeypatch.setattr("overtone.evaluation.significance._CHUNK", 250)
    assert mean_interval(values, resamples=3000) == pytest.approx(whole, abs=0.01)


def test_paired_test_sees_what_pairing_shows() -> None:
    """A small steady gain under a large spread of queries: invisible unpaired, plain when paired."""
    difficulty = RANDOM.random(200)
    better = difficulty + 0.01 + 0.01 * RANDOM.normal(size=200)
    result = paired_bootstrap(better, difficulty)
    assert result["p_value"] < 0.001
    assert 0 < result["ci95"][0] < result["difference"] < result["ci95"][1]
    assert stats.ttest_ind(better, difficulty).pvalue > 0.5
    mirrored = paired_bootstrap(difficulty, better)
    assert mirrored["difference"] == pytest.approx(-result["difference"])
    assert mirrored["p_value"] == result["p_value"]


def test_p_values_without_a_difference_are_spread_evenly() -> None:
    p = [paired_bootstrap(*RANDOM.random((2, 60)), resamples=300)["p_value"] for _ in range(300)]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10
    assert paired_bootstrap([0.3, 0.4], [0.3, 0.4])["p_value"] == 1.0


def test_queries_left_out_of_either_are_left_out_of_the_test() -> None:
    nan = float("nan")
    result = paired_bootstrap([0.5, nan, 0.7, 0.2], [0.4, 0.1, nan, 0.1])
    assert result["queries"] == 2
    assert result["difference"] == pytest.approx(0.1)
    empty = paired_bootstrap([nan], [0.2])
    assert empty["queries"] == 0
    assert np.isnan([empty["difference"], empty["p_value"], *empty["ci95"]]).all()


def test_seeds_widen_the_interval() -> None:
    clips = RANDOM.random(200)
    agreeing = seeds_interval([clips, clips, clips], resamples=2000)
    assert agreeing == pytest.approx(mean_interval(clips, resamples=2000), abs=0.01)
    low, high = seeds_interval([clips - 0.2, clips, clips + 0.2], resamples=2000)
    assert high - low > 2 * np.ptp(agreeing)


def test_seed_test_is_the_paired_t_test() -> None:
    x, y = RANDOM.random((2, 6))
    result = paired_seed_test(x, y)
    reference = stats.ttest_rel(x, y)
    interval = reference.confidence_interval(0.95)
    assert result["p_value"] == pytest.approx(reference.pvalue)
    assert result["ci95"] == pytest.approx([interval.low, interval.high])
    assert (result["wins"], result["seeds"]) == ((x > y).sum(), 6)
    assert paired_seed_test([0.5, 0.5], [0.5, 0.5])["p_value"] == 1.0
    assert paired_seed_test([0.75, 0.5], [0.5, 0.25])["p_value"] == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: paired_bootstrap([0.1, 0.2], [0.1]),
        lambda: paired_bootstrap([0.1], [0.1], resamples=0),
        lambda: mean_interval(np.zeros((2, 2))),
        lambda: seeds_interval([[0.1], [0.1, 0.2]]),
        lambda: seeds_interval([]),
        lambda: paired_bootstrap({}, {}),
        lambda: paired_bootstrap({"a2v": [1.0, 2.0]}, {"v2a": [1.0, 2.0]}),
        lambda: paired_bootstrap([float("inf"), 1.0], [1.0, 1.0]),
        lambda: paired_seed_test([0.1], [0.2]),
        lambda: paired_seed_test([0.1, float("nan")], [0.2, 0.1]),
    ],
)
def test_what_cannot_be_compared_is_refused(call: object) -> None:
    with pytest.raises(InputError):
        call()


def test_a_test_that_could_not_be_made_touches_no_other() -> None:
    adjusted = adjust_p_values([0.01, float("nan"), 0.02])
    assert adjusted == pytest.approx([0.02, float("nan"), 0.02], nan_ok=True)


def test_student_interval_is_scipys() -> None:
    values = [0.2, 0.5, 0.3, 0.9]
    expected = stats.t.interval(0.9, 3, loc=np.mean(values), scale=stats.sem(values))
    assert student_interval(values, confidence=0.9) == pytest.approx(expected)


def test_student_interval_of_one_seed_is_unknown() -> None:
    assert np.isnan(student_interval([0.5])).all()


def test_a_p_value_is_never_zero_and_twice_the_rarer_side() -> None:
    """However clear the lead, B draws support no p-value below 2 / (B + 1)."""
    clear = paired_bootstrap(np.full(20, 0.9), np.full(20, 0.1), resamples=99)
    assert clear["p_value"] == pytest.approx(2 / 100)
    level = paired_bootstrap(np.full(20, 0.5), np.full(20, 0.5), resamples=99)
    assert level["p_value"] == 1.0
