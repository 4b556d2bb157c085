"""The labels of a parsed table: their checks, and what features keep of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Column, Values, pickle_error
from overtone.features.label_reading import Labels
from overtone.features.messages import LONGEST
from overtone.features.parsed_table import Issue, ParsedTable

_WORDS_FOR_NOTHING = frozenset(("nan", "none", "null", "na", "n/a", "<na>", "-1"))
_ALIKE = 0.95
"""Labels tell next to nothing if more than this share of the pairs of rows share a class."""
_SAMPLE = 500
"""Rows whose pairs are looked at."""


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


def find_doubts(labels: Labels) -> Iterator[tuple[str, InputError]]:
    """What may be wrong with labels, each a name for programs and a sentence."""
    values, where = labels.values[labels.known], labels.where
    if labels.named:
        words = np.unique(values)
        for word in [word for word in words.tolist() if word.lower() in _WORDS_FOR_NOTHING]:
            count = int((values == word).sum())
            what = f"{where}: {count} rows have the class {word!r}, which looks like a missing label"
            yield "missing-word", InputError(what, fix="if so leave those labels empty: that means unlabelled")
        alike: dict[str, list[str]] = {}
        for word in words.tolist():
            alike.setdefault(word.casefold(), []).append(word)
        if pairs := [some for some in alike.values() if len(some) > 1]:
            got = " and ".join(repr(word[:LONGEST]) for word in pairs[0][:2])
            what = f"{where}: {len(pairs)} classes differ in capital letters only"
            yield "alike-classes", InputError(what, got=got, fix="write the same class in one way")
    classes = int((values > 0).any(axis=0).sum()) if values.ndim == 2 else len(np.unique(values))
    if classes == 1:
        fix = "label-level retrieval means nothing then: use the instance-level metrics"
        if values.ndim == 1 and not labels.named and not labels.known.all():
            fix += "; rows of -1 are without a label: if -1 is a class, number the classes from 0"
        yield "one-class", InputError(f"{where}: all clips are of one class", fix=fix)
    elif values.ndim == 2 and (share := _share_alike(values)) > _ALIKE:
        what = (
            f"{where}: {share:.0%} of the pairs of clips share a class, so nearly every clip is relevant to every other"
        )
        soft = not bool(((values == 0) | (values == 1)).all())
        fix = "take what is above a threshold: --label-threshold 0.5, or labels >= 0.5 in Python"
        yield "alike-labels", InputError(what, fix=fix if soft else "leave out classes that all clips have")


def _share_alike(targets: Values) -> float:
    """The share of pairs of rows, of a sample, that share a class."""
    rows = targets[:: max(1, len(targets) // _SAMPLE)] > 0
    shared = (rows.astype(np.float32) @ rows.T.astype(np.float32)) > 0
    others = len(rows) * (len(rows) - 1)
    return float((shared.sum() - np.trace(shared)) / others) if others else 0.0


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
    names = np.char.strip(np.array(table.names_of_classes))
    _, starts, counts = np.unique(names, return_index=True, return_counts=True)
    if (counts > 1).any():
        name = str(names[starts[counts > 1].min()])
        twice = int(np.flatnonzero(names == name)[1])
        what = f"{table.class_names.place(twice)}: class name {name!r} occurs twice"
        yield Issue("labels", InputError(what, fix="give each class its own name"))
