"""Small methods on small corpora, and a way to run a step as two processes would."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from overtone.methods.base import Batch, CorpusInfo, InferredTargets, Method, methods

SMALL = {"embedding_dim": 4, "width": 16, "depth": 1, "walk_edges": 3}
CLASSES = 4


def features(rows: int, shapes: tuple[tuple[int, ...], ...], seed: int = 0) -> tuple[Tensor, ...]:
    """Both modalities hear the same four things, each in its own way."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, CLASSES, generator=generator)
    views = []
    for shape in shapes:
        signal = hidden @ torch.randn(CLASSES, shape[-1], generator=generator)
        views.append(
            signal.view(rows, *[1] * (len(shape) - 1), shape[-1]) + torch.randn(rows, *shape, generator=generator)
        )
    return tuple(views)


def build(
    name: str, rows: int = 48, shapes: Any = ((6,), (5,)), seed: int = 0, **settings: Any
) -> tuple[Method, Batch]:
    """A method in training mode and all training rows as one batch."""
    kind = methods[name]
    own = {key: value for key, value in SMALL.items() if key in kind.settings_type.model_fields}
    torch.manual_seed(seed)
    corpus = CorpusInfo(shapes, rows, CLASSES if kind.supervised else 0)
    method = kind(kind.settings_type.build({**own, **settings}), corpus)
    first, second = features(rows, shapes)
    targets = torch.eye(CLASSES)[torch.arange(rows) % CLASSES] if kind.supervised else None
    generator = torch.Generator().manual_seed(seed)
    if method.needs_inferred_targets:
        assert targets is not None
        method.set_inferred_targets(InferredTargets((targets, targets), torch.eye(2 * CLASSES).roll(CLASSES + 1, 1)))
    return method.train(), Batch(torch.arange(rows), (first, second), targets, global_size=rows, generator=generator)


def begun(name: str, **more: Any) -> tuple[Method, Batch]:
    """As the loop has a method before its first step."""
    method, batch = build(name, **more)
    method.on_train_start(batch)
    method.on_epoch_start(batch)
    return method, batch


def part(batch: Batch, rows: slice, **more: Any) -> Batch:
    """A batch of some of the rows."""
    first, second = batch.features
    found = batch.rows[rows]
    return replace(
        batch,
        rows=found,
        features=(first[rows], second[rows]),
        labels=None if batch.labels is None else batch.labels[rows],
        present=None if batch.present is None else (batch.present[0][rows], batch.present[1][rows]),
        groups=None if batch.groups is None else batch.groups[rows],
        global_size=len(found),
        **more,
    )


class Meeting:
    """What processes exchange, between threads: every one waits until all have given their rows."""

    def __init__(self, world: int) -> None:
        self.barrier = threading.Barrier(world, timeout=120)
        self.rows: list[Any] = [None] * world

    def join(self, rank: int) -> Callable[[Tensor], Tensor]:
        def join(tensor: Tensor) -> Tensor:
            self.rows[rank] = tensor
            self.barrier.wait()
            joined = torch.cat(self.rows)
            self.barrier.wait()
            return joined

        return join


def in_two(method: Method, batch: Batch) -> tuple[list[dict[str, Tensor]], list[Method]]:
    """The terms of one step of two processes, each with half of the rows and a copy of the method.

    A gathered tensor has the graphs of both copies behind it, so the gradient of the mean of the two losses, summed
    over the copies, is what distributed training descends.
    """
    assert batch.generator is not None
    meeting, state, half = Meeting(2), batch.generator.get_state(), len(batch) // 2
    copies = [copy.deepcopy(method) for _ in range(2)]

    def step(rank: int) -> dict[str, Tensor]:
        share = part(
            batch,
            slice(rank * half, (rank + 1) * half),
            gather=meeting.join(rank),
            offset=rank * half,
            generator=torch.Generator().set_state(state),
        )
        try:
            return copies[rank].step(replace(share, global_size=len(batch)))
        except BaseException:
            meeting.barrier.abort()
            raise

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(step, range(2))), copies


@pytest.fixture
def make() -> Callable[..., tuple[Method, Batch]]:
    return build


@pytest.fixture
def ready() -> Callable[..., tuple[Method, Batch]]:
    return begun


@pytest.fixture
def some() -> Callable[..., Batch]:
    return part


@pytest.fixture
def two_processes() -> Callable[..., tuple[list[dict[str, Tensor]], list[Method]]]:
    return in_two
