r"""Random walks with restart on a sparse neighbour graph of any size, without an (n, n) matrix.

With M = D^{-1/2} A D^{-1/2} and α = 1 − restart, :func:`~overtone.features.neighbours.diffuse` inverts I − αM. Here

.. math:: (I - \alpha M)^{-1} \approx p(M) + \sum_r (g(\lambda_r) - p(\lambda_r))\, u_r u_r^\top,
          \qquad g(\lambda) = \frac{1}{1 - \alpha\lambda}, \quad p(\lambda) = a_0 + a_1\lambda + a_2\lambda^2

*near*: walks of one and two steps, exact, read off the sparse graph; *far*: the leading eigenpairs (λ_r, u_r) of M, on
which the sum is exact. The coefficients of p are fitted to g on the rest of the spectrum. O(n (r + k)) memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from overtone.features.sparse_graph import SparseGraph
from overtone.features.sparse_spectrum import COLUMNS, leading_eigenpairs, solve_walks

RANK = 64
"""Leading eigenpairs of the far part."""
_PROBES = 32
"""Random vectors by which the near part is fitted and the diagonal is completed."""


@dataclass(frozen=True)
class SparseWalks:
    """Weights by random walks among any rows of a graph.

    Attributes:
        graph: M, the normalised graph.
        far: (n, r) coordinates, half precision: inner products, with ``signs``, are the far part of S.
        signs: (r,) sign of g(λ) − p(λ) in each coordinate.
        near: (2,) the coefficients a₁ and a₂ of p.
        scale: (n,) 1 / √R_ii.
        mean: (n,) mean of S_i over all rows, the own entry as 0.
    """

    graph: SparseGraph
    far: Tensor
    signs: Tensor
    near: Tensor
    scale: Tensor
    mean: Tensor

    @cached_property
    def scratch(self) -> Tensor:
        """(n,) int64, where a batch notes its columns; read only where it was just written."""
        return torch.empty(len(self.graph), dtype=torch.int64, device=self.far.device)

    def subspace(self) -> Tensor:
        """(n, r) the eigenvectors up to their lengths, from which the next graph's are found sooner."""
        return self.far.float() / self.scale[:, None]

    @torch.no_grad()
    def among(self, rows: Tensor) -> Tensor:
        """(b, b) weights of some rows for each other; their proportions are those of ``graph_weights`` on all rows.

        Rows sum to one, or to zero where no walk comes by more often than on average; the diagonal is zero. Shapes
        depend on b alone, and on a GPU nothing waits for it.
        """
        with torch.autocast(rows.device.type, enabled=False):
            far = self.far.index_select(0, rows).float()
            weights = torch.addmm(self._near(rows), far * self.signs, far.mT)
            weights.sub_(self.mean.index_select(0, rows)[:, None]).clamp_min_(0.0).fill_diagonal_(0.0)
            return weights.div_(weights.sum(1, keepdim=True).clamp_min_(torch.finfo(weights.dtype).tiny))

    def _near(self, rows: Tensor) -> Tensor:
        """(b, b) near part of S: X X^T a₂ + X Eᵀ a₁ with X the rows' edges, E the rows of the unit matrix, both scaled.

        Only the columns that occur in the batch are kept: each gets a slot, the number of one of its occurrences.
        """
        graph, size = self.graph, len(rows)
        if len(graph.columns) == 0:
            return self.scale.new_zeros(size, size)
        starts = graph.starts.index_select(0, rows)
        counts = graph.starts.index_select(0, rows + 1) - starts
        room = graph.room(size)
        ends = counts.cumsum(0).clamp_max_(room)
        place = torch.arange(room, device=rows.device)
        owner = torch.searchsorted(ends, place, right=True).clamp_max_(size - 1)
        there = place < ends[-1]
        edge = torch.where(there, place + (starts + counts - ends).index_select(0, owner), 0)
        scale = self.scale.index_select(0, rows)
        values = graph.weights.index_select(0, edge) * scale.index_select(0, owner) * there
        keys = torch.cat([graph.columns.index_select(0, edge).long(), rows])
        slots = self.scratch.scatter_(0, keys, torch.arange(len(keys), device=rows.device)).index_select(0, keys)
        mine, own = slots[:room], slots[room:]
        itself = torch.arange(size, device=rows.device)
        position = torch.full((room + size,), size, device=rows.device).scatter_(0, own, itself).index_select(0, mine)
        steps = values * self.near[0] * torch.cat([scale, scale.new_zeros(1)]).index_select(0, position)
        one = values.new_zeros(size * (size + 1)).scatter_add_(0, owner * (size + 1) + position, steps)
        two = _square_sparse(values, mine, ends) if rows.is_cpu else _square_dense(values, mine, owner, size)
        return two.mul_(self.near[1]).add_(one.view(size, size + 1)[:, :size])


