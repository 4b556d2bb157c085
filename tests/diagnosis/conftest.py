"""What the tests of the watch share: small losses with known gradients, rows, finite differences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
