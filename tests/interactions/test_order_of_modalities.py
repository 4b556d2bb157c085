"""Names of modalities say nothing of their order: a corpus called otherwise gives the same run under other names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import overtone
from overtone.graphs.reading import read_soft_labels
from overtone.interactions import (
    InteractionTrainer,
    SoftLabels,
    cross_fit,
    estimate_presences,
    infer_graph,
    read_run_graph,
)
from overtone.interactions.class_graph import load_graph
from overtone.training import Run

from .conftest import INFERENCE, TEACHER

BACKWARDS = [("visual", "audio"), ("text", "image")]
FOLDS = {"folds": 2, "checkpoint_seconds": 0}


def called(data, names):
    """The same clips under other names of their modalities."""
    return replace(data, modalities=dict(zip(names, data.modalities.values())), truth={})


@pytest.fixture(scope="module")
def known(corpus):
    """Soft labels and graph of the corpus under its usual names, which are in alphabetical order."""
    soft = cross_fit(corpus, folds=2, settings=TEACHER)
    return soft, infer_graph(soft, INFERENCE)


@pytest.mark.parametrize("names", BACKWARDS)
def test_soft_labels_keep_the_order_through_their_file(corpus, known, names, tmp_path):
    soft = cross_fit(called(corpus, names), folds=2, settings=TEACHER, out=tmp_path)
    again = SoftLabels.load(tmp_path / "soft_labels.safetensors")
    for one in (soft, again):
        assert tuple(one.probabilities) == tuple(one.in_sample) == tuple(one.reliability) == names
        for name, usual in zip(names, ("audio", "visual")):
            assert torch.equal(one.probabilities[name], known[0].probabilities[usual])
            assert torch.equal(one.in_sample[name], known[0].in_sample[usual])
            assert one.reliability[name] == known[0].reliability[usual]
    file = read_soft_labels(tmp_path / "soft_labels.safetensors", names)
    taken = SoftLabels.from_file(file, "sigmoid", "soft labels")
    assert tuple(taken.probabilities) == names
    assert torch.equal(taken.both[0], soft.both[0])


@pytest.mark.parametrize("names", BACKWARDS)
def test_presences_and_graph_keep_the_order(corpus, known, names):
    soft = cross_fit(called(corpus, names), folds=2, settings=TEACHER)
    chances = estimate_presences(soft, INFERENCE)
    assert tuple(chances) == names
    for found, usual in zip(chances.values(), estimate_presences(known[0], INFERENCE).values()):
        np.testing.assert_array_equal(found, usual)
    graph = infer_graph(soft, INFERENCE)
    assert graph.edges
    translated = dict(zip(("audio", "visual"), names))
    assert graph.nodes == tuple(
        f"{translated[modality]}:{name}" for modality, name in (node.split(":") for node in known[1].nodes)
    )
    for matrix in ("directed", "undirected", "weights", "presence", "direction"):
        np.testing.assert_array_equal(getattr(graph, matrix), getattr(known[1], matrix))
    assert [one.rows for one in graph.support] == [one.rows for one in known[1].support]


@pytest.mark.parametrize("names", BACKWARDS)
def test_a_run_and_its_graph_keep_the_order(corpus, names, tmp_path):
    settings = {**FOLDS, "epochs": 2, "teacher": TEACHER, "inference": INFERENCE}
    trainer = InteractionTrainer()
    usual = trainer.train("interactions", replace(corpus, truth={}), settings=settings, out=tmp_path / "usual")
    data = called(corpus, names)
    run = trainer.train("interactions", data, settings=settings, out=tmp_path / "run")
    wanted = usual.method.state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in run.method.state_dict().items())
    loaded = Run.load(tmp_path / "run")
    assert loaded.modalities == names
    first = loaded.embed(data)
    assert tuple(first) == names
    for name, other in zip(names, usual.embed(replace(corpus, truth={})).values()):
        torch.testing.assert_close(first[name], other)
    graph, stored = read_run_graph(tmp_path / "run"), load_graph(tmp_path / "usual")
    assert graph.nodes[0].startswith(f"{names[0]}:")
    np.testing.assert_array_equal(graph.weights, stored.weights)
    assert [one.rows for one in graph.support] == [one.rows for one in stored.support]
    anew = overtone.graph(tmp_path / "run", settings={"bootstrap": 0})
    assert anew.nodes == graph.nodes
    assert (tmp_path / "run" / "teacher" / "fold-2").is_dir()
    assert Run.load(tmp_path / "run" / "teacher" / "fold-2").modalities == names
