"""Two processes train teachers together, one of them searches the graph, and both train the same student."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml

from overtone.features import load, save
from overtone.interactions import InteractionTrainer, SoftLabels
from overtone.interactions.class_graph import load_graph
from overtone.training import Run

from .conftest import INFERENCE, TEACHER

PROGRAM = """
import yaml
from overtone.features import load
from overtone.interactions import InteractionTrainer
settings = yaml.safe_load(open("settings.yaml"))
InteractionTrainer().train("interactions", load("clips.npz"), settings=settings, out="two", evaluate=False)
"""


@pytest.mark.distributed
def test_two_processes_come_to_the_stages_and_the_student_of_one(corpus, tmp_path, start_two):
    save(corpus, tmp_path / "clips.npz")
    settings = {
        "epochs": 2,
        "validation_fraction": 0.12,  # leaves an even number of rows
        "dropout": 0.0,
        "folds": 2,
        "teacher": {**TEACHER, "dropout": 0.0},
        "inference": INFERENCE,
    }
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    start_two("-c", PROGRAM, cwd=tmp_path)
    data, two = load(tmp_path / "clips.npz"), tmp_path / "two"
    one = InteractionTrainer().train("interactions", data, settings=settings, out=tmp_path / "one", evaluate=False)
    soft, wanted = (SoftLabels.load(folder / "soft_labels.safetensors") for folder in (two, one.folder))
    for found, known in zip(soft.both, wanted.both):
        torch.testing.assert_close(found, known, atol=1e-4, rtol=1e-3)
    graph, known = load_graph(two), load_graph(one.folder)
    assert graph.edges
    assert np.array_equal(graph.directed, known.directed)
    loaded = Run.load(two)
    assert loaded.info["processes"] == 2
    for name, tensor in one.method.state_dict().items():
        torch.testing.assert_close(loaded.method.state_dict()[name], tensor, atol=1e-3, rtol=1e-2)
