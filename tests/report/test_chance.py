"""Retrieval that is no better than a random order is said to be so, of classes and of true counterparts."""

import numpy as np

from overtone.evaluation import evaluate
from overtone.report.chance_words import chance_in_words


def views(rows=200, shared=0.0, seed=0):
    """Two views of normal rows that share a part of their variance."""
    draw = np.random.default_rng(seed)
    common = draw.normal(size=(rows, 8))
    one, other = (draw.normal(size=(rows, 8)) for _ in range(2))
    return shared * common + one, shared * common + other


def test_pairs_that_share_nothing_are_said_to():
    said = chance_in_words(evaluate(*views(seed=1), bootstrap=0))
    assert said.startswith("The true counterpart is among the first 10 items about as often (0.062)")
    assert "as by chance (0.050)" in said
    assert said.endswith("Check that the rows of the two modalities belong together.")


def test_pairs_that_share_something_give_rise_to_nothing():
    assert chance_in_words(evaluate(*views(shared=1.0), bootstrap=0)) is None


def test_a_few_items_are_judged_by_the_first():
    said = chance_in_words(evaluate(*views(rows=12), bootstrap=0))
    assert said.startswith("The true counterpart comes first about as often (")


def test_labels_decide_where_there_are_some():
    labels = np.random.default_rng(5).integers(0, 4, 200)
    assert "The test mAP (0.2" in chance_in_words(evaluate(*views(), targets=labels, bootstrap=200))
    assert chance_in_words(evaluate(*views(shared=2.0), targets=labels, bootstrap=200)) is None
