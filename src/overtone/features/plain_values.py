"""What is in memory as plain arrays: lists, tensors, masked arrays, and Python values some of which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

Values = np.ndarray[Any, Any]
ArrayLike: TypeAlias = "npt.ArrayLike | Tensor"
"""Arrays, tensors, SciPy's sparse matrices, and (nested) lists of numbers or strings."""

_EXACT = 1 << 53
"""Up to here floats, of which one (NaN) can stand for nothing, have all whole numbers."""


def as_array(values: ArrayLike) -> Values:
    """A tensor, a list or an array as an array; what a mask hides is NaN or None.

    Raises:
        ValueError: Rows have different lengths.

    Example:
        >>> as_array(["a", None]).tolist(), as_array(np.ma.masked_equal([1, 2], 2)).tolist()
        (['a', None], [1, None])
    """
    if hasattr(values, "detach"):  # a tensor; torch is not imported to find out
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    if np.ma.is_masked(values):
        masked: np.ma.MaskedArray[Any, Any] = np.ma.asarray(values)
        values = masked.filled(np.nan) if masked.dtype.kind == "f" else np.array(masked.tolist(), dtype=object)
    if isinstance(values, (list, tuple)) and any(isinstance(value, str) for value in values):
        values = np.array(values, dtype=object)  # numpy would write None and NaN as words
    return np.asarray(values)


def is_nothing(value: object) -> bool:
    """Whether a value is None, NaN, or what pandas has for them."""
    if isinstance(value, (float, np.floating)):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def plain_values(values: Sequence[object]) -> Values | None:
    """Python values of one kind as a plain array, in which NaN or an empty word is nothing; None for other values.

    Whole numbers keep all their digits: those that would lose some beside NaN are words.

    Example:
        >>> plain_values([2, None]), plain_values(["a", None]), plain_values([1 << 60, None])
        (array([ 2., nan]), array(['a', ''], dtype='<U1'), array(['1152921504606846976', ''], dtype='<U19'))
    """
    nothing = np.array([is_nothing(value) for value in values], dtype=bool)
    known: list[Any] = [value for value, none in zip(values, nothing) if not none]
    texts = all(isinstance(value, (str, bytes)) for value in known)
    if not texts and not all(isinstance(value, (int, float, np.integer, np.floating, np.bool_)) for value in known):
        return None
    if not texts and all(isinstance(value, (int, np.integer)) for value in known):
        largest = max(abs(int(value)) for value in known)
        texts = largest > (_EXACT if nothing.any() else np.iinfo(np.int64).max)
    found = np.array([_word(value) for value in known], dtype=str) if texts else np.array(known)
    if not nothing.any():
        return found
    spread = np.full(len(values), "" if texts else np.nan, found.dtype if texts else np.float64)
    spread[~nothing] = found
    return spread


def spell_out(values: Values) -> list[str]:
    """Numbers, or what else is not text, as words: whole ones without a point, NaN as an empty word.

    Example:
        >>> spell_out(np.array([1000.0, np.nan])), spell_out(np.array([0.5, 1.0])), spell_out(np.array([7]))
        (['1000', ''], ['0.5', '1.0'], ['7'])
    """
    if values.dtype.kind != "f":
        return [str(value) for value in values.tolist()]
    known = values[~np.isnan(values)]
    whole = bool((np.isfinite(known) & (known == np.round(known))).all())
    return ["" if is_nothing(value) else str(int(value) if whole else value) for value in values.tolist()]


def _word(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
