"""Usual ways to complete labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from overtone.features import SimulatorSettings, from_arrays, simulate
from overtone.interactions import InteractionTrainer
from overtone.interactions.relabelling import (
    RELABELLINGS,
    relabel_by_neighbours,
    relabel_confident,
    smooth_labels,
    take_soft_labels,
)

LABELS = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]])
SOFT = torch.tensor([[0.9, 0.4, 0.1], [0.7, 0.2, 0.1], [0.8, 0.3, 0.2], [0.1, 0.35, 0.9]])


@pytest.mark.parametrize("relabel", RELABELLINGS.values())
def test_targets_are_chances_and_annotated_classes_stay_ahead(relabel):
    features = [torch.randn(4, 5, generator=torch.Generator().manual_seed(side)) for side in range(2)]
    found = relabel(LABELS, SOFT, features)
    assert found.shape == LABELS.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found[LABELS > 0] >= 0.9).all()


def test_soft_labels_are_taken_as_they_are():
    assert torch.equal(take_soft_labels(LABELS, SOFT, ()), torch.maximum(LABELS, SOFT))


def test_confident_learning_asks_for_what_annotated_clips_have():
    found = relabel_confident(LABELS, SOFT, ())
    assert found.tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]  # thresholds .8, .3, and none


def test_smoothing_leaves_ninety_per_cent():
    assert smooth_labels(LABELS, SOFT, ())[0].tolist() == pytest.approx([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])


def test_neighbours_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    features = [torch.as_tensor(random.normal(size=(60, size)), dtype=torch.float32) for size in (6, 9)]
    labels = torch.eye(3)[torch.as_tensor(random.integers(0, 3, 60))]
    labels[50:] = 0
    shares = np.zeros((60, 3))
    for rows in features:
        scaled = StandardScaler().fit_transform(rows.numpy())
        near = NearestNeighbors(n_neighbors=11, metric="cosine").fit(scaled[:50]).kneighbors(scaled)[1]
        for number, members in enumerate(near):
            shares[number] += labels.numpy()[[m for m in members if m != number][:10]].mean(0) / 2
    wanted = np.maximum(labels.numpy(), shares)
    np.testing.assert_allclose(relabel_by_neighbours(labels, labels, features), wanted, atol=1e-6)


@pytest.mark.parametrize("kind", RELABELLINGS)
def test_a_student_learns_them_in_place_of_event_chances(kind, tmp_path):
    data = from_arrays(simulate(SimulatorSettings(train_rows=240, test_rows=60, classes=4, interactions=3), 0))
    settings = {"graph": kind, "epochs": 2, "event_weight": 0.2}
    settings["teacher"] = {"epochs": 2, "feature_reconstruction": 0}
    run = InteractionTrainer().train("interactions", data, settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run" / "graph.json").exists()
    assert run.method.events.shape == (240, 4)
    assert run.evaluation["map_events"].mean > 0.1
