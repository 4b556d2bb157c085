"""Leading eigenvectors of a sparse graph, and the solution of its walks, by Chebyshev polynomials."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from overtone.features.sparse_graph import SparseGraph

_SPARE = 16
"""Further vectors of the iterated subspace: the leading ones converge faster."""
_DEGREE = 20
"""Highest degree of the Chebyshev filter."""
_GROWTH = 1e6
"""How much the filter may raise the largest eigenvalue: more would drown the others in single precision."""
_CUT = 0.7
"""Where the first filter begins to rise."""
_TOLERANCE = 1e-5
"""Relative error of solutions."""
COLUMNS, _ROWS = 16, 65_536
"""Columns, or rows, of the iterated subspace that are worked on at once."""


def leading_eigenpairs(
    graph: SparseGraph, rank: int, start: Tensor | None = None, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues, ascending, and eigenvectors of a normalised graph.

    Chebyshev-filtered subspace iteration: two rounds, one from a start.

    Source:
        Zhou & Saad, A Chebyshev-Davidson algorithm for large symmetric eigenproblems, SIAM J. Matrix Anal. 2007.
    """
    n = len(graph)
    matrix = graph.matrix()
    basis = torch.randn(n, min(rank + _SPARE, n), generator=generator, device=matrix.device)
    if start is not None:
        basis[:, : start.shape[1]] = start
    cut = _CUT
    for _ in range(2 if start is None else 1):
        _filter(graph, basis, cut)
        _orthonormalise(basis)
        small = torch.cat([basis.mT @ (matrix @ part) for part in torch.split(basis, COLUMNS, dim=1)], dim=1)
        values, turn = torch.linalg.eigh((small + small.mT) / 2)
        _turn(basis, turn)
        cut = float(values[0].clamp(0.1, 0.97))
    return values[-rank:].clamp(-1.0, 1.0), basis[:, -rank:].contiguous()


def _filter(graph: SparseGraph, basis: Tensor, cut: float) -> None:
    """A Chebyshev polynomial of the graph on each column, in place; some columns at a time, to save memory.

    Within [−1, 1] on eigenvalues up to ``cut``, large above.
    """
    half, centre = (cut + 1.0) / 2.0, (cut - 1.0) / 2.0
    degree = max(2, min(_DEGREE, int(math.log(_GROWTH) / math.acosh((1.0 - centre) / half))))
    matrix = graph.matrix(1.0 / half, -centre / half)
    for part in torch.split(basis, COLUMNS, dim=1):
        before, now = part, matrix @ part
        for _ in range(degree - 1):
            before, now = now, torch.addmm(before, matrix, now, beta=-1.0, alpha=2.0)
        part.copy_(now)


def _orthonormalise(basis: Tensor) -> None:
    """An orthonormal basis of the same columns' span, in place: QR by Cholesky in double precision, and once more.

    Columns are brought to unit length first. Where rounding has left them dependent, Householder's QR does it.

    Source:
        Yamamoto, Nakatsukasa, Yanagisawa & Fukaya, Roundoff error analysis of the CholeskyQR2 algorithm, ETNA 2015.
    """
    basis.div_(basis.norm(dim=0).clamp_min(torch.finfo(basis.dtype).tiny))
    for _ in range(2):
        gram = sum(part.mT @ part for part in (rows.double() for rows in torch.split(basis, _ROWS)))
        upper, failed = torch.linalg.cholesky_ex(torch.as_tensor(gram), upper=True)
        if failed:
            basis.copy_(torch.linalg.qr(basis).Q)
            return
        unit = torch.eye(len(upper), dtype=upper.dtype, device=upper.device)
        _turn(basis, torch.linalg.solve_triangular(upper, unit, upper=True))


def _turn(basis: Tensor, matrix: Tensor) -> None:
    """``basis @ matrix`` in place, some rows at a time."""
    for rows in torch.split(basis, _ROWS):
        rows.copy_(rows.to(matrix.dtype) @ matrix)


def solve_walks(matrix: Tensor, right: Tensor, keep: float, largest: float = 1.0) -> Tensor:
    """(I − keep · M)⁻¹ applied to columns, by Chebyshev iteration; M's eigenvalues lie in [−1, ``largest``].

    Source:
        Saad, Iterative Methods for Sparse Linear Systems, 2003, algorithm 12.1.
    """
    low, high = 1.0 - keep * largest, 1.0 + keep
    middle, half = (high + low) / 2.0, (high - low) / 2.0
    shrinks = (math.sqrt(high / low) - 1.0) / (math.sqrt(high / low) + 1.0)
    residual, solution, ratio = right, torch.zeros_like(right), half / middle
    direction = residual / middle
    for _ in range(max(1, math.ceil(math.log(_TOLERANCE) / math.log(shrinks)))):
        solution = solution + direction
        residual = torch.addmm(residual - direction, matrix, direction, alpha=keep)
        following = 1.0 / (2.0 * middle / half - ratio)
        direction = (following * ratio) * direction + (2.0 * following / half) * residual
        ratio = following
    return solution
