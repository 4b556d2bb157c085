"""The head: what is trained on frozen features, one for each view."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


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
