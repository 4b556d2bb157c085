"""GREEDINESS: how a loss spends its gradient, observed from outside, for any loss in any training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from overtone.core import InputError, unknown_name
from overtone.core.notebooks import LiveOutput, in_notebook
from overtone.diagnosis.greediness import (
    BATCH_SERIES,
    STEP_SERIES,
    Greediness,
    ThinnedSeries,
    WatchReport,
    WatchSummary,
    ends,
    half_compaction,
    late_fall,
    loss_decay_rate,
    mean,
)
from overtone.diagnosis.loss_call import LossCall, arguments_by_name, check_loss, is_embedding, is_summed, signature_of
from overtone.diagnosis.step_buffer import Step, StepBuffer

Reduction = Literal["auto", "mean", "sum"]
_MOST_STEPS = 10_000


class Watch:
    r"""Record which gradient a loss sends to which samples during training, and how compact the batch becomes.

    A context manager that can be read at any time. Training is not changed. A module is observed wherever it is
    called; any other function must be called through the watch.

    A **step** is all calls of the loss between two backward passes. Calls without a gradient, as in validation, are not
    counted.

    Args:
        loss: A module or a function of embeddings (n, d), labels and anything else, that returns one number.
        parameters: The norm of their gradient is recorded when an optimiser steps; None records none.
        every: The geometry of the batch is measured at every such step.
        active_threshold: Length of :math:`\partial L / \partial z_i` above which a sample counts as active.
        reduction: ``mean``: the gradient of a mean over n terms shrinks as the batch grows, so it is multiplied by n;
            ``sum``: it is not; ``auto``: what the loss says (see :func:`~overtone.diagnosis.loss_call.is_summed`).
        live: A series of :class:`Greediness`, such as ``"active_ratio"``, that a notebook shows as a curve, drawn anew
            whenever :meth:`epoch` is called; elsewhere nothing is drawn.

    Raises:
        InputError: An argument is out of its range.

    Source:
        Variance & Greediness, arXiv 2601.21450, for the active ratio and the gradient norm.

    Example:
        >>> head, loss = nn.Linear(4, 2), nn.TripletMarginLoss()
        >>> with watch(lambda z: loss(z[:2], z[2:4], z[4:])) as w:
        ...     w(head(torch.randn(6, 4))).backward()
        >>> len(w.steps), len(w.steps.gradient_norm)
        (1, 1)
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        *,
        parameters: Iterable[Tensor] | None = None,
        every: int = 10,
        active_threshold: float = 1e-2,
        reduction: Reduction = "auto",
        live: str | None = None,
    ) -> None:
        if not callable(loss):
            raise InputError("watch: the loss cannot be called", got=type(loss).__name__)
        if every < 1:
            raise InputError("watch: 'every' is a number of steps", got=every, valid="1 or more")
        if not active_threshold > 0:
            raise InputError("watch: 'active_threshold' is a length", got=active_threshold, valid="above 0")
        if reduction not in ("auto", "mean", "sum"):
            raise InputError("watch: unknown reduction", got=repr(reduction), valid="auto, mean, sum")
        if live is not None and live not in (*STEP_SERIES, *BATCH_SERIES):
            raise unknown_name("series to watch", live, (*STEP_SERIES, *BATCH_SERIES))
        self._live, self._output = live, LiveOutput() if live is not None and in_notebook() else None
        self.loss, self.every, self.active_threshold = loss, every, active_threshold
        self.summed = is_summed(loss) if reduction == "auto" else reduction == "sum"
        self.counts_terms = False
        self._parameters = None if parameters is None else set(parameters)
        self._signature = signature_of(loss)
        self._handles: list[Any] = []
        self._inside = False
        self._current: LossCall | None = None
        self._step = Step()
        self._backward = False
        self._closed = 0
        self._buffer: StepBuffer | None = None
        self._steps = ThinnedSeries(STEP_SERIES, _MOST_STEPS)
        self._batches = ThinnedSeries(BATCH_SERIES, _MOST_STEPS)
        self._epochs = ThinnedSeries((*STEP_SERIES, *BATCH_SERIES), _MOST_STEPS)
        self._not_finite = 0
        self._epoch_values: dict[str, list[float]] = {}

    def __enter__(self) -> Watch:
        self._inside = True
        if isinstance(self.loss, nn.Module):
            before = self.loss.register_forward_pre_hook(lambda _, args, kw: self._before(args, kw), with_kwargs=True)
            self._handles += [before, self.loss.register_forward_hook(lambda _, args, output: self._after(output))]
        if self._parameters is not None:
            self._handles.append(register_optimizer_step_pre_hook(self._on_optimizer_step))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside = False
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._close()

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call the loss and observe it; for a module the same as calling the module."""
        if isinstance(self.loss, nn.Module) or not self._inside:
            return self.loss(*args, **kwargs)
        args, kwargs = self._before(args, kwargs)
        output = self.loss(*args, **kwargs)
        self._after(output)
        return output

    def epoch(self) -> None:
        """End an epoch: its means become an entry of :attr:`epochs`; an epoch without steps adds none."""
        self._close()
        self._fetch()
        if self._epoch_values:
            self._epochs.append(self._closed, {name: mean(values) for name, values in self._epoch_values.items()})
        self._epoch_values = {}
        if self._output is not None and self._live is not None and len(self.epochs):
            self._output.update(self.epochs.plot(self._live).svg)

    @property
    def steps(self) -> Greediness:
        """The series over all steps so far; beyond 10,000 every second one is dropped, repeatedly."""
        self._fetch()
        return _greediness(self._steps, self._batches)

    @property
    def epochs(self) -> Greediness:
        """The means over each epoch that :meth:`epoch` ended."""
        return _greediness(self._epochs, self._epochs)

    def summary(self) -> WatchSummary:
        """The series at their beginning and end, and what is derived from them: a :class:`WatchSummary`.

        Raises:
            InputError: Nothing was recorded.
        """
        self._close()
        series = self.steps
        if not len(series):
            raise InputError(
                "watch: nothing was recorded",
                fix="inside the with block, call a module itself or any other loss through the watch, then backward",
            )
        return {
            "steps": self._closed,
            "epochs": len(self._epochs.at),
            "not_finite": self._not_finite,
            "active_ratio": ends(series.active_ratio),
            "active_samples": ends(series.active_samples),
            "gradient_norm": ends(series.gradient_norm),
            "parameter_gradient_norm": ends(series.parameter_gradient_norm),
            "loss": ends(series.loss),
            "intra_variance": ends(series.intra_variance),
            "easy_share": ends(series.easy_share),
            "easy_samples": ends(series.easy_samples),
            "loss_decay_rate": loss_decay_rate(series.step, series.loss),
            "late_fall": late_fall(series.loss),
            "half_compaction": half_compaction(series.measured_at, series.intra_variance),
            "active_by": "terms" if self.counts_terms else "samples",
            "active_means": self.active_means,
            "active_threshold": self.active_threshold,
        }

    def report(self) -> WatchReport:
        """Everything that was recorded, to print, to draw and to put into a data frame.

        Raises:
            InputError: Nothing was recorded.
        """
        return WatchReport(self.summary(), self.steps, self.epochs)

    @property
    def active_means(self) -> str:
        """When a term, or a sample, of this loss counts as active, in words."""
        stated = getattr(self.loss, "active_means", None) if self.counts_terms else None
        return str(stated or f"the loss's gradient on the sample is longer than {self.active_threshold:g}")

    def _before(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self._current = None
        rows = next((len(value) for value in (*args, *kwargs.values()) if is_embedding(value)), 0)
        if not rows or not torch.is_grad_enabled():
            return args, kwargs
        if self._backward:
            self._close()
        self._current = call = LossCall(1 if self.summed else rows, self._on_gradient)
        if self._closed % self.every == 0:
            call.measure(arguments_by_name(self._signature, args, kwargs))
        views = call.replace_with_views({**dict(enumerate(args)), **kwargs})
        return tuple(views[place] for place in range(len(args))), {name: views[name] for name in kwargs}

    def _after(self, output: object) -> None:
        call, self._current = self._current, None
        if call is None:
            return
        loss = check_loss(output)
        if not loss.requires_grad:
            return
        counts = getattr(self.loss, "counts", None)
        self.counts_terms |= counts is not None
        call.finish(loss, counts)
        self._step.calls.append(call)

    def _on_gradient(self) -> None:
        self._backward = True

    @torch.no_grad()
    def _on_optimizer_step(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        assert self._parameters is not None
        members = (one for group in optimizer.param_groups for one in group["params"] if one in self._parameters)
        gradients = [one.grad for one in members if one.grad is not None]
        if gradients and self._backward:
            norms = torch._foreach_norm(gradients)
            whole = torch.linalg.vector_norm(torch.stack([norm.to(norms[0]) for norm in norms]))
            before = self._step.parameter_norm
            self._step.parameter_norm = whole if before is None else torch.hypot(before, whole.to(before))

    def _close(self) -> None:
        step, self._step, self._backward = self._step, Step(), False
        step.calls = [call for call in step.calls if call.upstream is not None]
        if not step.calls:
            return
        if self._buffer is not None and not self._buffer.fits(step):
            self._fetch()
        if self._buffer is None or not self._buffer.fits(step):
            self._buffer = StepBuffer(step)
        self._buffer.write(step)
        self._closed += 1

    def _fetch(self) -> None:
        """Empty the buffer; here the host waits for the device."""
        buffer = self._buffer
        if buffer is None or not buffer.steps:
            return
        for at, row in enumerate(buffer.measurements(self.active_threshold), start=self._closed - buffer.steps + 1):
            self._steps.append(at, row)
            if row.keys() & set(BATCH_SERIES):
                self._batches.append(at, row)
            self._not_finite += not math.isfinite(row["loss"] + row["gradient_norm"])
            for name, value in row.items():
                self._epoch_values.setdefault(name, []).append(value)
        buffer.clear()


watch = Watch
"""The class as a verb: ``with watch(loss) as w:``."""


def _greediness(steps: ThinnedSeries, batches: ThinnedSeries) -> Greediness:
    return Greediness(
        step=list(steps.at),
        measured_at=list(batches.at),
        **{name: list(steps.columns[name]) for name in STEP_SERIES},
        **{name: list(batches.columns[name]) for name in BATCH_SERIES},
    )
