"""Toy methods of our own, so that the loop is judged by what a loop must do and not by what a real method does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from overtone.core import Progress, Settings
from overtone.features import PairedFeatures
from overtone.methods.base import Batch, CorpusInfo, Method, TrainingDefaults, methods
from overtone.training import Run


class ToySettings(Settings):
    """Settings of the toy."""

    width: int | None = None
    """Dimensions of the embedding; None: 4."""
    pull: float = 0.1
    """Weight of the term that shrinks the maps."""
    dropout: float = 0.2
    """Dropout of the features."""
    breaks: str = ""
    """``nan``: the term "pull" becomes NaN half-way; ``gradient``: its gradient only; ``constant``: all embeddings
    become equal."""


class Toy(Method):
    """A linear map with dropout per modality, InfoNCE on the global batch, an EMA of the maps, centring at the end."""

    name = "toy"
    settings_type = ToySettings
    settings: ToySettings

    def __init__(self, settings: ToySettings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        width = self.settings.width
        self.maps = nn.ModuleList(nn.Linear(shape[-1], width) for shape in corpus.shapes)
        self.drop = nn.Dropout(self.settings.dropout)
        self.scale = nn.Parameter(torch.tensor(1.0))  # used on gathered rows only
        self.register_buffer("teacher", torch.cat([m.weight.detach().flatten() for m in self.maps]))
        self.register_buffer("centre", None)  # takes its shape in prepare_embedding()

    @classmethod
    def resolve(cls, settings: ToySettings, corpus: CorpusInfo) -> ToySettings:
        return settings.changed(width=settings.width or 4)

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        return TrainingDefaults(epochs=6, batch_size=32, learning_rate=0.01, extra={"grad_clip": 2.0})

    @classmethod
    def ablations(cls) -> dict[str, dict[str, Any]]:
        return {"no-pull": {"pull": 0.0}}

    def _map(self, rows: Tensor, side: int) -> Tensor:
        rows = rows if rows.dim() == 2 else rows.mean(1)
        return nn.functional.normalize(self.maps[side](rows), dim=1)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.targets is None
        masked = (self.drop(x) * (batch.uniform(*x.shape[1:]) > 0.1) for x in batch.features)
        own = [self._map(rows, side) for side, rows in enumerate(masked)]
        first, second = (batch.gather(z) for z in own)
        logits = self.scale * first @ second.T / 0.2
        truth = torch.arange(len(logits), device=logits.device)
        nce = nn.functional.cross_entropy(logits, truth) + nn.functional.cross_entropy(logits.T, truth)
        pull = sum(self.maps[side](x).square().mean() for side, x in enumerate(batch.features))  # own rows only
        if self.settings.breaks == "nan":
            pull = pull / float(batch.progress < 0.5)
            pull = torch.where(pull.isinf(), torch.nan, pull)
        if self.settings.breaks == "gradient" and batch.progress >= 0.5:
            pull = pull + 0.0 * (self.scale - self.scale).sqrt()
        if self.settings.breaks == "constant":
            return {"loss": pull, "pull": pull, "nce": nce}
        return {"loss": nce + self.settings.pull * pull, "nce": nce, "pull": pull}

    @torch.no_grad()
    def on_step_end(self, progress: float) -> None:
        self.teacher.lerp_(torch.cat([m.weight.flatten() for m in self.maps]), 0.1)
        if self.settings.breaks == "constant":
            for m in self.maps:
                m.weight.zero_()
                m.bias.fill_(1.0)

    @torch.no_grad()
    def prepare_embedding(self, train: Batch) -> None:
        self.centre = torch.stack([self._map(x, side).mean(0) for side, x in enumerate(train.features)])

    @torch.no_grad()
    def embed(self, features: Tensor, modality: int) -> Tensor:
        z = self._map(features, modality)
        return z if self.settings.breaks else nn.functional.normalize(z - 0.5 * self.centre[modality], dim=1)

    @torch.no_grad()
    def embed_variants(self, features: Tensor, modality: int) -> dict[str, Tensor]:
        return {"raw": self._map(features, modality)}


class ToySupervised(Toy):
    """The toy with a term that pulls embeddings towards a coordinate of their class."""

    name = "toy-supervised"
    supervised = True

    def step(self, batch: Batch) -> dict[str, Tensor]:
        own = [self._map(rows, side)[:, : self.corpus.classes] for side, rows in enumerate(batch.features)]
        loss = sum((z - batch.targets).square().mean() for z in own)
        return {"loss": loss, "fit": loss}


class ToyClosed(Method):
    """A closed form: principal directions of either modality; no step is ever taken."""

    name = "toy-closed"
    iterative = False
    settings_type = Settings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        self.register_buffer("first", None)
        self.register_buffer("second", torch.zeros(0))

    def on_train_start(self, train: Batch) -> None:
        self.first, self.second = (torch.linalg.svd(x, full_matrices=False)[2][:3].T for x in train.features)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        raise AssertionError("a closed form takes no step")

    def embed(self, features: Tensor, modality: int) -> Tensor:
        return nn.functional.normalize(features @ (self.first, self.second)[modality], dim=1)


class Interrupted(Exception):
    """Raised from within a run, as a crash would be."""


def interrupt_at(epoch: int) -> Callable[[Progress], None]:
    """What ends a run, as its ``progress``, after an epoch."""

    def callback(report: Progress) -> None:
        if report.done == epoch:
            raise Interrupted

    return callback


def same_weights(first: Run, second: Run) -> bool:
    """Whether two runs have the same weights, bit by bit."""
    a, b = (run.method.state_dict() for run in (first, second))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def wait_until(seen: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is seen of a process, for a minute; fails where it ends first."""
    for _ in range(1200):
        if seen() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert seen(), process.communicate(timeout=10) if process.poll() is not None else "not within a minute"