def _square_sparse(values: Tensor, slots: Tensor, ends: Tensor) -> Tensor:
    """(b, b) X Xᵀ, row i of X with its values up to ``ends[i]`` in their slots; sparse, for few slots are shared."""
    bounds = np.concatenate([[0], ends.numpy()])
    rows = sp.csr_matrix((values.numpy(), slots.numpy(), bounds), (len(ends), len(slots) + len(ends)))
    return torch.from_numpy((rows @ rows.T).toarray())


def _square_dense(values: Tensor, slots: Tensor, owners: Tensor, size: int) -> Tensor:
    """The same by a dense product, whose shapes depend on no value."""
    width = len(slots) + size
    rows = values.new_zeros(size * width).index_add_(0, owners * width + slots, values).view(size, width)
    return rows @ rows.mT


@torch.no_grad()
def fit_walks(
    graph: SparseGraph, restart: float, start: Tensor | None = None, generator: torch.Generator | None = None
) -> SparseWalks:
    """Fit near and far part of the walks on a graph.

    Args:
        graph: Not normalised.
        restart: Probability in (0, 1) that a walk ends at a step.
        start: (n, r) a subspace near that of the leading eigenvectors, from an earlier fit.
        generator: Draws starting and probe vectors.

    Source:
        Zhou & Saad, Chebyshev-filtered subspace iteration, 2006; Hutchinson 1989 for the diagonal.
    """
    m, keep, n = graph.normalise(), 1.0 - restart, len(graph)
    matrix = m.matrix()
    values, vectors = leading_eigenpairs(m, min(RANK, n), start, generator)
    probes = torch.randint(0, 2, (n, _PROBES), generator=generator, device=matrix.device).float() * 2.0 - 1.0
    probes -= vectors @ (vectors.mT @ probes)  # what the far part does not hold
    largest = float(values[0].clamp_min(0.0))
    parts = [solve_walks(matrix, part, keep, largest) for part in torch.split(probes, COLUMNS, dim=1)]
    walked = torch.cat(parts, dim=1)
    powers = [probes, one := matrix @ probes, matrix @ one]
    a = _fit_powers(powers, walked)
    for coefficient, power in zip(a, powers):
        walked.sub_(coefficient * power)
    gain = 1.0 / (1.0 - keep * values) - (a[0] + a[1] * values + a[2] * values.square())
    squares = torch.zeros(n, device=matrix.device).index_add_(0, m.owners, m.weights.square())
    rest = (probes * walked).mean(1)
    scale = (a[0] + a[2] * squares + vectors.square() @ gain + rest).clamp_min(1.0).rsqrt()
    reached = (m.starts.diff() > 0)[:, None]  # no walk leaves a row without edges: nothing but rounding errors
    far = vectors * gain.abs().sqrt() * scale[:, None] * reached
    one = (matrix @ scale[:, None])[:, 0]
    near = a[1] * one + a[2] * ((matrix @ one[:, None])[:, 0] - squares * scale)
    mean = (near * scale + far @ (far.sum(0) * gain.sign()) - far.square() @ gain.sign()) / n
    return SparseWalks(m, far.half(), gain.sign(), a[1:], scale, mean)


def _fit_powers(powers: list[Tensor], wanted: Tensor) -> Tensor:
    """(3,) coefficients by least squares, of as many of the powers as differ: a graph without edges has one."""
    flat = torch.stack([power.flatten() for power in powers])
    found = torch.linalg.pinv((flat @ flat.mT).double(), hermitian=True) @ (flat @ wanted.flatten()).double()
    return torch.as_tensor(found, dtype=torch.float32)
