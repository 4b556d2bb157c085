"""Exact nearest rows of every row, by blocks of a matrix product: bounded memory, no loop over rows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from overtone.core import Progress, ProgressCallback

_BLOCK = 2**24
"""Squared distances that are held at a time."""
_GATHERED = 2**24
"""Numbers of gathered candidates that are held at a time."""
_SPARE = 6
"""Candidates beyond those asked for: a product in single precision may order near ties wrongly."""


@dataclass(frozen=True)
class Nearest:
    """Nearest other rows of N rows.

    Attributes:
        distances: (N, k) Euclidean distances, ascending, float64.
        rows: (N, k) which rows they are.
    """

    distances: Tensor
    rows: Tensor


def nearest_rows(points: Tensor, k: int, progress: ProgressCallback | None = None, label: str = "") -> Nearest:
    """Find the k nearest other rows of each row, exactly: O(N²d) time, O(N k) memory beside one block.

    Candidates come from a product in single precision; their distances are then taken from differences in double
    precision, so that equal rows have distance 0.

    Args:
        points: (N, d) rows.
        k: Neighbours; at most N - 1.
        progress: Called after each block.
        label: What the progress is called.

    Example:
        >>> found = nearest_rows(torch.tensor([[0.0], [1.0], [1.0], [5.0]]), 2)
        >>> found.distances[3].tolist(), found.rows[0].sort().values.tolist()
        ([4.0, 4.0], [1, 2])
    """
    points = points.float().flatten(1)
    points = points - points.mean(0)  # distances stay, and the product loses fewer digits
    return _search(points, points, min(k, len(points) - 1), progress, label, own=True)


def nearest_among(queries: Tensor, points: Tensor, k: int) -> Nearest:
    """Find the k nearest of N rows for each of Q other rows, exactly, as :func:`nearest_rows` does.

    Args:
        queries: (Q, d) rows.
        points: (N, d) rows among which is looked.
        k: Neighbours; at most N.

    Returns:
        Distances and rows of ``points``, (Q, k).

    Example:
        >>> nearest_among(torch.tensor([[1.0]]), torch.tensor([[0.0], [1.0], [5.0]]), 2).rows.tolist()
        [[1, 0]]
    """
    points, queries = points.float().flatten(1), queries.float().flatten(1)
    centre = points.mean(0)
    return _search(queries - centre, points - centre, min(k, len(points)), None, "", own=False)


def _search(
    queries: Tensor, points: Tensor, k: int, progress: ProgressCallback | None, label: str, *, own: bool
) -> Nearest:
    """The k nearest points of each query; with ``own`` the queries are the points, and none finds itself."""
    squares, start_time = points.square().sum(1), time.perf_counter()
    count = min(k + _SPARE, len(points) - own)
    distances, rows = [], []
    for block in torch.split(torch.arange(len(queries), device=points.device), max(1, _BLOCK // len(points))):
        near = torch.addmm(squares, queries[block], points.T, alpha=-2.0)  # each query's own square changes no order
        if own:
            near[torch.arange(len(block), device=points.device), block] = torch.inf
        columns = near.topk(count, dim=1, largest=False).indices
        exact = _distances(queries[block], points, columns)
        values, order = exact.sort(dim=1)
        distances.append(values[:, :k])
        rows.append(columns.gather(1, order)[:, :k])
        if progress is not None:
            done, seconds = int(block[-1]) + 1, time.perf_counter() - start_time
            progress(Progress(label or "neighbours", done, len(queries), unit="clip", seconds=seconds))
    return Nearest(torch.cat(distances), torch.cat(rows))


def _distances(queries: Tensor, points: Tensor, columns: Tensor) -> Tensor:
    """(b, c) exact distances of some queries to their candidates."""
    step = max(1, _GATHERED // (columns.shape[1] * points.shape[1]))
    parts = [
        (some[:, None].double() - points[candidates].double()).square().sum(2).sqrt()
        for some, candidates in zip(torch.split(queries, step), torch.split(columns, step))
    ]
    return torch.cat(parts)
