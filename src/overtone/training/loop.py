"""The loop, dumb and short: it indexes rows on the device, steps, and asks the device nothing until the epoch ends."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.methods.base import Batch, Method
from overtone.training.batching import batch_bounds, count_pairs, draw_order
from overtone.training.distribution import Group
from overtone.training.rows import Rows
from overtone.training.settings import TrainingSettings

_RELEASE = 16
"""Steps after which the system may take back the memory of features that lie in a file."""


def rate(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step: a line up from 0 over the warm-up, then half a cosine down to 0."""
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return 0.5 * (1.0 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


class Loop:
    """Steps a method, on its device and after :meth:`Method.on_train_start`, through epochs.

    All randomness of epoch e comes from (seed, e): batches and ``Batch.generator`` from a generator that is in the same
    state on every process, dropout and the like from PyTorch's own, in another state on each. So an epoch can be
    repeated after a resume without any stored generator state.
    """

    def __init__(self, method: Method, rows: Rows, settings: TrainingSettings, group: Group) -> None:
        assert settings.epochs and settings.batch_size and settings.learning_rate, "the settings lack defaults"  # noqa: PT018
        self.method, self.rows, self.settings, self.group = method, rows, settings, group
        self.device = rows.device
        self.bounds = batch_bounds(rows.total, settings.batch_size, group.size, method.least_batch)
        self.pairs = count_pairs(self.bounds, rows, method.least_pairs)
        self.steps = settings.epochs * len(self.bounds)
        groups = method.parameter_groups(settings.learning_rate, settings.weight_decay or 0.0)
        self.optimizer = torch.optim.AdamW(groups, fused=self.device.type in ("cpu", "cuda"))
        self.parameters = [p for g in self.optimizer.param_groups for p in g["params"]]
        self.peaks = [(g, g["lr"]) for g in self.optimizer.param_groups]
        self.generator = torch.Generator(self.device)

    @property
    def learning_rate(self) -> float:
        """The rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def epoch(self, number: int) -> tuple[list[str], Tensor]:
        """Train one epoch, after ``number`` others.

        Returns:
            The terms' names, with ``gradient_norm`` (before clipping) behind them, and their (steps, terms) values, on
            the host, averaged over the processes.
        """
        seed_everything(self.settings.seed, number, self.generator, self.group.rank)
        order = draw_order(self.rows, self.bounds, self.pairs, self.generator, self.rows.parts.size)
        self.method.train()
        self.method.on_epoch_start(self.rows.whole(self.generator, number * len(self.bounds) / self.steps))
        names: list[str] = []
        log = torch.empty(0)
        for step, (start, stop) in enumerate(self.bounds):
            index = number * len(self.bounds) + step
            share = rate(index, self.steps, self.settings.learning_rate_warmup)
            terms = self._step(self._batch(order, start, stop, index), share)
            if not names:  # one tensor for all steps: many small ones would keep the memory between them in use
                names, log = list(terms), torch.empty(len(self.bounds), len(terms), device=self.device)
            log[step] = torch.stack([value.detach().float() for value in terms.values()])
            self.method.on_step_end((index + 1) / self.steps)
            if index % _RELEASE == 0:
                self.rows.release()
        self.group.broadcast([t for t in self.method.buffers() if t is not None])
        return names, self.group.average(log).cpu()

    def optimizer_tensors(self) -> dict[str, Tensor]:
        """The optimiser's state as named tensors; its groups and rates are the schedule's and need no storing."""
        states = self.optimizer.state_dict()["state"].items()
        return {f"{number}/{name}": value for number, state in states for name, value in state.items()}

    def restore_optimizer(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`optimizer_tensors` gave.

        Only the state: ``load_state_dict`` would put new groups in the place of those whose rates the loop sets.
        """
        for path, tensor in tensors.items():
            number, _, name = path.partition("/")
            parameter = self.parameters[int(number)]
            self.optimizer.state[parameter][name] = tensor.to(parameter.device)

    def _batch(self, order: Tensor, start: int, stop: int, index: int) -> Batch:
        size = (stop - start) // self.group.size
        offset = self.group.rank * size
        rows = order[start + offset : start + offset + size]
        here = rows - self.rows.offset
        first, second = self.rows.features
        present = self.rows.present
        return Batch(
            rows,
            (first.index_select(0, here), second.index_select(0, here)),
            None if self.rows.labels is None else self.rows.labels.index_select(0, here),
            index / self.steps,
            self.group.gather,
            offset,
            stop - start,
            self.generator,
            None if present is None else (present[0].index_select(0, here), present[1].index_select(0, here)),
            None if self.pairs is None else self.pairs[index % len(self.bounds)],
            None if self.rows.groups is None else self.rows.groups.index_select(0, here),
            self.rows.classes,
        )

    def _step(self, batch: Batch, share: float) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
            terms = self.method.step(batch)
        if "loss" not in terms:
            what = f"method {self.method.name!r}: its step gives no 'loss' to minimise"
            raise InputError(what, got=", ".join(terms) or "nothing")
        torch.autograd.backward(terms["loss"])
        self.group.average_gradients(self.parameters)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.grad_clip or math.inf, foreach=True)
        for group, peak in self.peaks:
            group["lr"] = peak * share
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return {**terms, "gradient_norm": norm}


def seed_everything(seed: int, part: int, generator: torch.Generator, rank: int = 0) -> None:
    """Put the shared generator and PyTorch's own into the state that belongs to one part of a run.

    Parts are epochs, counted from 0, and negative numbers for what comes before the first and between them.
    """
    shared = (seed * 1_000_003 + part + 1) % 2**63
    generator.manual_seed(shared)
    # not torch.manual_seed: without a GPU in use it keeps a note with a stack trace of every call, for later
    own = [torch.default_generator]
    if generator.device.type == "cuda":
        own.append(torch.cuda.default_generators[generator.device.index or 0])
    for one in own:
        one.manual_seed((shared + (rank + 1) * 0x9E3779B97F4A7C15) % 2**63)


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Deterministic kernels where there is a choice, and the caller's random state untouched."""
    devices = [device] if device.type == "cuda" else []
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS promises reproducible sums only with this
    before = torch.get_deterministic_debug_mode()  # use_deterministic_algorithms would import the compiler: seconds
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    with torch.random.fork_rng(devices=devices):
        torch.set_deterministic_debug_mode("warn")
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before)
            memory.fill_uninitialized_memory = filled


class Clock:
    """Measures laps, in seconds."""

    def __init__(self) -> None:
        self._lap = time.perf_counter()

    def lap(self) -> float:
        """Time since the last lap."""
        before, self._lap = self._lap, time.perf_counter()
        return round(self._lap - before, 6)
