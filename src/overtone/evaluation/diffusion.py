"""Re-ranking without labels: a query's score spreads over the neighbour graph of the gallery."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from torch import Tensor

from overtone.core import Settings
from overtone.evaluation.arrays import Floats

_TOLERANCE = 1e-6
"""Residual, as a share of the query's own vector, at which its scores are taken as solved."""


class DiffusionSettings(Settings):
    """Settings of the re-ranking by diffusion."""

    neighbours: int = Field(10, ge=1)
    """Neighbours k of each item in the graph, and items through which a query enters it."""
    alpha: float = Field(0.9, ge=0, lt=1)
    """Probability α that a walk goes on at each step; 0: no diffusion, near 1: over whole clusters."""
    power: float = Field(3.0, gt=0)
    """Power γ of the cosines as weights of edges; larger: the nearest neighbours count for more."""
    steps: int = Field(100, ge=1)
    """Most steps of conjugate gradients."""


class Diffusion:
    r"""Random walks with restart on the mutual nearest-neighbour graph of a gallery.

    .. math::
        A_{ij} = [i \in N_k(j)] [j \in N_k(i)] \cos_+^\gamma(g_i, g_j), \qquad S = D^{-1/2} A D^{-1/2}, \qquad
        y_i = [i \in N_k(q)] \cos_+^\gamma(q, g_i), \qquad (I - \alpha S) f = y

    D holds A's row sums. f is the score, divided by a query's largest one. Items that no walk reaches come after all
    others, in the order of their cosines. Items tied for the last place among k neighbours are all taken, up to 2k in
    all, or else none of them: no number depends on the order of the gallery.

    Args:
        gallery: (N, d) unit rows.
        settings: See there.
        block: Rows of the gallery that are compared with all of it at a time.

    Source:
        Zhou et al., Ranking on Data Manifolds, NIPS 2003; Iscen, Tolias, Avrithis, Furon & Chum, Efficient Diffusion on
        Region Manifolds, CVPR 2017, arXiv 1611.05113.

    Example:
        >>> line = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.9, 0.5], [0.5, 0.9], [-1.0, 0.1]]))
        >>> walks = Diffusion(line, DiffusionSettings(neighbours=1, alpha=0.5))
        >>> walks(line[:1] @ line.T).round(decimals=2)
        tensor([[ 1.0000,  0.5000, -0.2600, -1.0000]])
    """

    def __init__(self, gallery: Tensor, settings: DiffusionSettings, block: int = 1024) -> None:
        self.settings = settings
        weights = sparse.vstack([self._edges(gallery, start, block) for start in range(0, len(gallery), block)]).tocsr()
        mutual = weights.minimum(weights.T).tocsr()
        degree = np.asarray(mutual.sum(axis=1)).ravel()
        root = sparse.diags(np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0))
        self.transitions = (root @ mutual @ root).tocsr()

    def __call__(self, cosines: Tensor) -> Tensor:
        """(b, N) cosines of queries and gallery to (b, N) scores in [-1, 1]."""
        start = self._weights(cosines)
        scores = np.maximum(self._solve(np.asarray(start.todense(), dtype=np.float64).T).T, 0.0)
        highest = scores.max(axis=1, keepdims=True)
        scores = np.divide(scores, highest, out=np.zeros_like(scores), where=highest > 0)
        unreached = torch.from_numpy(scores) <= _TOLERANCE
        return torch.where(unreached, (cosines.double() - 1) / 2, torch.from_numpy(scores)).to(cosines.dtype)

    def _edges(self, gallery: Tensor, start: int, block: int) -> sparse.csr_matrix:
        """Weights of some items' nearest others."""
        rows = gallery[start : start + block]
        cosines = (rows @ gallery.T).float()
        own = torch.arange(len(rows))
        cosines[own, own + start] = -2.0
        return self._weights(cosines)

    def _weights(self, cosines: Tensor) -> sparse.csr_matrix:
        """(b, N) cosines to sparse weights of each row's k nearest items."""
        k, items = self.settings.neighbours, cosines.shape[1]
        values, columns = cosines.topk(min(2 * k + 1, items), dim=1)
        if items > k:
            last = values[:, k - 1 : k]
            crowded = (values[:, -1:] == last) if items > 2 * k else torch.zeros_like(last, dtype=torch.bool)
            taken = torch.where(crowded, values > last, values >= last)
        else:
            taken = torch.ones_like(values, dtype=torch.bool)
        weights = (values.double().clamp_min(0) ** self.settings.power * taken).numpy()
        row = np.repeat(np.arange(len(weights)), weights.shape[1])
        found = sparse.csr_matrix((weights.ravel(), (row, columns.numpy().ravel())), shape=tuple(cosines.shape))
        found.eliminate_zeros()
        return found

    def _solve(self, start: Floats) -> Floats:
        """(N, b) solutions by conjugate gradients, each column on its own: a query's scores depend on no other's."""
        alpha, solution, residual = self.settings.alpha, np.zeros_like(start), start.copy()
        direction, squares = residual.copy(), np.square(residual).sum(axis=0)
        enough = _TOLERANCE**2 * squares
        for _ in range(self.settings.steps):
            active = squares > enough
            if not active.any():
                break
            product = direction - alpha * (self.transitions @ direction)
            length = _ratio(squares, (direction * product).sum(axis=0), active)
            solution += length * direction
            residual -= length * product
            before, squares = squares, np.where(active, np.square(residual).sum(axis=0), squares)
            direction = residual + _ratio(squares, before, active) * direction
        return solution


def _ratio(numbers: Floats, others: Floats, where: NDArray[np.bool_]) -> Floats:
    """Quotients where asked for, 0 elsewhere."""
    return np.divide(numbers, others, out=np.zeros_like(numbers), where=where)
