"""The recall of true counterparts beside that of a random order."""

import numpy as np
import pytest

from overtone.evaluation import counterpart_recall, evaluate


def views(rows, shared=0.0, seed=0):
    """Two views of normal rows that share a part of their variance."""
    draw = np.random.default_rng(seed)
    common = draw.normal(size=(rows, 8))
    one, other = (draw.normal(size=(rows, 8)) for _ in range(2))
    return shared * common + one, shared * common + other


def test_a_few_items_are_judged_by_the_first():
    found = counterpart_recall(evaluate(*views(12, shared=3.0), bootstrap=0))
    assert (found.cutoff, found.queries) == (1, 12)
    assert found.by_chance == pytest.approx(1 / 12)
    assert found.beats_chance


def test_a_cutoff_may_be_asked_for():
    found = counterpart_recall(evaluate(*views(200), bootstrap=0), cutoff=5)
    assert (found.cutoff, found.by_chance) == (5, 0.025)
    assert counterpart_recall(evaluate(*views(200), bootstrap=0), cutoff=7) is None


def test_two_standard_errors_are_asked_for():
    found = counterpart_recall(evaluate(*views(200), bootstrap=0))
    error = (0.05 * 0.95 / 200) ** 0.5
    assert not found._replace(value=0.05 + 1.9 * error).beats_chance
    assert found._replace(value=0.05 + 2.1 * error).beats_chance


def test_directions_of_different_sizes_count_each_on_its_own():
    first, second = views(100)
    there = np.arange(100) >= 20
    names = ("audio", "visual")
    found = evaluate(first, second, names=names, present={"audio": there, "visual": np.ones(100, bool)}, bootstrap=0)
    galleries = {size.gallery for size in found.sizes.values()}
    assert galleries == {80, 100}
    recall = counterpart_recall(found)
    assert recall.by_chance == pytest.approx((10 / 80 + 10 / 100) / 2)
    assert recall.queries == 80
