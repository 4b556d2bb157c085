"""What the class graph adds to soft labels: which classes' unannotated events it makes likelier, or less likely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_RAISED = 0.2


class GraphEffect(NamedTuple):
    """What the graph does to the chances of a class in clips that are not annotated with it.

    Attributes:
        event: The class.
        expected: Expected number of such clips that hold it.
        without: The same by soft labels alone.
        raised: Clips whose chance the graph raises by .2 or more.
    """

    event: str
    expected: float
    without: float
    raised: int


def measure_graph_effects(
    chances: Tensor, without: Tensor, labels: Tensor, classes: Sequence[str]
) -> list[GraphEffect]:
    """Compare (N, C) event chances with those without a graph, where (N, C) labels say nothing.

    Returns:
        Classes whose expected number changes by one or more or that a chance is raised of, the largest change first.
    """
    gap = labels <= 0
    counts, before = ((part * gap).sum(0, dtype=torch.float64) for part in (chances, without))
    raised = (((chances - without) >= _RAISED) & gap).sum(0)
    found = [
        GraphEffect(name, round(float(after), 1), round(float(count), 1), int(clips))
        for name, after, count, clips in zip(classes, counts, before, raised)
        if abs(float(after - count)) >= 1 or clips
    ]
    return sorted(found, key=lambda effect: -abs(effect.expected - effect.without))
