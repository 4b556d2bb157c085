"""The head: what is trained on frozen features, one for each view."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError
from overtone.objectives import MetricLoss


class Heads(nn.Module):
    """One head per view into one space; embeddings have unit length.

    Args:
        dims: Features of each view.
        embedding_dim: Dimensions of the embedding.
        hidden: Units of a hidden layer, 0 for a linear head.
    """

    def __init__(self, dims: Sequence[int], embedding_dim: int, hidden: int = 0) -> None:
        super().__init__()
        self.heads = nn.ModuleList(self._head(dim, embedding_dim, hidden) for dim in dims)

    @staticmethod
    def _head(dim: int, embedding_dim: int, hidden: int) -> nn.Module:
        if not hidden:
            return nn.Linear(dim, embedding_dim)
        return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, embedding_dim))

    def forward(self, views: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(n, d) features of every view to (n, e) embeddings of every view."""
        return tuple(F.normalize(head(view).float(), dim=1) for head, view in zip(self.heads, views))


def loss_of(loss: MetricLoss, embeddings: Sequence[Tensor], labels: Tensor) -> Tensor:
    """A loss within one view, or across two as the mean of both directions.

    Args:
        loss: Of metric learning.
        embeddings: (n, e) of one or two views.
        labels: (n,) class numbers or (n, C) targets.

    Returns:
        Scalar.

    Raises:
        InputError: The loss refuses the batch: its labels are of a kind it cannot take, or no two rows share a class.
    """
    try:
        return _loss_of(loss, embeddings, labels)
    except InputError as error:
        where = f"{loss.name}, a batch of {len(labels)} rows: {error}"
        raise InputError(where, fix="if classes are missing in batches, raise batch_size") from None


def _loss_of(loss: MetricLoss, embeddings: Sequence[Tensor], labels: Tensor) -> Tensor:
    if len(embeddings) == 1 or loss.needs_classes:
        return torch.stack([loss(view, labels) for view in embeddings]).mean()
    first, second = embeddings
    there: Tensor = loss(first, labels, second, labels)
    back: Tensor = loss(second, labels, first, labels)
    return 0.5 * (there + back)
