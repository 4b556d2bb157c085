"""Arrays that the graphs are computed from: their types, and how anything that holds numbers becomes one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]
Ints = NDArray[np.int64]
Numbers = NDArray[np.floating | np.integer | np.bool_]


def numbers(data: object, what: str) -> Numbers:
    """A two-dimensional array of numbers, not copied where it is one already; anything else is refused."""
    array = to_array(data)
    if array.ndim != 2 or array.dtype.kind not in "fiub" or 0 in array.shape:
        raise InputError(f"{what} must be a (rows, variables) array of numbers", got=f"{array.dtype} {array.shape}")
    return array


def to_array(data: object) -> Numbers:
    """A numpy array of whatever holds numbers, tensors on any device among them."""
    tensor = getattr(data, "detach", None)
    return np.asarray(data if tensor is None else tensor().cpu())
