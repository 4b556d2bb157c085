"""What the tests share: small losses with known gradients, rows, finite differences, and healthy figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.diagnosis import Evidence
from overtone.diagnosis.greediness import Greediness

LABELS = torch.arange(12) % 3


def rows(seed: int = 0, count: int = 12, width: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
    """Unit rows that a gradient flows to."""
    drawn = torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return F.normalize(drawn, dim=1).requires_grad_()


class Pull(nn.Module):
    """Mean squared distance of each row to the mean of its class: a loss with a gradient everywhere."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        one_hot = F.one_hot(labels).to(embeddings)
        means = one_hot.mT @ embeddings / one_hot.sum(0)[:, None]
        return (embeddings - means[labels]).square().sum(1).mean()


class Between(nn.Module):
    """Mean cosine of queries with the gallery's rows of another class."""

    def forward(self, embeddings: Tensor, labels: Tensor, gallery: Tensor, gallery_labels: Tensor) -> Tensor:
        others = labels[:, None] != gallery_labels[None, :]
        return (embeddings @ gallery.mT)[others].mean()


def numeric_gradient(function: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
    """Central differences, one number at a time."""
    gradient = torch.zeros_like(at)
    for place in range(at.numel()):
        shift = torch.zeros_like(at).flatten()
        shift[place] = step
        shift = shift.view_as(at)
        gradient.view(-1)[place] = (function(at + shift) - function(at - shift)).item() / (2 * step)
    return gradient


def only(greediness: Greediness, name: str) -> float:
    (value,) = greediness[name]
    return value


def geometry(**more: Any) -> dict[str, Any]:
    """A healthy embedding of ten classes."""
    return {
        "intra_variance": 0.3,
        "centroid_distance": {"mean": 1.1, "std": 0.1},
        "between_variance": 0.6,
        "variance_ratio": 0.5,
        "smallest_gap": 0.8,
        "smallest_gap_classes": ["cat", "dog"],
        "effective_rank": 9.0,
        "dimensions": 128,
        "classes": 10,
        "per_class": {"cat": {"variance": 0.3, "rows": 50}, "dog": {"variance": 0.3, "rows": 50}},
        **more,
    }


def course(**more: Any) -> dict[str, Any]:
    """A healthy training."""
    return {
        "steps": 1000,
        "not_finite": 0,
        "active_ratio": {"first": 0.9, "last": 0.3},
        "easy_share": {"first": 0.2, "last": 0.3},
        "easy_samples": {"first": 0.2, "last": 0.6},
        "late_fall": 0.0,
        "half_compaction": 300,
        **more,
    }


HEALTHY = Evidence(
    variance=geometry(),
    train_variance=geometry(intra_variance=0.25),
    features_variance=geometry(variance_ratio=1.5),
    greediness=course(),
    recall=0.8,
    features_recall=0.7,
)


def changed(**parts: Any) -> Evidence:
    return Evidence(**{**vars(HEALTHY), **parts})
