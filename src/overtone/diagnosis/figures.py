"""The figures of many steps at once, from what their calls left behind: a few operations however many steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from overtone.diagnosis.calls import Call


@dataclass
class Step:
    """What happened between two backward passes.

    Attributes:
        calls: Calls of the loss.
        parameter_norms: Norms of the gradients of single parameters.
    """

    calls: list[Call] = field(default_factory=list)
    parameter_norms: list[Tensor] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of embeddings over all calls."""
        return sum(sum(call.rows) for call in self.calls)


@torch.no_grad()
def figures(steps: Sequence[Step], threshold: float) -> list[dict[str, float]]:
    """The figures of steps, fetched from the device together.

    Args:
        steps: Steps with at least one call each, every one of which got a gradient.
        threshold: Length of a gradient above which a sample is active.

    Returns:
        For each step the figures that could be taken, by the names of :class:`~overtone.diagnosis.Greediness`.
    """
    found = {**_of_rows(steps, threshold), **_of_calls(steps), **_of_parameters(steps)}
    found.setdefault("active_ratio", found["active_samples"])
    table = torch.stack([column.double().cpu() for column in found.values()], dim=1)
    return [
        {name: value for name, value in zip(found, values) if name in _ALWAYS or not math.isnan(value)}
        for values in table.tolist()
    ]


_ALWAYS = ("loss", "gradient_norm", "active_samples")
"""What every step has, so that NaN is what came out and not a gap."""


def _of_rows(steps: Sequence[Step], threshold: float) -> dict[str, Tensor]:
    calls = [(at, call) for at, step in enumerate(steps) for call in step.calls]
    add = _Adder([at for at, call in calls for _ in call.rows], len(steps), calls[0][1])
    rows = torch.tensor([rows for _, call in calls for rows in call.rows], device=add.device)
    factors = torch.tensor([float(call.factor) for _, call in calls for _ in call.rows], device=add.device)
    upstream = torch.stack([_scalar(call.upstream) for _, call in calls for _ in call.rows])
    total = int(sum(step.rows for step in steps))
    scale = torch.repeat_interleave(factors / upstream.abs(), rows, output_size=total)
    lengths = torch.cat([norms for _, call in calls for norms in call.norms()]) * scale
    at = torch.repeat_interleave(add.at, rows, output_size=total)
    count = add(rows)
    found = {
        "gradient_norm": add(lengths, at) / count,
        "active_samples": add((lengths > threshold).to(lengths), at) / count,
    }
    if any(call.easy is not None for _, call in calls):
        easy = torch.cat([_easy(call, place, rows) for _, call in calls for place, rows in enumerate(call.rows)])
        known, easy = easy.isfinite(), easy.nan_to_num(0.0)
        found["easy_samples"] = add(easy, at) / add(known.to(easy), at)
        found["easy_share"] = add(easy * lengths, at) / add(known * lengths, at)
    return found


def _easy(call: Call, place: int, rows: int) -> Tensor:
    """(n,) 1 for easy and 0 for other samples; NaN for rows that were not asked: the gallery, and unmeasured steps."""
    assert call.loss is not None
    nothing = call.loss.new_full((rows,), math.nan, dtype=torch.float32)
    return nothing if call.easy is None or place else call.easy.float()


def _of_calls(steps: Sequence[Step]) -> dict[str, Tensor]:
    calls = [(at, call) for at, step in enumerate(steps) for call in step.calls]
    add = _Adder([at for at, _ in calls], len(steps), calls[0][1])
    values = torch.stack([_scalar(call.loss) for _, call in calls])
    found = {"loss": add(values) / add(torch.ones_like(values))}
    counted = [(at, call.counts) for at, call in calls if call.counts is not None]
    if counted:
        only = _Adder([at for at, _ in counted], len(steps), calls[0][1])
        active, total = (torch.stack([_scalar(counts[k]) for _, counts in counted]) for k in (0, 1))
        found["active_ratio"] = only(active) / only(total)
    measured = [(at, call.variance) for at, call in calls if call.variance is not None]
    if measured:
        only = _Adder([at for at, _ in measured], len(steps), calls[0][1])
        variances = torch.stack([variance for _, variance in measured])
        found["intra_variance"] = only(variances) / only(torch.ones_like(variances))
    return found


def _of_parameters(steps: Sequence[Step]) -> dict[str, Tensor]:
    norms = [(at, norm) for at, step in enumerate(steps) for norm in step.parameter_norms]
    if not norms:
        return {}
    add = _Adder([at for at, _ in norms], len(steps), steps[0].calls[0])
    squares = torch.stack([_scalar(norm).to(add.device) for _, norm in norms]).square()
    known = add(torch.ones_like(squares)) > 0
    return {"parameter_gradient_norm": torch.where(known, add(squares).sqrt(), math.nan)}


class _Adder:
    """Adds up values step by step."""

    def __init__(self, at: Sequence[int], steps: int, call: Call) -> None:
        assert call.loss is not None
        self.device, self.steps = call.loss.device, steps
        self.at = torch.tensor(at, device=self.device)

    def __call__(self, values: Tensor, at: Tensor | None = None) -> Tensor:
        total = torch.zeros(self.steps, dtype=torch.promote_types(values.dtype, torch.float32), device=self.device)
        return total.index_add_(0, self.at if at is None else at, values.to(total.dtype))


def _scalar(value: Tensor | None) -> Tensor:
    assert value is not None
    return value.reshape(()).to(torch.promote_types(value.dtype, torch.float32))
