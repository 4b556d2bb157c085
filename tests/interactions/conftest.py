"""A small simulated corpus, a method that does nothing but learn what it is told, and spies on its stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import overtone.interactions.cross_fitting as fitting
import overtone.interactions.pipeline as pipeline
from overtone.core import Settings
from overtone.features import PairedFeatures, SimulatorSettings, from_arrays, simulate
from overtone.interactions import InteractionTrainer
from overtone.methods.base import Batch, CorpusInfo, InferredTargets, Method, TrainingDefaults, methods
from toys import start_two, toys

__all__ = ["start_two", "toys"]

TEACHER = {"epochs": 4, "width": 8, "batch_size": 32, "checkpoint_seconds": 0, "feature_reconstruction": 0.5}
INFERENCE = {"bootstrap": 4, "penalty": 2.0}


class ToldSettings(Settings):
    """Settings of the told one, as the stages read them."""

    graph: str = "inferred"
    """inferred, planted, none or pairs."""
    folds: int = 3
    """Parts of the training rows."""
    teacher: dict[str, Any] = TEACHER
    """Of av-sal."""
    inference: dict[str, Any] = INFERENCE
    """Of the graph."""
    top: int | None = None
    """Edges into each node."""


class Told(Method):
    """A linear map per modality to the soft labels times the graph: all that it is told is in its weights."""

    name = "told"
    supervised = True
    needs_inferred_targets = True
    settings_type = ToldSettings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        self.maps = nn.ModuleList(nn.Linear(shape[-1], 2 * corpus.classes) for shape in corpus.shapes)
        self.told: list[InferredTargets] = []

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        return TrainingDefaults(epochs=4, batch_size=32, learning_rate=0.01)

    def set_inferred_targets(self, inferred: InferredTargets) -> None:
        self.told.append(inferred)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        if not self.told:
            return {"loss": sum(net(rows).square().mean() for net, rows in zip(self.maps, batch.features))}
        soft, graph = torch.cat(self.told[-1].soft_labels, 1)[batch.rows], self.told[-1].graph
        wanted = soft + soft @ graph
        return {"loss": sum((net(rows) - wanted).square().mean() for net, rows in zip(self.maps, batch.features))}

    def embed(self, features: Tensor, modality: int) -> Tensor:
        with torch.no_grad():
            return nn.functional.normalize(self.maps[modality](features), dim=1)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The told one is registered while these tests run."""
    len(methods)
    monkeypatch.setitem(methods._things, "told", Told)


def made(rows: int = 150, seed: int = 0, **settings: Any) -> PairedFeatures:
    """Simulated clips of four classes, which are easy to tell; 50 more to test on."""
    chosen = {"classes": 4, "interactions": 3, "noise": 0.5, "audio_size": 8, "visual_size": 10, **settings}
    simulator = SimulatorSettings(train_rows=rows, test_rows=50, **chosen)
    return from_arrays(simulate(simulator, seed), source="simulated")


@pytest.fixture
def make() -> Callable[..., PairedFeatures]:
    """See :func:`made`."""
    return made


@pytest.fixture(scope="session")
def corpus() -> PairedFeatures:
    """150 clips to train on, 50 to test on."""
    return made()


@pytest.fixture
def with_validation(corpus: PairedFeatures) -> PairedFeatures:
    """The corpus with thirty rows of a split of its own to validate on."""
    train = corpus.splits["train"]
    return replace(corpus, splits={**corpus.splits, "train": train[30:], "val": train[:30]})


SHORT = {"checkpoint_seconds": 0}


def train(*arguments, **options):
    """Train with a trainer that keeps nothing of earlier runs."""
    return InteractionTrainer().train(*arguments, **options)


class Killed(Exception):
    """As a kill would end it: nothing that comes after is done."""


def kill_at(stage: str, epoch: int):
    def callback(report):
        if stage in report.label and report.done >= epoch:
            raise Killed

    return callback


def kill_in_student(report):
    if ":" not in report.label:
        raise Killed


@pytest.fixture
def searches(monkeypatch):
    """The soft labels of every search for a graph."""
    calls = []
    search = pipeline.infer_graph

    def spy(soft, *rest, **options):
        calls.append(soft)
        return search(soft, *rest, **options)

    monkeypatch.setattr(pipeline, "infer_graph", spy)
    return calls


@pytest.fixture
def teachers(monkeypatch):
    """The data of every training of a teacher."""
    calls = []
    taught = fitting.train
    monkeypatch.setattr(
        fitting, "train", lambda method, data, **rest: (calls.append(data), taught(method, data, **rest))[1]
    )
    return calls


def weights(run):
    return run.method.state_dict()


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def matrices(folder):
    with np.load(folder / "graph.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="session")
def whole(corpus, tmp_path_factory):
    """A run that nobody interrupted."""
    len(methods)
    methods._things["told"] = Told
    try:
        return train("told", corpus, settings=SHORT, out=tmp_path_factory.mktemp("whole"))
    finally:
        del methods._things["told"]
