"""The one reader of labels: what a file, an array or a tensor holds becomes class numbers, class names or targets.

A row without a label is marked by -1, by an empty string, by nothing at all (null, NaN), or in a matrix by a row of
zeros. That is so wherever labels are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from overtone.core import InputError
from overtone.core.sources import check_characters
from overtone.features.arrays import ArrayLike, Column, Values
from overtone.features.class_order import encode_classes
from overtone.features.plain_values import as_array, is_nothing, plain_values

NO_LABEL = -1
"""The class code of a row without a label."""

SHOWN = 5
"""How many names a message lists."""

VALID = "class numbers or names (N,), or targets (N, C)"

_LARGE = 1 << 24
"""Numbers that a matrix of targets may have before a checksum is taken of the codes instead."""
_LARGEST = np.iinfo(np.int64).max

Place = Callable[[int], str]
"""Says where a row is, for messages."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of N rows, read and checked, in one of three forms.

    Attributes:
        values: (N,) int64 class numbers, -1 for none; (N,) names of classes, empty for none; or (N, C) targets in
            [0, 1], a row of zeros for none.
        where: What they are called in messages.
        place: Where a row is, for messages.
    """

    values: Values
    where: str
    place: Place

    @property
    def named(self) -> bool:
        """Whether they are names of classes."""
        return bool(self.values.dtype.kind == "U")

    @cached_property
    def known(self) -> Values:
        """(N,) bool: which rows have a label."""
        if self.values.ndim == 2:
            return np.asarray((self.values > 0).any(axis=1))
        return np.asarray(self.values != ("" if self.named else NO_LABEL))

    def encode(self, names: Sequence[str] = ()) -> tuple[Values, tuple[str, ...]]:
        """What everything else works with, and the names of the C classes.

        Args:
            names: The classes' names; by default the labels themselves, sorted, or the numbers of the columns.

        Returns:
            values: (N,) int64 class codes, -1 for none, where a row has one class at most; else (N, C) float32.
            names: C names.

        Raises:
            InputError: A label has no name, or there is not one name for each column.
        """
        if self.values.ndim == 2:
            return self._encode_targets(names)
        codes = np.full(len(self.values), NO_LABEL, np.int64)
        given = self.values[self.known]
        if not names:
            names, numbers = encode_classes(given)
        else:
            self._refuse_nameless(names)
            numbers = given
            if self.named:
                bare = _bare(names)
                order = np.argsort(bare)
                numbers = order[np.searchsorted(bare, given, sorter=order)]
        codes[self.known] = numbers.ravel()
        return codes, tuple(names)

    def _encode_targets(self, names: Sequence[str]) -> tuple[Values, tuple[str, ...]]:
        """Targets with at most one class a row as codes, others as they are."""
        width = self.values.shape[1]
        if names and len(names) != width:
            what = f"{self.where}: {width} classes but {len(names)} class names"
            raise InputError(what, fix="bring one name per column")
        found = tuple(names) or tuple(map(str, range(width)))
        codes = codes_of(self.values)
        return (self.values.astype(np.float32) if codes is None else codes), found

    def _refuse_nameless(self, names: Sequence[str]) -> None:
        """Refuse labels that are none of the named classes."""
        fix = None
        if self.named:
            known, valid = np.isin(self.values, _bare(names)), f"one of the class names ({_first(names)})"
        else:
            known = self.values < len(names)
            valid = f"whole numbers from 0 to {len(names) - 1} (there are {len(names)} class names)"
            fix = "number the classes from 0; -1 marks a row without a label"
        _refuse(~known & self.known, self.values, self.place, valid, fix)


def read_labels(
    values: ArrayLike,
    where: str,
    place: Place | None = None,
    *,
    column_is_class: bool = False,
    threshold: float | None = None,
) -> Labels:
    """Read labels of any kind.

    Args:
        values: An array, a tensor or a list: (N,) or (N, 1) numbers of any width and byte order, names as text, bytes
            or objects; or (N, C) numbers in [0, 1]: one-hot, multi-hot or soft.
        where: What they are called in messages.
        place: Where a row is, for messages; by default ``where`` and its number.
        column_is_class: Whether a single column is a target of one class, not a column of class numbers.
        threshold: Targets from this value on become 1, others 0; None leaves them as they are.

    Returns:
        The labels.

    Raises:
        InputError: They are of another kind or shape, or a value is out of range; the first such row is named.

    Example:
        >>> read_labels(np.array([7, -1, 3], ">i4"), "y").encode()
        (array([ 1, -1,  0]), ('3', '7'))
        >>> read_labels(["cat", "", None, "ant"], "y").encode()
        (array([ 1, -1, -1,  0]), ('ant', 'cat'))
    """
    place = place or (lambda row: f"{where}, row {row}")
    array = _to_array(values, where)
    if array.ndim == 2 and array.shape[1] == 1 and not column_is_class:
        array = array[:, 0]
    if array.dtype.kind == "O":
        array = _plain(array, where, place)
    if array.dtype.kind in "SU":
        array = _text(array)
        check_characters(array, where)
    matrix = array.ndim == 2 and array.dtype.kind != "U"
    if array.dtype.kind not in "biufU" or (array.ndim != 1 and not matrix):
        got = f"{array.shape} {'str' if array.dtype.kind == 'U' else array.dtype}"
        raise InputError(f"{where}: not labels", got=got, valid=VALID)
    if array.dtype.kind == "U":
        return Labels(array, where, place)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if not matrix:
        return Labels(_numbers(array, place), where, place)
    targets = _targets(array, place)
    return Labels(targets if threshold is None else (targets >= threshold).astype(np.float32), where, place)


def codes_of(targets: Values) -> Values | None:
    """(N,) int64 class codes, -1 for none, of (N, C) targets with at most one class a row; None of others.

    Example:
        >>> codes_of(np.array([[0, 1], [0, 0]])), codes_of(np.array([[0.5, 0]]))
        (array([ 1, -1]), None)
    """
    if not bool(((targets == 0) | (targets == 1)).all()) or bool((targets.sum(axis=1) > 1).any()):
        return None
    return np.where(targets.any(axis=1), targets.argmax(axis=1), NO_LABEL).astype(np.int64)


def is_label_matrix(column: Column) -> bool:
    """Whether a column is (N, C) with one 1 a row and 0 otherwise, which is what labels look like, not features."""
    if any(len(part.shape) != 2 or not 2 <= part.shape[1] < part.shape[0] for part in column.parts):
        return False
    blocks = (block for part in column.parts for block in part.blocks())
    return all(bool(((block == 0) | (block == 1)).all() and (block.sum(axis=1) == 1).all()) for block in blocks)


def one_hot(codes: Values, classes: int) -> Values:
    """(N, C) float32 targets of (N,) class codes; a row of zeros where there is no label."""
    targets = np.zeros((len(codes), classes), np.float32)
    known = codes != NO_LABEL
    targets[known, codes[known]] = 1.0
    return targets


def identifying(labels: Values, classes: int) -> Values:
    """What a checksum takes of labels: the targets, and of many classes the codes, as the targets would be huge."""
    return labels if labels.ndim == 2 or labels.size * classes > _LARGE else one_hot(labels, classes)


def _to_array(values: ArrayLike, where: str) -> Values:
    """Tensors, lists and arrays as arrays."""
    try:
        array = as_array(values)
        array = np.array(array.tolist(), dtype=object) if array.dtype.kind == "V" and not array.dtype.names else array
    except (ValueError, TypeError):
        raise InputError(f"{where}: not labels", got=type(values).__name__, valid=VALID) from None
    if array.dtype.names is not None and len(array.dtype.names) == 1:
        array = array[array.dtype.names[0]]
    if array.ndim == 0 or 0 in array.shape:
        raise InputError(f"{where}: not labels", got=f"shape {array.shape}", valid=VALID)
    return array


def _plain(array: Values, where: str, place: Place) -> Values:
    """An array of Python objects as numbers or text; nothing (None, NaN) is no label."""
    items = array.ravel().tolist()
    found = plain_values(items)
    if found is not None:
        return found.reshape(array.shape)
    known = [(row, item) for row, item in enumerate(items) if not is_nothing(item)]
    row, odd = next((row, item) for row, item in known if plain_values([item, 0]) is None)
    mixed = "numbers and names" if any(isinstance(item, (str, bytes)) for _, item in known) else "other objects"
    raise InputError(f"{place(row)}: labels mix {mixed}", got=repr(odd)[:60], valid=VALID)


def _text(array: Values) -> Values:
    """Words without the blanks and zeros that fill them up."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "surrogateescape")
    return np.asarray(np.char.strip(np.char.rstrip(array, "\0")))


