"""One loss with one seed: heads are trained on frozen features under the common budget, and measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from overtone.core import Progress, ProgressCallback
from overtone.diagnosis import Greediness, watch
from overtone.experiments.grid import Trial
from overtone.experiments.probes.data import ProbeData, evenly_spaced
from overtone.experiments.probes.metrics import Heads, ProbeMetrics
from overtone.experiments.probes.results import Series
from overtone.experiments.probes.settings import HeadSettings
from overtone.objectives import MetricLoss, loss_of_views
from overtone.objectives.pairs import holds
from overtone.training import TrainingStopped
from overtone.training.batching import batch_bounds
from overtone.training.loop import seed_everything

LossBuilder = Callable[[], MetricLoss]
"""Makes a fresh loss: each seed starts with one."""


def train_heads(
    build: LossBuilder,
    data: ProbeData,
    settings: HeadSettings,
    seed: int,
    progress: ProgressCallback | None = None,
    label: str = "",
) -> Trial:
    """Train a head per view with one loss and measure what it does.

    Adam at a constant rate on random batches; the last epoch counts, none is chosen. With the same seed every loss
    gets the same first weights and the same batches. The settings are completed.

    Returns:
        The trial. Values: ``final`` (every quantity at the end), ``evaluations`` and ``epochs`` (series),
        ``settings`` of the loss, ``seconds``. Tensors: per view a sample of the test rows' embeddings, and ``rows``,
        their numbers.

    Raises:
        InputError: The loss cannot take these labels or batches.
        TrainingStopped: The loss is not a number any more.
    """
    assert settings.epochs and settings.learning_rate and settings.batch_size, "settings are not completed"  # noqa: PT018
    device = data.train.labels.device
    generator = torch.Generator(device)
    seed_everything(seed, -1, generator)
    heads = Heads([view.shape[1] for view in data.train.views], settings.embedding_dim, settings.hidden).to(device)
    loss = build().to(device)
    optimizer = _optimizer(heads, loss, settings, device)
    bounds = batch_bounds(len(data.train), settings.batch_size)
    measured_after = evaluation_epochs(settings.epochs, settings.evaluations)
    metrics = ProbeMetrics(data, settings.sample, settings.memory_mb)
    started = time.perf_counter()
    metrics.measure(heads, 0, 0)
    with watch(
        loss, parameters=heads.parameters(), every=settings.watch_every, active_threshold=settings.active_threshold
    ) as watched:
        for epoch in range(1, settings.epochs + 1):
            seed_everything(seed, epoch, generator)
            order = torch.randperm(len(data.train), generator=generator, device=device)
            for step, (start, stop) in enumerate(bounds, 1):
                rows = order[start:stop]
                with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
                    embeddings = heads([view.index_select(0, rows) for view in data.train.views])
                    value = loss_of_views(loss, embeddings, data.train.labels.index_select(0, rows))
                if not holds(value.isfinite()):  # on an accelerator the end of the epoch tells
                    what = f"{label}: the loss became {value.item()} in step {step} of epoch {epoch}"
                    raise TrainingStopped(f"{what}; lower learning_rate.")
                torch.autograd.backward(value)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            watched.epoch()
            activity = "active_ratio" if watched.counts_terms else "active_samples"
            means = {key: watched.epochs[key][-1] for key in ("loss", activity)}
            if not math.isfinite(means["loss"]):
                what = f"{label}: the loss became {means['loss']} in epoch {epoch}; lower learning_rate."
                raise TrainingStopped(what)
            if epoch in measured_after - {settings.epochs}:
                metrics.measure(heads, epoch, epoch * len(bounds))
            if progress is not None:
                seconds = time.perf_counter() - started
                progress(Progress(label, epoch, settings.epochs, "epoch", means, seconds))
    final, views = metrics.finish(heads, settings.epochs, settings.epochs * len(bounds))
    shown = evenly_spaced(len(data.test), settings.sample)
    values = {
        "final": {**final, "greediness": watched.summary()},
        "evaluations": metrics.series,
        "epochs": _epoch_series(watched.epochs, counted=watched.counts_terms),
        "settings": loss.settings.model_dump(mode="json"),
        "seconds": time.perf_counter() - started,
    }
    return Trial({**{f"embeddings/{side}": view[shown] for side, view in enumerate(views)}, "rows": shown}, values)


def check_loss(build: LossBuilder, data: ProbeData, settings: HeadSettings) -> None:
    """Show a loss one batch before anything is trained, so that what it refuses is said at once.

    Raises:
        InputError: A setting's value does not fit, or the loss cannot take labels of this kind or such a batch.
    """
    assert settings.batch_size, "settings are not completed"
    batch = data.train.spaced(settings.batch_size)
    loss = build().to(batch.labels.device)
    heads = Heads([view.shape[1] for view in batch.views], settings.embedding_dim).to(batch.labels.device)
    with torch.no_grad():
        loss_of_views(loss, heads(batch.views), batch.labels)


def evaluation_epochs(epochs: int, evaluations: int) -> set[int]:
    """Epochs after which to measure: dense in the beginning, when most happens, and the last one.

    Example:
        >>> sorted(evaluation_epochs(100, 8))
        [1, 2, 4, 7, 14, 27, 52, 100]
    """
    return {round(value) for value in np.geomspace(1, epochs, evaluations)} | {epochs}


def _epoch_series(watched: Greediness, counted: bool) -> Series:
    """Means over each epoch, numbered from 1, with None where there was nothing to measure or no term is counted."""
    columns = watched.to_dict()
    if not counted:  # what the watch puts there is the share of active samples
        columns["active_ratio"] = [math.nan] * len(watched)
    updates = columns.pop("step")
    del columns["measured_at"]
    numbers = {name: [None if math.isnan(value) else value for value in column] for name, column in columns.items()}
    return {"epoch": list(range(1, len(updates) + 1)), "updates": updates, **numbers}


def _optimizer(heads: nn.Module, loss: nn.Module, settings: HeadSettings, device: torch.device) -> torch.optim.AdamW:
    """Adam for the heads and the loss's own parameters, if it has some."""
    groups: Sequence[dict[str, Any]] = [
        {"params": list(heads.parameters()), "lr": settings.learning_rate, "weight_decay": settings.weight_decay},
        {"params": list(loss.parameters()), "lr": settings.loss_learning_rate or settings.learning_rate},
    ]
    fused = device.type in ("cpu", "cuda")
    return torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.0, fused=fused)
