"""One loss, one seed: a head is trained on frozen features under the common budget, and watched."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from overtone.core import Progress, ProgressCallback
from overtone.diagnosis import Greediness, watch
from overtone.experiments.probes.head import Heads
from overtone.experiments.probes.looks import Looks
from overtone.experiments.probes.material import Exercise, evenly_spaced
from overtone.experiments.probes.settings import HeadSettings
from overtone.experiments.probes.trial import HeadTrial, Series
from overtone.objectives import MetricLoss, build_loss, loss_of_views
from overtone.training.checks import TrainingStopped
from overtone.training.course import Clock
from overtone.training.loop import batch_bounds, seed_everything


def train_heads(
    name: str,
    given: Mapping[str, Any],
    exercise: Exercise,
    settings: HeadSettings,
    seed: int,
    progress: ProgressCallback | None = None,
    label: str = "",
) -> HeadTrial:
    """Train a head per view with one loss and measure what it does.

    Adam at a constant rate, random batches, no choice of an epoch: the last one counts. The same seed gives the same
    first weights and the same batches to every loss.

    Args:
        name: The loss.
        given: What its settings are, besides defaults.
        exercise: What to learn.
        settings: The budget, completed.
        seed: Of weights and batches.
        progress: Called after every epoch.
        label: What progress calls the training.

    Returns:
        The trial.

    Raises:
        InputError: The loss cannot take these labels or batches.
        TrainingStopped: The loss is no number any more.
    """
    assert settings.epochs and settings.learning_rate and settings.batch_size, "settings are not completed"  # noqa: PT018
    device = exercise.train.labels.device
    generator = torch.Generator(device)
    seed_everything(seed, -1, generator)
    heads = Heads([view.shape[1] for view in exercise.train.views], settings.embedding_dim, settings.hidden).to(device)
    loss = build_loss(name, given, classes=exercise.classes, embedding_dim=settings.embedding_dim).to(device)
    groups = [
        {"params": list(heads.parameters()), "lr": settings.learning_rate, "weight_decay": settings.weight_decay},
        {"params": list(loss.parameters()), "lr": settings.loss_learning_rate or settings.learning_rate},
    ]
    optimizer = torch.optim.AdamW(
        [group for group in groups if group["params"]], weight_decay=0.0, fused=device.type in ("cpu", "cuda")
    )
    bounds = batch_bounds(len(exercise.train), settings.batch_size)
    looks, when = Looks(exercise, settings.sample, settings.memory_mb), look_epochs(settings.epochs, settings.looks)
    clock, started = Clock(), time.perf_counter()
    looks.take(heads, 0, 0)
    with watch(
        loss,
        parameters=heads.parameters(),
        every=settings.watch_every,
        active_threshold=settings.active_threshold,
    ) as watched:
        for epoch in range(1, settings.epochs + 1):
            seed_everything(seed, epoch, generator)
            order = torch.randperm(len(exercise.train), generator=generator, device=device)
            for start, stop in bounds:
                rows = order[start:stop]
                with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                    embeddings = heads([view.index_select(0, rows) for view in exercise.train.views])
                    value = loss_of_views(loss, embeddings, exercise.train.labels.index_select(0, rows))
                torch.autograd.backward(value)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            watched.epoch()
            means = {key: watched.epochs[key][-1] for key in ("loss", "active_ratio")}
            if not math.isfinite(means["loss"]):
                raise TrainingStopped(f"{name}: the loss became {means['loss']} in epoch {epoch}; lower learning_rate.")
            if epoch in when:
                looks.take(heads, epoch, epoch * len(bounds))
            if progress is not None:
                eta = clock.eta(epoch, settings.epochs)
                seconds = time.perf_counter() - started
                progress(Progress(label or name, epoch, settings.epochs, values=means, seconds=seconds, eta=eta))
    final, judged, views = looks.last(heads)
    shown = evenly_spaced(len(exercise.test), settings.sample)
    return HeadTrial(
        final={**final, "greediness": watched.summary()},
        looks=looks.series,
        epochs=by_epoch(watched.epochs),
        settings=loss.settings.model_dump(mode="json"),
        seconds=time.perf_counter() - started,
        average_precision=dict(judged.average_precision),
        embeddings=tuple(view[shown] for view in views),
        shown=shown,
    )


def by_epoch(watched: Greediness) -> Series:
    """Means over each epoch, numbered from 1, with None where there was nothing to measure."""
    columns = watched.to_dict()
    updates = columns.pop("step")
    del columns["measured_at"]
    numbers = {name: [None if math.isnan(value) else value for value in column] for name, column in columns.items()}
    return {"epoch": list(range(1, len(updates) + 1)), "updates": updates, **numbers}


def look_epochs(epochs: int, looks: int) -> set[int]:
    """Epochs after which to look: dense in the beginning, when most happens, and the last one.

    Example:
        >>> sorted(look_epochs(100, 8))
        [1, 2, 4, 7, 14, 27, 52, 100]
    """
    return {round(value) for value in np.geomspace(1, epochs, looks)} | {epochs}


def rehearse(name: str, given: Mapping[str, Any], exercise: Exercise, settings: HeadSettings) -> MetricLoss:
    """Show a loss one batch before anything is trained, so that what it refuses is said at once.

    Args:
        name: The loss.
        given: What its settings are, besides defaults.
        exercise: What it is to learn.
        settings: The budget, completed.

    Returns:
        The loss.

    Raises:
        InputError: A setting's value does not fit, or the loss cannot take labels of this kind or such a batch.
    """
    assert settings.batch_size, "settings are not completed"
    loss = build_loss(name, given, classes=exercise.classes, embedding_dim=settings.embedding_dim)
    batch = exercise.train.spaced(settings.batch_size)
    loss.to(batch.labels.device)
    heads = Heads([view.shape[1] for view in batch.views], settings.embedding_dim).to(batch.labels.device)
    with torch.no_grad():
        loss_of_views(loss, heads(batch.views), batch.labels)
    return loss
