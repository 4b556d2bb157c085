"""Inference of interactions where the truth is known, and on real scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtone.features.corpora.simulated import SimulatorSettings, simulate
from overtone.graphs import Graph, infer_interactions
from overtone.graphs.class_edges import fold_to_classes

from .conftest import Floats


def cross_fitted(features: Any, labels: Any, folds: int = 5) -> Floats:
    """Scores of ridge regressions on the labels: the plainest teacher there is."""
    place = np.random.default_rng(0).permutation(len(features)) % folds
    scores = np.zeros(labels.shape)
    for number in range(folds):
        taught, judged = features[place != number], features[place == number]
        centred = taught - taught.mean(0)
        inner = centred.T @ centred
        inner += 0.05 * np.trace(inner) / len(inner) * np.eye(len(inner))
        wanted = labels[place != number]
        scores[place == number] = (judged - taught.mean(0)) @ np.linalg.solve(
            inner, centred.T @ (wanted - wanted.mean(0))
        )
    return scores


def planted(seed: int, chosen: dict[str, Any] | None = None, **simulated: Any) -> tuple[Graph, float, float]:
    """The graph of a simulated corpus, its precision and its recall; a source counts in either modality."""
    arrays = simulate(SimulatorSettings(**simulated), seed)
    train = arrays["split"] == "train"
    labels = arrays["labels"][train].astype(float)
    scores = {name: cross_fitted(arrays[name][train].astype(float), labels) for name in ("audio", "visual")}
    graph = infer_interactions(scores, labels, kind="sigmoid-logits", settings=chosen)
    classes = labels.shape[1]
    true = np.zeros((classes, 2 * classes), dtype=bool)
    true[arrays["interactions"][:, 0] % classes, arrays["interactions"][:, 1]] = True
    found = fold_to_classes(graph.directed, 2 * classes, classes)
    return graph, float((found & true).sum() / max(1, found.sum())), float((found & true).sum() / true.sum())


def test_planted_interactions_are_found() -> None:
    graph, precision, recall = planted(100)
    assert precision >= 0.8
    assert recall >= 0.6
    assert graph.adjacency.sum() / 2 < 0.1 * (30 * 29 / 2 - 15)
    assert all(edge.weight >= 0.8 and (edge.presence or 0) >= 0.5 for edge in graph.edges)
    # Scores as they are, only put on the scale of their class, show the leaks of a teacher that knows one label a clip.
    _, plain, _ = planted(100, {"rounds": 0, "strength": 0.0})
    assert plain < 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    "simulated",
    [
        {},
        {"probability": 0.35, "background": 0.3},
        {"within": 0.5, "mutual": 0.3, "background": 0.4, "spread": 0.2},
        {"missing": 0.4},
        {"classes": 40, "interactions": 300, "chains": False},
    ],
)
def test_planted_interactions_are_found_in_other_settings(simulated: dict[str, Any]) -> None:
    figures = np.array([planted(seed, **simulated)[1:] for seed in (100, 101, 102)])
    assert (figures.mean(0) >= (0.8, 0.6)).all()


@pytest.mark.shared_data
def test_real_scores_give_a_sparse_graph_whose_halves_agree(shared_data: Path) -> None:
    with np.load(shared_data / "ave15_scores" / "scores.npz", allow_pickle=False) as stored:
        rows = stored["split"] == "train"
        scores = {name: stored[name][rows] for name in ("audio", "visual")}
        labels = np.eye(15)[stored["y"][rows]]
    graph = infer_interactions(scores, labels, kind="sigmoid-logits", settings={"halves": 3})
    agreeing = graph.halves
    assert 0 < graph.adjacency.sum() / 2 < 60
    assert agreeing.jaccard >= 10 * agreeing.random
    assert all(edge.presence is not None and edge.presence >= 0.5 for edge in graph.edges)
