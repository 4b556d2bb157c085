"""The teacher: an exponential moving average of a student, without gradient."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Teacher(nn.Module):
    r"""Moving average of a module's parameters; buffers are copied.

    .. math:: \theta_t \leftarrow m \theta_t + (1 - m) \theta_s

    Args:
        student: The module to average.

    Source:
        Tarvainen & Valpola 2017, arXiv 1703.01780.
    """

    def __init__(self, student: nn.Module) -> None:
        super().__init__()
        self.module = copy.deepcopy(student).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Teacher:
        """A teacher is always in evaluation mode: no dropout, running statistics."""
        super().train(False)
        return self

    @torch.no_grad()
    def update(self, student: nn.Module, momentum: float) -> None:
        """Move towards a student of the same shape, with a momentum m in [0, 1)."""
        own: list[Tensor] = list(self.module.parameters())
        other: list[Tensor] = list(student.parameters())
        torch._foreach_lerp_(own, other, 1.0 - momentum)
        for buffer, source in zip(self.module.buffers(), student.buffers()):
            buffer.copy_(source)


def ramp(start: float, end: float, progress: float) -> float:
    """A momentum on its way from start to end, in a line.

    Args:
        start, end: Its values at the beginning and at the end.
        progress: Share of the way, in [0, 1].

    Returns:
        The value there.

    Example:
        >>> round(ramp(0.95, 0.999, 0.5), 4)
        0.9745
    """
    return start + (end - start) * progress