SPARSELY_MINED = {
    "epochs": 4,
    "width": 16,
    "depth": 1,
    "embedding_dim": 4,
    "batch_size": 50,
    "dropout": 0.0,
    "mining_rows": 0,
    "mining_exact_rows": 100,
    "mining_refreshes": 2,
    "checkpoint_seconds": 0,
}
"""Settings of a small HSC-MAE that mines its rows as a large one does."""
TOYS = {kind.name: kind for kind in (Toy, ToySupervised, ToyClosed)}


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toys are registered while these tests run, and only then."""
    len(methods)
    for name, kind in TOYS.items():
        monkeypatch.setitem(methods._things, name, kind)


def make_data(rows: int = 150, seed: int = 0, **changes: Any) -> PairedFeatures:
    """Two noisy linear views of one latent with three classes; two thirds are for training."""
    generator = torch.Generator().manual_seed(seed)
    latent = torch.randn(rows, 4, generator=generator)
    classes = latent[:, :3].argmax(1)
    views = [
        latent @ torch.randn(4, d, generator=generator) + 0.3 * torch.randn(rows, d, generator=generator)
        for d in (6, 5)
    ]
    parts: dict[str, Any] = {
        "modalities": {"audio": views[0], "visual": views[1]},
        "ids": tuple(f"clip{i}" for i in range(rows)),
        "labels": torch.nn.functional.one_hot(classes, 3).float(),
        "label_kind": "single",
        "class_names": ("dog", "cat", "train"),
        "splits": {"train": torch.arange(2 * rows // 3), "test": torch.arange(2 * rows // 3, rows)},
    }
    return PairedFeatures(**{**parts, **changes})


@pytest.fixture
def data() -> PairedFeatures:
    """See :func:`make_data`."""
    return make_data()


@pytest.fixture
def make() -> Callable[..., PairedFeatures]:
    """See :func:`make_data`."""
    return make_data


def _start_two(arguments: Sequence[str], **options: Any) -> list[subprocess.Popen[bytes]]:
    """Python with these arguments as two processes, as torchrun would start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**shared, "OMP_NUM_THREADS": "1", "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            **options,
        )
        for rank in range(2)
    ]


def talk_of_two(*arguments: str, **options: Any) -> list[str]:
    """What two processes say on the standard error until both have ended."""
    processes = _start_two(arguments, **options)
    try:
        return [process.communicate(timeout=120)[1].decode() for process in processes]
    finally:
        for process in processes:
            process.kill()


def in_two_processes(*arguments: str, **options: Any) -> None:
    """Run Python with these arguments as two processes; both must end well."""
    processes = _start_two(arguments, **options)
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
    finally:
        for process in processes:
            process.kill()


@pytest.fixture
def start_two() -> Callable[..., None]:
    """Runs Python as two processes that find each other."""
    return in_two_processes
