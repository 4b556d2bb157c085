"""The split by classes: a partition by hand, what stays out, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.features import Features, load, load_views, save, split_by_class, views_from_arrays


def single(y: np.ndarray, **more: object) -> Features:
    image = np.random.default_rng(0).standard_normal((len(y), 3))
    return views_from_arrays({"image": image, "y": y, **more})


@given(
    classes=st.integers(4, 9),
    extra=st.lists(st.integers(0, 8), max_size=30),
    names=st.permutations([f"kind {index}" for index in range(9)]),
)
def test_classes_are_parted_in_the_order_of_their_names_and_the_middle_one_tests(classes, extra, names):
    y = np.array([*range(classes), *(number % classes for number in extra)])
    data = single(y, class_names=names[:classes], is_test=np.arange(len(y)) % 2)
    parted = split_by_class(data)
    assert parted.splits["train"].tolist() == np.flatnonzero(y < classes // 2).tolist()
    assert parted.splits["test"].tolist() == np.flatnonzero(y >= classes // 2).tolist()
    note = f"{classes // 2} classes train ({names[0]} to {names[classes // 2 - 1]}), {classes - classes // 2} test"
    assert note in parted.provenance.notes[-1]
    assert parted.labels is data.labels


def test_of_an_odd_number_of_classes_the_middle_one_tests():
    parted = split_by_class(single(np.array([0, 1, 2, 3, 4])))
    assert (parted.splits["train"].tolist(), parted.splits["test"].tolist()) == ([0, 1], [2, 3, 4])


def test_rows_without_a_label_or_a_split_stay_in_none_and_are_counted():
    labels = np.eye(4, dtype=np.uint8)[np.arange(12) % 4]
    labels[5] = 0
    split = np.array(["train"] * 6 + ["val"] * 2 + ["test"] * 3 + [""])
    data = views_from_arrays(
        {"image": np.random.default_rng(0).standard_normal((12, 3)), "labels": labels, "split": split}
    )
    parted = split_by_class(data)
    assert list(parted.splits) == ["train", "test"]
    assert parted.splits["train"].tolist() == [0, 1, 4, 8, 9]
    assert parted.splits["test"].tolist() == [2, 3, 6, 7, 10]
    assert "2 rows without a label or in no split stay in none" in parted.provenance.notes[-1]
    assert len(parted) == 12


def test_pairs_stay_pairs_and_a_parted_corpus_can_be_saved(tmp_path):
    parted = split_by_class(load("split-digits"))
    save(parted, tmp_path / "a.npz")
    again = load(tmp_path / "a.npz")
    assert torch.equal(again.splits["train"], parted.splits["train"])
    seen = [set(again.split(name).targets.argmax(1).tolist()) for name in ("train", "test")]
    assert seen == [{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}]


def test_features_without_splits_take_part_whole():
    data = load_views("digits").split("test")
    assert data.splits == {}
    assert sum(len(rows) for rows in split_by_class(data).splits.values()) == len(data)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "cannot be split by class; got no labels; valid: at most one class a row"),
        ({"labels": np.ones((6, 4))}, "got multi labels .a row with classes of both halves would be on both sides"),
        ({"labels": np.full((6, 4), 0.5)}, "got soft labels"),
        ({"y": np.arange(6) % 3}, "too few classes with rows for the train side .*; got 1; valid: 2 or more"),
        ({"y": np.array([0, 1, 2] * 2), "class_names": list("abcd")}, "for the test side of .*; got 1"),
    ],
)
def test_what_cannot_be_parted_is_refused(labels, message):
    data = views_from_arrays({"image": np.random.default_rng(0).standard_normal((6, 3)), **labels})
    with pytest.raises(InputError, match=f"arrays: .*{message}"):
        split_by_class(data)
