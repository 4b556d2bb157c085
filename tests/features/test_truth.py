"""Interactions in files and in features: pairs of node numbers or a matrix; what is wrong with either is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.features import SimulatorSettings, from_arrays, load, save, save_arrays, simulate
from overtone.features.truth import to_matrix, to_pairs


def clips(**more):
    rng = np.random.default_rng(0)
    split = ["train"] * 8 + ["test"] * 4
    return {"audio": rng.normal(size=(12, 3)), "visual": rng.normal(size=(12, 4)), "split": split, **more}


def labels(classes: int = 3) -> np.ndarray:
    return np.eye(classes, dtype=np.uint8)[np.arange(12) % classes]


@given(st.integers(1, 6).flatmap(lambda c: st.tuples(st.just(c), st.lists(st.integers(0, 4 * c * c - 1), unique=True))))
def test_matrix_and_pairs_are_the_same(case):
    classes, places = case
    matrix = np.zeros((2 * classes, 2 * classes), np.float32)
    matrix.flat[places] = np.linspace(0.1, 1.0, len(places))
    pairs, strengths = to_pairs(matrix)
    assert pairs.shape == (len(places), 2)
    assert np.array_equal(to_matrix(pairs, strengths, classes), matrix)


def test_pairs_are_read_as_source_and_target_of_numbered_nodes():
    data = from_arrays(clips(labels=labels(), interactions=[[0, 4], [5, 2]], interaction_strengths=[0.5, 0.25]))
    wanted = torch.zeros(6, 6)
    wanted[0, 4], wanted[5, 2] = 0.5, 0.25  # class 0 heard brings class 1 seen, class 2 seen brings class 2 heard
    assert torch.equal(data.truth["interactions"], wanted)
    assert set(data.truth) == {"interactions"}
    plain = from_arrays(clips(labels=labels(), interactions=[[0, 4], [5, 2]]))
    assert torch.equal(plain.truth["interactions"], (wanted > 0).float())
    same = from_arrays(clips(labels=labels(), interactions=wanted))
    assert torch.equal(same.truth["interactions"], wanted)


@pytest.mark.parametrize("none", [np.zeros((0, 2), np.int64), []])
def test_no_interactions_are_an_empty_matrix(none):
    data = from_arrays(clips(y=np.arange(12) % 3, interactions=none))
    assert torch.equal(data.truth["interactions"], torch.zeros(6, 6))


def test_the_number_of_classes_is_that_of_events_names_or_labels():
    pair = {"interactions": [[0, 1]]}
    wide = from_arrays(clips(events_audio=np.eye(5)[np.zeros(12, int)], y=np.arange(12) % 3, **pair))
    named = from_arrays(clips(y=np.arange(12) % 3, class_names=list("abcd"), **pair))
    counted = from_arrays(clips(y=np.arange(12) % 3, **pair))
    assert [len(data.truth["interactions"]) for data in (wide, named, counted)] == [10, 8, 6]


@pytest.mark.parametrize("suffix", ["npz", "h5", "parquet", "safetensors"])
@pytest.mark.parametrize("interactions", [0, 5])
def test_a_simulated_corpus_comes_back_whole(tmp_path, suffix, interactions):
    settings = SimulatorSettings(classes=4, train_rows=30, test_rows=10, interactions=interactions, spread=0.2)
    arrays = simulate(settings, seed=3)
    assert arrays["interactions"].shape == (interactions, 2)
    save_arrays(arrays, tmp_path / f"one.{suffix}")
    wanted, data = from_arrays(arrays), load(tmp_path / f"one.{suffix}")
    save(data, tmp_path / f"two.{suffix}")  # from here on as a matrix
    for found in (data, load(tmp_path / f"two.{suffix}")):
        assert found.provenance.checksum == wanted.provenance.checksum
        assert found.truth.keys() == wanted.truth.keys() == {"events_audio", "events_visual", "interactions"}
        assert all(torch.equal(found.truth[key], wanted.truth[key]) for key in wanted.truth)
    assert int((data.truth["interactions"] > 0).sum()) == interactions


def test_events_belong_to_pairs_of_modalities():
    assert from_arrays(clips(events_audio=np.ones((12, 2)))).events is None
    data = from_arrays(clips(events_audio=np.ones((12, 2)), events_visual=np.zeros((12, 2))))
    assert [float(part.sum()) for part in data.events] == [24, 0]
    assert len(data.split("test").events[0]) == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"interactions": [[0, 6]]}, r"no node has such a number; got 6; valid: whole numbers from 0 to 5"),
        ({"interactions": [[-1, 1.5]]}, r"no node has such a number; got -1.0, 1.5"),
        ({"interactions": np.zeros((5, 5))}, r"not interactions; got shape \(5, 5\).*\(K, 2\) pairs"),
        ({"interactions": np.zeros((4, 3))}, r"not interactions; got shape \(4, 3\)"),
        ({"interactions": [[0, 1]], "interaction_strengths": [0.5, 0.5]}, "not one for each interaction; got 2 for 1"),
        ({"interaction_strengths": [0.5]}, "strengths without 'interactions'"),
        ({"events_audio": np.full((12, 3), 2.0)}, r"'events_audio': not events.*\(N, C\) in \[0, 1\]"),
        ({"events_audio": np.zeros(12)}, r"'events_audio': not events; got shape \(12,\)"),
        ({"events_audio": np.zeros((12, 3)), "events_visual": np.zeros((12, 4))}, "one number of classes.*got 3 and 4"),
    ],
)
def test_wrong_truth_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        from_arrays(clips(labels=labels(), **given))


def test_node_numbers_without_classes_are_refused():
    with pytest.raises(InputError, match="node numbers without classes; bring labels or events"):
        from_arrays(clips(interactions=[[0, 1]]))
