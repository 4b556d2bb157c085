"""Measurements of watched steps, kept on the device until they are fetched, and what is computed of many at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from overtone.diagnosis.loss_call import LossCall

_ROWS = 2**16
_CALLS = 2**10
_SCALARS = ("loss", "upstream", "active", "total", "intra_variance")
_ALWAYS = ("loss", "gradient_norm", "active_samples")
"""What every step has: a NaN here is a measured value, and no gap."""


@dataclass
class Step:
    """All calls of the loss between two backward passes, and the parameters' norm once an optimiser has stepped."""

    calls: list[LossCall] = field(default_factory=list)
    parameter_norm: Tensor | None = None

    @property
    def rows(self) -> int:
        """Rows of embeddings over all calls."""
        return sum(sum(call.rows) for call in self.calls)


@dataclass(frozen=True)
class _Set:
    """A set of embeddings of a call: its step, call and number of rows, and what its gradient is multiplied by."""

    step: int
    call: int
    rows: int
    factor: int


class StepBuffer:
    """Measurements of steps, on the device, in tensors that are allocated once.

    Small tensors kept from each forward pass would fragment the memory between the large ones of the next passes, and
    every step would ask the system for new pages. The first step sets device, precision and the least capacity.
    """

    def __init__(self, step: Step) -> None:
        loss = step.calls[0].loss
        assert loss is not None
        self.device = loss.device
        self.dtype = torch.promote_types(loss.dtype, torch.float32)
        capacity = max(_ROWS, step.rows)
        self._norms = torch.zeros(capacity, dtype=self.dtype, device=self.device)
        self._easy = torch.full((capacity,), math.nan, dtype=self.dtype, device=self.device)
        self._scalars = torch.full((_CALLS, len(_SCALARS)), math.nan, dtype=self.dtype, device=self.device)
        self._parameters = torch.full((_CALLS,), math.nan, dtype=self.dtype, device=self.device)
        self._missing = torch.full((), math.nan, dtype=self.dtype, device=self.device)
        self._sets: list[_Set] = []
        self._calls: list[int] = []
        self.steps = 0
        self._filled = 0

    def fits(self, step: Step) -> bool:
        """Whether another step has room, and the same device and precision."""
        loss = step.calls[0].loss
        assert loss is not None
        same = loss.device == self.device and torch.promote_types(loss.dtype, torch.float32) == self.dtype
        room = self._filled + step.rows <= len(self._norms) and len(self._calls) + len(step.calls) <= _CALLS
        return same and room

    @torch.no_grad()
    def write(self, step: Step) -> None:
        """Record a step, every call of which got a gradient."""
        for call in step.calls:
            at = len(self._calls)
            scalars = [call.loss, call.upstream, call.active, call.total, call.variance]
            row = [self._missing if scalar is None else scalar.reshape(()).to(self.dtype) for scalar in scalars]
            self._scalars[at] = torch.stack(row)
            for place, (rows, norms) in enumerate(zip(call.rows, call.norms())):
                end = self._filled + rows
                self._norms[self._filled : end] = 0.0 if norms is None else norms
                if call.easy is not None and not place:
                    self._easy[self._filled : end] = call.easy
                self._sets.append(_Set(self.steps, at, rows, call.factor))
                self._filled = end
            self._calls.append(self.steps)
        if step.parameter_norm is not None:
            self._parameters[self.steps] = step.parameter_norm
        self.steps += 1

    @torch.no_grad()
    def measurements(self, threshold: float) -> list[dict[str, float]]:
        """What could be measured of each step, by the names of :class:`Greediness`: a few operations for all steps."""
        found = {**self._of_rows(threshold), **self._of_calls()}
        ratio, samples = found["active_ratio"], found["active_samples"]
        found["active_ratio"] = torch.where(ratio.isnan(), samples, ratio)
        found["parameter_gradient_norm"] = self._parameters[: self.steps]
        table = torch.stack(list(found.values()), dim=1).tolist()
        return [
            {name: value for name, value in zip(found, values) if name in _ALWAYS or not math.isnan(value)}
            for values in table
        ]

    @torch.no_grad()
    def clear(self) -> None:
        """Forget all steps and keep the memory."""
        self._easy[: self._filled] = math.nan
        self._scalars[: len(self._calls)] = math.nan
        self._parameters[: self.steps] = math.nan
        self._sets, self._calls, self.steps, self._filled = [], [], 0, 0

    def _of_rows(self, threshold: float) -> dict[str, Tensor]:
        rows = self._tensor([one.rows for one in self._sets])
        calls, steps = (self._tensor([getattr(one, name) for one in self._sets]) for name in ("call", "step"))
        factors = self._tensor([one.factor for one in self._sets])
        scale = factors / self._scalars[calls, _SCALARS.index("upstream")].abs()
        at = torch.repeat_interleave(steps, rows, output_size=self._filled)
        lengths = self._norms[: self._filled] * torch.repeat_interleave(scale, rows, output_size=self._filled)
        easy = self._easy[: self._filled]
        measured, easy = easy.isfinite().to(lengths), easy.nan_to_num(0.0)
        count = self._per_step(rows, steps)
        return {
            "gradient_norm": self._per_step(lengths, at) / count,
            "active_samples": self._per_step(lengths > threshold, at) / count,
            "easy_share": self._per_step(easy * lengths, at) / self._per_step(measured * lengths, at),
            "easy_samples": self._per_step(easy, at) / self._per_step(measured, at),
        }

    def _of_calls(self) -> dict[str, Tensor]:
        columns = dict(zip(_SCALARS, self._scalars[: len(self._calls)].unbind(1)))
        steps = self._tensor(self._calls)
        calls = self._per_step(torch.ones_like(columns["loss"]), steps)
        measured = columns["intra_variance"]
        known = measured.isfinite()
        return {
            "loss": self._per_step(columns["loss"], steps) / calls,
            "active_ratio": self._per_step(columns["active"], steps) / self._per_step(columns["total"], steps),
            "intra_variance": self._per_step(measured.nan_to_num(0.0), steps) / self._per_step(known, steps),
        }

    def _per_step(self, values: Tensor, steps: Tensor) -> Tensor:
        total = torch.zeros(self.steps, dtype=self.dtype, device=self.device)
        return total.index_add_(0, steps, values.to(self.dtype))

    def _tensor(self, values: Sequence[int]) -> Tensor:
        return torch.tensor(values, device=self.device)
