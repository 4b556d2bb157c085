"""Many rows, some at a time, so that what is computed between takes little memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Rows = TypeVar("Rows", "Tensor", "np.ndarray[Any, Any]")


def map_blocks(function: Callable[[Tensor], Tensor], rows: Tensor, size: int) -> Tensor:
    """A function of rows, applied to blocks of them.

    Each result goes into its place at once. A list of small results would hold the memory between them: the allocator
    cannot give back what lies below a block that is in use, so the process would grow with every block.

    Args:
        function: (b, …) rows to as many others, the same whatever rows are beside them.
        rows: (n, …) rows, at least one.
        size: Rows of a block.

    Returns:
        (n, …) rows.

    Example:
        >>> import torch
        >>> map_blocks(lambda part: 2 * part, torch.tensor([1, 2, 3]), 2).tolist()
        [2, 4, 6]
    """
    first = function(rows[:size])
    if size >= len(rows):
        return first
    found = first.new_empty(len(rows), *first.shape[1:])
    found[:size] = first
    fill_blocks(found[size:], function, rows[size:], size)
    return found


def fill_blocks(found: Rows, function: Callable[[Rows], Rows], rows: Rows, size: int) -> Rows:
    """The same into rows of the caller's, of any type of their own.

    Example:
        >>> import numpy as np
        >>> fill_blocks(np.empty(3, bool), lambda part: part > 1, np.array([1, 2, 3]), 2).tolist()
        [False, True, True]
    """
    for start in range(0, len(rows), size):
        found[start : start + size] = function(rows[start : start + size])
    return found
