"""Folds of labelled rows: their share of every class, and groups that stay together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.interactions.folds import assign_folds


@given(st.integers(2, 5), st.integers(0, 100), st.lists(st.integers(-1, 3), min_size=12, max_size=60))
def test_folds_have_their_share_of_every_class(folds, seed, numbers):
    labels = torch.cat([torch.zeros(1, 4), torch.eye(4)])[torch.tensor(numbers) + 1]
    known = labels.sum(1) > 0
    if known.sum() < 2 * folds:
        with pytest.raises(InputError, match="too few labelled training rows"):
            assign_folds(labels, folds, seed)
        return
    places = assign_folds(labels, folds, seed)
    assert torch.equal(places, assign_folds(labels, folds, seed))
    assert torch.equal(places < 0, ~known)
    sizes = places[known].bincount(minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for number in range(4):
        counts = places[(labels[:, number] > 0)].bincount(minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_a_fold_has_at_least_two_labelled_rows():
    assert assign_folds(torch.ones(6, 1), 3, 0).bincount().tolist() == [2, 2, 2]
    with pytest.raises(InputError, match="5 rows in 3 folds"):
        assign_folds(torch.ones(5, 1), 3, 0)


def test_a_row_with_several_labels_counts_for_its_rarest():
    labels = torch.zeros(60, 2)
    labels[:, 0] = 1
    labels[:9, 1] = 1
    for seed in range(5):
        assert assign_folds(labels, 3, seed)[:9].bincount(minlength=3).tolist() == [3, 3, 3]


def test_seeds_deal_differently():
    labels = torch.eye(2)[torch.arange(40) % 2]
    assert not torch.equal(assign_folds(labels, 4, 0), assign_folds(labels, 4, 1))


def test_no_group_is_in_two_folds():
    generator = torch.Generator().manual_seed(0)
    labels = torch.eye(3)[torch.randint(3, (90,), generator=generator)]
    labels[::7] = 0.0
    groups = torch.arange(90) // 3
    found = assign_folds(labels, 3, 0, groups)
    known = labels.any(1)
    assert found[~known].eq(-1).all()
    for group in groups.unique():
        assert len(found[(groups == group) & known].unique()) == 1
    counts = found[known].bincount(minlength=3)
    assert counts.min() > 18
    assert torch.equal(found, assign_folds(labels, 3, 0, groups))
    assert torch.equal(assign_folds(labels, 3, 0, torch.arange(90)), assign_folds(labels, 3, 0))
