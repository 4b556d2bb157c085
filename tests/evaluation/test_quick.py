"""The shortcuts agree with the whole, and the keys with the cosines."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score

from overtone.core import InputError
from overtone.evaluation import counterpart_ranks, evaluate, mean_average_precision, mean_reciprocal_rank
from overtone.evaluation.retrieval import order_keys

RANDOM = np.random.default_rng(0)
AUDIO, VISUAL = RANDOM.normal(size=(2, 90, 8))
LABELS = RANDOM.integers(0, 4, 90)


def test_shortcuts_agree_with_evaluate() -> None:
    whole = evaluate(AUDIO, VISUAL, LABELS)
    assert mean_average_precision(AUDIO, VISUAL, LABELS, LABELS) == pytest.approx(whole.to_dict()["map"]["a2v"])
    np.testing.assert_allclose(counterpart_ranks(AUDIO, VISUAL), whole.per_query["mean_rank"]["a2v"])


def test_queries_and_gallery_may_differ_in_size_and_classes() -> None:
    scores = AUDIO / np.linalg.norm(AUDIO, axis=1, keepdims=True)
    gallery, labels = VISUAL[:37], LABELS[:37].copy()
    labels[labels == 3] = 7  # class 3 is only asked for, class 7 only found
    scores = scores @ (gallery / np.linalg.norm(gallery, axis=1, keepdims=True)).T
    known = LABELS != 3
    expected = np.mean([average_precision_score(labels == y, s) for y, s in zip(LABELS[known], scores[known])])
    assert mean_average_precision(AUDIO, gallery, LABELS, labels) == pytest.approx(expected, abs=1e-6)


def test_nothing_in_common_is_not_a_number() -> None:
    assert np.isnan(mean_average_precision(AUDIO, VISUAL, np.zeros(90, int), np.ones(90, int)))


def test_counterpart_ranks_by_hand() -> None:
    gallery = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 1.0]])
    queries = np.array([[1.0, 0.1], [0.1, 1.0], [1.0, 0.0], [0.0, -1.0]])
    np.testing.assert_array_equal(counterpart_ranks(queries, gallery), [1.0, 1.5, 4.0, 3.5])


@given(arrays.arrays(np.float32, 30, elements=st.floats(-1.5, 1.5, width=32)))
def test_keys_order_and_tie_as_the_numbers_do(values: np.ndarray) -> None:
    values[:2] = 0.0, -0.0
    values[2:4] = np.float32(1e-42), np.float32(-1e-42)  # denormals are numbers, too
    keys = order_keys(values.copy()).astype(np.int64)
    np.testing.assert_array_equal(np.sign(keys[:, None] - keys), np.sign(values[:, None] - values))
    assert not (keys % 2).any()


def test_reciprocal_rank_is_the_mean_over_both_directions() -> None:
    first, second = torch.randn(37, 5), torch.randn(37, 5)
    x, y = (torch.nn.functional.normalize(z, dim=1) for z in (first, second))
    similarity = x @ y.T
    ranks = [int((row > row[i]).sum()) + 1 for matrix in (similarity, similarity.T) for i, row in enumerate(matrix)]
    expected = sum(1 / rank for rank in ranks) / len(ranks)
    assert mean_reciprocal_rank(first, second) == pytest.approx(expected, rel=1e-6)


def test_reciprocal_rank_of_ties_is_not_a_perfect_one() -> None:
    assert mean_reciprocal_rank(torch.ones(9, 2), torch.ones(9, 2)) == pytest.approx(1 / 5)
    assert mean_reciprocal_rank(torch.zeros(9, 2), torch.ones(9, 2)) == pytest.approx(1 / 5)


def test_the_reciprocal_rank_is_that_of_any_arrays() -> None:
    rows = np.random.default_rng(0).normal(size=(2, 9, 3))
    assert mean_reciprocal_rank(*rows) == mean_reciprocal_rank(*torch.from_numpy(rows))
    assert mean_reciprocal_rank([[1, 0], [0, 1]], [[1, 0], [0, 1]]) == 1.0
    with pytest.raises(InputError, match="same clip; got 9 and 8 rows"):
        mean_reciprocal_rank(rows[0], rows[1][:8])


def test_reciprocal_rank_does_not_depend_on_blocks() -> None:
    first, second = torch.randn(1500, 2), torch.randn(1500, 2)
    assert mean_reciprocal_rank(first, second, memory_mb=16) == mean_reciprocal_rank(first, second, memory_mb=2000)
