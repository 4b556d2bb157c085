"""The labels of a parsed table: their checks, and what features keep of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Column, Values, pickle_error
from overtone.features.label_reading import find_doubts
from overtone.features.parsed_table import Issue, ParsedTable


def check_labels(table: ParsedTable) -> Iterator[Issue]:
    """Labels can be read, and have a name each where classes are named; names of classes are unique."""
    if table.labels is None:
        return
    issues = [*_check_parts(table.labels), *_check_names(table)]
    yield from issues
    if issues:
        return
    try:
        table.read_labels.encode(table.names_of_classes)
    except InputError as error:
        yield Issue("labels", error)
        return
    for name, doubt in find_doubts(table.read_labels):
        yield Issue(name, doubt, fatal=False)


def build_labels(table: ParsedTable) -> tuple[Values | None, tuple[str, ...]]:
    """(N,) class codes, -1 for none, or (N, C) float32 targets; and the classes' names, of labels without issues."""
    if table.labels is None:
        return None, ()
    labels, names = table.read_labels.encode(table.names_of_classes)
    if labels.ndim == 1 and not names:
        table.notes.append(f"{table.labels.where}: no clip has a label")
        return None, ()
    return labels, names


def _check_parts(column: Column) -> Iterator[Issue]:
    for part in column.parts:
        if part.dtype.kind == "O":
            yield Issue("dtype", pickle_error(part))
    if len({part.shape[1:] for part in column.parts}) > 1:
        got = " and ".join(map(str, column.parts))
        yield Issue("labels", InputError(f"{column.where}: the parts differ in shape", got=got, valid="one shape"))


def _check_names(table: ParsedTable) -> Iterator[Issue]:
    if table.class_names is None:
        return
    names = np.array(table.names_of_classes)
    _, starts, counts = np.unique(names, return_index=True, return_counts=True)
    if (counts > 1).any():
        name = str(names[starts[counts > 1].min()])
        twice = int(np.flatnonzero(names == name)[1])
        what = f"{table.class_names.place(twice)}: class name {name!r} occurs twice"
        yield Issue("labels", InputError(what, fix="give each class its own name"))
