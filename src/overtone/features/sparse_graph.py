"""A symmetric graph in compressed rows, and how one is made of lists of neighbours."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class SparseGraph:
    """A symmetric graph in compressed rows.

    Attributes:
        starts: (n + 1,) int64, where each row's edges begin; the last entry is the number of edges.
        columns: (e,) int32 neighbours, ascending within a row.
        weights: (e,) float32 weights of the edges.
        degrees: Mean, standard deviation and maximum of the edges per row, on the host.
    """

    starts: Tensor
    columns: Tensor
    weights: Tensor
    degrees: tuple[float, float, int]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def room(self, rows: int) -> int:
        """Edges that so many rows drawn at random have at most: mean and eight standard deviations."""
        mean, deviation, most = self.degrees
        return min(math.ceil(rows * mean + 8 * math.sqrt(rows) * deviation), rows * most, len(self.columns))

    @property
    def owners(self) -> Tensor:
        """(e,) the row of each edge."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.starts.device), self.starts.diff())

    def normalise(self) -> SparseGraph:
        """D^{-1/2} A D^{-1/2}; a row without edges stays empty."""
        owners = self.owners
        degree = torch.zeros(len(self), device=self.weights.device).index_add_(0, owners, self.weights)
        scale = torch.where(degree > 0, degree.rsqrt(), 1.0)
        return replace(self, weights=self.weights * scale[owners] * scale[self.columns.long()])

    def matrix(self, factor: float = 1.0, shift: float = 0.0) -> Tensor:
        """``factor · A + shift · I`` as a sparse tensor for products with dense matrices."""
        n, starts, columns, weights = len(self), self.starts, self.columns, factor * self.weights
        if shift:
            own = torch.arange(n, device=starts.device)
            keys, order = torch.cat([self.owners * n + columns, own * (n + 1)]).sort()
            starts, columns = torch.cat([starts[:-1] + own, starts[-1:] + n]), keys % n
            weights = torch.cat([weights, weights.new_full((n,), shift)])[order]
        kind = torch.int32 if len(columns) < 2**31 else torch.int64
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # compressed rows are called a beta feature
            return torch.sparse_csr_tensor(starts.to(kind), columns.to(kind), weights, (n, n), check_invariants=False)


def join_neighbours(lists: Tensor, rows: int) -> SparseGraph:
    """The graph that joins each row to its neighbours, without loops; an edge needs one of its two sides.

    Args:
        lists: (m, n, k) neighbours of each row in m ways, −1 for none. An edge weighs as many as the ways that have it.
        rows: n.
    """
    keys = []
    for found in lists:
        there = found >= 0
        near = found[there].long()
        own = torch.arange(rows, device=found.device)[:, None].expand(found.shape)[there]
        keys.append(torch.unique(torch.cat([own * rows + near, near * rows + own])))
    edges, ways = torch.unique(torch.cat(keys), return_counts=True)
    counts = torch.bincount(edges // rows, minlength=rows)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    of_rows = counts.double()
    degrees = float(of_rows.mean()), float(of_rows.std(correction=0)), int(counts.max())
    return SparseGraph(starts, (edges % rows).int(), ways.float(), degrees)
