"""What the tests of the metric-learning losses share: a batch as plain numbers, and a check of value and counts."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.objectives import MetricLoss, metric_losses
from overtone.objectives.targets import has_label, relation

Matrix = list[list[float]]


def build(name: str, **settings: Any) -> MetricLoss:
    return metric_losses()[name](**settings)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Batch:
    """A batch as plain numbers: cosines, distances and weights of pairs."""

    def __init__(self, kind: str, across: bool, seed: int, n: int = 9, m: int = 7) -> None:
        self.z, gallery = draw(n, 4, seed=seed), draw(m, 4, seed=seed + 1)
        random = torch.Generator().manual_seed(seed)
        label = {
            "hard": lambda rows: torch.arange(rows) % 3,
            "uneven": lambda rows: (
                torch.randint(4, (rows,), generator=random).clamp_min(1).scatter(0, torch.tensor([0, 1]), 2)
            ),
            "several": lambda rows: torch.randint(2, (rows, 4), generator=random).double(),
            "soft": lambda rows: torch.rand(rows, 3, generator=random, dtype=torch.float64).softmax(1),
        }[kind]
        self.y = label(n)
        self.more = (gallery, label(m)) if across else ()
        others, other_labels = self.more or (self.z, self.y)
        a, b = F.normalize(self.z, dim=1), F.normalize(others, dim=1)
        related = relation(self.y, other_labels).double()
        self.rows, self.columns = range(n), range(len(others))
        self.cos: Matrix = (a @ b.T).tolist()
        self.apart: Matrix = torch.cdist(a, b).tolist()
        self.own = {(i, i) for i in self.rows} if not across else set()
        self.positive = [[0.0 if (i, j) in self.own else float(related[i, j]) for j in self.columns] for i in self.rows]
        known, other_known = (has_label(labels).tolist() for labels in (self.y, other_labels))
        self.negative = [
            [
                0.0 if (i, j) in self.own or not (known[i] and other_known[j]) else 1 - float(related[i, j])
                for j in self.columns
            ]
            for i in self.rows
        ]

    def pairs(self, weights: Matrix) -> list[tuple[int, int, float]]:
        return [(i, j, weights[i][j]) for i in self.rows for j in self.columns if weights[i][j] > 0]

    def has_both(self, i: int) -> bool:
        return sum(self.positive[i]) > 0 and sum(self.negative[i]) > 0


def mean(terms: list[tuple[float, float]], reduction: str) -> float:
    """Of (weight, term) pairs, over those that are not 0 or over all."""
    counted = [(w, t) for w, t in terms if t > 0 or reduction == "all"]
    return sum(w * t for w, t in counted) / max(sum(w for w, _ in counted), 1e-300)


def active(terms: list[tuple[float, float]]) -> float:
    return sum(w for w, t in terms if t > 0)


def check(loss: MetricLoss, batch: Batch, value: float, counted: float, total: float, skipped: int) -> None:
    found = loss(batch.z, batch.y, *batch.more)
    assert found.item() == pytest.approx(value, rel=1e-6, abs=1e-9)
    assert loss.counts is not None
    assert [float(c) for c in loss.counts[:3]] == pytest.approx([counted, total, skipped], rel=1e-6, abs=1e-6)


every_batch = pytest.mark.parametrize(
    "batch",
    [
        Batch(kind, across, seed=s)
        for s, (kind, across) in enumerate(product(["hard", "uneven", "several", "soft"], [False, True]))
    ],
    ids=[
        f"{kind}-{'across' if across else 'within'}"
        for kind, across in product(["hard", "uneven", "several", "soft"], [False, True])
    ],
)


hard_batch = pytest.mark.parametrize(
    "batch", [Batch("hard", False, 1), Batch("hard", True, 2), Batch("uneven", False, 5), Batch("uneven", True, 4)]
)