def _numbers(array: Values, place: Place) -> Values:
    """(N,) int64 class numbers; text where they are too large for that."""
    if array.dtype.kind == "f":
        array = array.astype(np.float64)
        empty = np.isnan(array)
        filled = np.where(empty, NO_LABEL, array)
        bad = (filled != np.round(filled)) | (filled < NO_LABEL) | np.isinf(filled) | (filled > _LARGEST)
    else:
        filled, bad = array, (array < NO_LABEL if array.dtype.kind == "i" else np.zeros(len(array), bool))
    bad = np.asarray(bad)
    valid, fix = "whole numbers from 0", "number the classes from 0; -1 marks a row without a label"
    _refuse(bad, array, place, valid, fix)
    if array.dtype.kind == "u" and len(array) and int(array.max()) > _LARGEST:
        return array.astype(str)
    return filled.astype(np.int64)


def _targets(array: Values, place: Place) -> Values:
    """(N, C) targets in [0, 1]; a row of -1 or NaN throughout is one of zeros."""
    if array.dtype.kind == "f":
        nothing = (np.isnan(array) | (array == NO_LABEL)).all(axis=1)
    else:
        nothing = (array == NO_LABEL).all(axis=1) if array.dtype.kind == "i" else np.zeros(len(array), bool)
    if nothing.any() and not nothing.all():
        array = np.where(nothing[:, None], array.dtype.type(0), array)
    good = ((array >= 0) & (array <= 1)).all(axis=1)
    fix = "give one-hot, multi-hot or soft targets; a row of zeros is a clip without a label"
    _refuse(np.asarray(~good), array, place, "0 to 1", fix)
    return array


def _refuse(bad: Values, values: Values, place: Place, valid: str, fix: str | None) -> None:
    """Name the first of the rows whose label cannot be read."""
    if not bad.any():
        return
    row = int(np.flatnonzero(bad)[0])
    got = np.array2string(values[row], threshold=SHOWN, edgeitems=2) if values.ndim == 2 else str(values[row])[:60]
    what = f"{place(row)}: label out of range ({int(bad.sum())} such rows)"
    raise InputError(what, got=got, valid=valid, fix=fix)


def _bare(names: Sequence[str]) -> list[str]:
    """Names as labels are compared with them: without the blanks around them."""
    return [name.strip() for name in names]


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown}, ... {len(names)} in all"
