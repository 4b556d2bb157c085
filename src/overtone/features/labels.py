"""Labels of any kind: their checks, and the (N, C) targets they become."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Column, Values, pickle_error
from overtone.features.parsed_table import SHOWN, Issue, ParsedTable


def check_labels(table: ParsedTable) -> Iterator[Issue]:
    """Class numbers are whole, not negative and have a name; targets lie in [0, 1]; names of classes are unique."""
    if table.labels is None:
        return
    issues = [*_check_shape(table.labels), *_check_names(table)]
    yield from issues
    if not issues:
        yield from _check_range(table, table.labels)


def build_targets(table: ParsedTable) -> tuple[Values | None, tuple[str, ...]]:
    """(N, C) float32 targets and the classes' names, of labels without issues."""
    if table.labels is None:
        return None, ()
    given = table.label_values
    names = table.class_names.text() if table.class_names is not None else ()
    if given.ndim == 2:
        return given.astype(np.float32), names or tuple(map(str, range(given.shape[1])))
    if not names:
        classes, numbers = np.unique(given, return_inverse=True)
        names = tuple(str(value) if given.dtype.kind == "U" else str(int(value)) for value in classes)
    elif given.dtype.kind == "U":
        order = np.argsort(names)
        numbers = order[np.searchsorted(names, given, sorter=order)]
    else:
        numbers = given.astype(np.int64)
    targets = np.zeros((len(given), len(names)), np.float32)
    targets[np.arange(len(given)), numbers.ravel()] = 1.0
    return targets, names


def _check_shape(column: Column) -> Iterator[Issue]:
    valid = "class numbers or names (N,), or targets (N, C)"
    for part in column.parts:
        if part.dtype.kind == "O":
            yield Issue("dtype", pickle_error(part))
        elif len(part.shape) not in (1, 2) or not (part.numeric or (part.textual and len(part.shape) == 1)):
            yield Issue("labels", InputError(f"{part.where}: not labels", got=str(part), valid=valid))
    if len({part.shape[1:] for part in column.parts}) > 1:
        got = " and ".join(map(str, column.parts))
        yield Issue("labels", InputError(f"{column.where}: the parts differ in shape", got=got, valid=valid))


def _check_names(table: ParsedTable) -> Iterator[Issue]:
    if table.class_names is None:
        return
    names = table.class_names.text()
    twice = next((row for row, name in enumerate(names) if name in names[:row]), None)
    if twice is not None:
        what = f"{table.class_names.place(twice)}: class name {names[twice]!r} occurs twice"
        yield Issue("labels", InputError(what, fix="give each class its own name"))


def _check_range(table: ParsedTable, column: Column) -> Iterator[Issue]:
    given = table.label_values
    names = table.class_names.text() if table.class_names is not None else ()
    if given.ndim == 2 and names and len(names) != given.shape[1]:
        what = f"{column.where}: {given.shape[1]} classes but {len(names)} class names"
        yield Issue("labels", InputError(what, fix="bring one name per column"))
    good, valid = _readable(given, names)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        what = f"{column.place(row)}: label out of range ({int((~good).sum())} such rows)"
        fix = "number the classes from 0; a clip without annotation is a row of zeros in multi-hot 'labels'"
        yield Issue("labels", InputError(what, got=str(given[row]), valid=valid, fix=fix))
    elif (len(np.unique(given)) if given.ndim == 1 else int((given > 0).any(axis=0).sum())) == 1:
        what = f"{column.where}: all clips are of one class"
        fix = "label-level retrieval means nothing then: use the instance-level metrics"
        yield Issue("one-class", InputError(what, fix=fix), fatal=False)


def _readable(given: Values, names: tuple[str, ...]) -> tuple[Values, str]:
    """(N,) whether each label can be read; and, for messages, what can be."""
    if given.dtype.kind == "U":
        known = np.isin(given, names) if names else np.ones(len(given), dtype=bool)
        return np.asarray(known), f"one of the class names ({', '.join(names[:SHOWN])}, ...)"
    if given.ndim == 2:
        return np.asarray(((given >= 0) & (given <= 1)).all(axis=1)), "0 to 1"
    whole = np.isfinite(given) & (given == np.round(given)) & (given >= 0)
    if not names:
        return whole, "whole numbers from 0"
    valid = f"whole numbers from 0 to {len(names) - 1} (there are {len(names)} class names)"
    return whole & (given < len(names)), valid
