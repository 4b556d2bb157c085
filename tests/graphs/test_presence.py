"""Presences by hand: what sets the scale of a class, and one round of unmixing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.graphs import InferenceSettings, presences

from .conftest import clips, scored

PLAIN = {"rounds": 0}


def two_classes(rows: int = 200, seed: int = 0) -> tuple[Any, Any]:
    """Logits and labels of annotated rows of two classes that are far apart."""
    random = np.random.default_rng(seed)
    labels = np.eye(2)[random.integers(2, size=rows)]
    return 8 * labels - 4 + random.normal(size=labels.shape), labels


def by_hand(scores: Any, labels: Any, **chosen: Any) -> Any:
    """Presences without unmixing: 0 at the median of rows annotated otherwise, 1 at a quantile of those with it."""
    settings = InferenceSettings(**chosen)
    found = np.zeros(scores.shape)
    annotated = labels.sum(1) > 0
    for at in range(scores.shape[1]):
        own = labels[:, at] > 0
        absent = np.median(scores[annotated & ~own, at])
        present = np.quantile(scores[own, at], settings.annotated_quantile)
        gap = max(present - absent, scores[:, at].std())
        step = settings.sharpness * ((scores[:, at] - absent) / gap - settings.midpoint)
        found[:, at] = 1 / (1 + np.exp(-step))
    return found


@pytest.mark.parametrize(
    "chosen", [{}, {"annotated_quantile": 0.6}, {"midpoint": 0.7}, {"sharpness": 3.0}], ids=lambda chosen: str(chosen)
)
def test_the_scale_is_the_median_of_others_and_a_quantile_of_own_rows(chosen: dict[str, Any]) -> None:
    scores, labels = two_classes()
    found = presences({"audio": scores}, labels, kind="sigmoid-logits", settings={**PLAIN, **chosen})["audio"]
    np.testing.assert_allclose(found, by_hand(scores, labels, **chosen), atol=1e-12)


def test_rows_without_a_label_do_not_set_the_scale() -> None:
    """Three times as many rows, all with high scores: the median of "not annotated with it" would be theirs."""
    scores, labels = two_classes()
    high = 4 + np.random.default_rng(1).normal(size=(600, 2))
    whole, marked = np.vstack([scores, high]), np.vstack([labels, np.zeros((600, 2))])
    found = presences({"audio": whole}, marked, kind="sigmoid-logits", settings=PLAIN)["audio"]
    np.testing.assert_allclose(found, by_hand(whole, marked), atol=1e-12)
    alone = presences({"audio": scores}, labels, kind="sigmoid-logits", settings=PLAIN)["audio"]
    np.testing.assert_allclose(found[:200], alone, atol=1e-12)
    assert (found[200:] > 0.5).all()


def test_a_class_that_its_own_rows_hardly_stand_out_in_is_not_blown_up() -> None:
    random = np.random.default_rng(0)
    labels = np.eye(2)[random.integers(2, size=400)]
    scores = random.normal(size=(400, 2))
    found = presences({"audio": scores}, labels, kind="sigmoid-logits", settings={**PLAIN, "annotated_quantile": 0.5})
    np.testing.assert_allclose(found["audio"], by_hand(scores, labels, annotated_quantile=0.5), atol=1e-12)


def test_one_round_of_unmixing_by_least_squares() -> None:
    """With next to no shrinkage: standardised scores on presences by least squares, unmixed by the inverse."""
    random = np.random.default_rng(0)
    events = random.random((500, 3)) < 0.4
    labels = np.eye(3)[np.where(events, random.random((500, 3)), -1).argmax(1)]
    scores = events @ np.array([[3, -2, 0], [0, 3, -2], [-2, 0, 3]]) + random.normal(size=(500, 3)) / 2
    standard = (scores - scores.mean(0)) / scores.std(0)
    first = by_hand(standard, labels)
    mixing = np.linalg.lstsq(first - first.mean(0), standard, rcond=None)[0]
    wanted = by_hand(standard @ np.linalg.inv(mixing), labels)
    found = presences({"a": scores}, labels, kind="sigmoid-logits", settings={"rounds": 1, "ridge": 1e-12})["a"]
    np.testing.assert_allclose(found, wanted, atol=1e-8)
    shrunk = presences({"a": scores}, labels, kind="sigmoid-logits", settings={"rounds": 1, "ridge": 0.2})["a"]
    centred = first - first.mean(0)

    def ridge(matrix: Any) -> Any:
        inner = matrix.T @ matrix
        return np.linalg.inv(inner + 0.2 * np.trace(inner) / 3 * np.eye(3)) @ matrix.T

    np.testing.assert_allclose(shrunk, by_hand(standard @ ridge(ridge(centred) @ standard), labels), atol=1e-8)


def test_each_round_unmixes_again() -> None:
    scores, labels = two_classes()
    scores = scores @ np.array([[1.0, -0.8], [0.6, 1.0]])
    one, two, many = (
        presences({"a": scores}, labels, kind="sigmoid-logits", settings={"rounds": rounds})["a"]
        for rounds in (1, 2, 10)
    )
    assert np.abs(two - one).max() > 1e-4
    assert np.abs(many - two).max() > 1e-6


def test_modalities_stay_in_the_order_in_which_they_are_given() -> None:
    scores, labels = two_classes()
    for names in (("visual", "audio"), ("text", "image")):
        found = presences(dict(zip(names, (scores, -scores))), labels, kind="sigmoid-logits")
        assert tuple(found) == names
        first = presences({names[0]: scores}, labels, kind="sigmoid-logits")[names[0]]
        np.testing.assert_array_equal(found[names[0]], first)


def test_classes_that_all_or_no_annotated_rows_have_are_left_out() -> None:
    scores, labels = two_classes()
    more = np.column_stack([scores, scores[:, 0], scores[:, 1]])
    marked = np.column_stack([labels, np.ones(200), np.zeros(200)])
    marked[:50] = 0  # rows without a label decide nothing
    found = presences({"audio": more}, marked, kind="sigmoid-logits")["audio"]
    assert (found[:, 2:] == 0).all()
    assert (found[:, :2].max(0) > 0.9).all()
    with pytest.raises(InputError, match="no class is annotated in some"):
        presences({"audio": more[:, 2:]}, marked[:, 2:], kind="sigmoid-logits")


def test_presences_undo_what_a_teacher_learns_of_company() -> None:
    random = np.random.default_rng(1)
    events = random.random((2000, 4)) < 0.35
    labels = np.eye(4)[np.where(events, random.random(events.shape), -1).argmax(1)] * events.any(1, keepdims=True)
    company = np.array([[3, -2, 1, 0], [0, 3, -2, 1], [1, 0, 3, -2], [-2, 1, 0, 3]])
    scores = {"audio": events @ company + 0.3 * random.normal(size=events.shape)}
    unseen = (labels == 0) & (labels.sum(1, keepdims=True) > 0)

    def right(**chosen: Any) -> float:
        found = presences(scores, labels, kind="sigmoid-logits", settings=chosen)["audio"]
        return float(((found > 0.5) == events)[unseen].mean())

    assert right() > 0.97
    assert right(rounds=0) < 0.93


@settings(max_examples=20, deadline=None)
@given(
    scale=st.lists(st.floats(0.1, 10), min_size=5, max_size=5),
    shift=st.lists(st.floats(-5, 5), min_size=5, max_size=5),
    rounds=st.integers(0, 3),
)
def test_neither_temperature_nor_bias_of_a_class_matters(scale: Any, shift: Any, rounds: int) -> None:
    random, labels, events = clips(200)
    scores = scored(random, events)
    moved = {name: part * np.array(scale) + np.array(shift) for name, part in scores.items()}
    first, second = (
        presences(some, labels, kind="sigmoid-logits", settings={"rounds": rounds}) for some in (scores, moved)
    )
    for name in scores:
        assert ((first[name] >= 0) & (first[name] <= 1)).all()
        np.testing.assert_allclose(first[name], second[name], atol=1e-6)


def test_kinds_of_soft_labels_are_told_apart() -> None:
    random, labels, events = clips(300)
    scores = scored(random, events)
    chances = {name: 1 / (1 + np.exp(-part)) for name, part in scores.items()}
    np.testing.assert_allclose(
        presences(chances, labels)["visual"], presences(scores, labels, kind="sigmoid-logits")["visual"], atol=1e-9
    )
    with pytest.raises(InputError, match="softmax probabilities sum to one"):
        presences(chances, labels, kind="softmax")
    closed = {name: part / part.sum(1, keepdims=True) for name, part in chances.items()}
    assert presences(closed, labels, kind="softmax")["audio"].shape == (300, 5)
