"""Rows of features, taken and scaled block by block where they are large."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from overtone.core import scratch
from overtone.core.scratch import empty_rows, is_large, release

_BLOCK_BYTES = 64 << 20


def take_rows(tensor: Tensor, rows: Tensor, change: Callable[[Tensor, Tensor], Tensor] | None = None) -> Tensor:
    """Some rows, in a file where they are large.

    Args:
        tensor: (N, …) rows.
        rows: (n,) row numbers.
        change: (b, …) rows and their numbers to (b, …) rows, the same whatever rows are beside them.

    Returns:
        (n, …) rows.
    """
    if not is_large((len(rows), *tensor.shape[1:])):
        return tensor[rows] if change is None else change(tensor[rows], rows)
    size = max(1, _BLOCK_BYTES // (4 * tensor[0].numel()))
    found: Tensor | None = None
    start = 0
    for part in torch.split(rows, size):
        block = tensor[part] if change is None else change(tensor[part], part)
        if found is None:
            found = torch.from_numpy(empty_rows((len(rows), *block.shape[1:])))
        found[start : start + len(part)] = block
        start += len(part)
        release(tensor, found)
    assert found is not None
    return found


def spread_sample(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows to fit something on: these rows or, where they are large, as many evenly spread ones as are not."""
    sample = tensor[spread_rows(rows, tensor)]
    release(tensor)
    return sample


def spread_rows(rows: Tensor, *tensors: Tensor) -> Tensor:
    """Numbers of the same rows of several tensors: these or, where any is large, as many evenly spread ones as are not.

    Args:
        rows: (n,) row numbers.
        tensors: (N, …) each.
    """
    most = min(scratch.LARGE_BYTES // (4 * tensor[0].numel()) for tensor in tensors)
    if len(rows) <= most:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, most // 4, dtype=torch.float64).long()]
