"""The truth beyond the annotation (events, interactions): its checks, and its forms in files and in features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Values
from overtone.features.base import EVENTS
from overtone.features.parsed_table import INTERACTIONS, STRENGTHS, Issue, ParsedTable, list_some


def check_truth(table: ParsedTable) -> Iterator[Issue]:
    """Events of the modalities are (N, C) shares of one C; interactions are pairs of node numbers, or a matrix."""
    if not all(part.numeric for column in table.truth.values() for part in column.parts):
        return
    yield from _check_events(table)
    if INTERACTIONS in table.truth:
        yield from _check_interactions(table)
    elif STRENGTHS in table.truth:
        where = table.truth[STRENGTHS].where
        yield Issue("interactions", InputError(f"{where}: strengths without '{INTERACTIONS}'"))


def build_truth(table: ParsedTable) -> dict[str, Values]:
    """float32 arrays by key, interactions as a (2C, 2C) matrix, of truth without issues."""
    found = {key: column.float32() for key, column in table.truth.items() if key.startswith(EVENTS)}
    if INTERACTIONS not in table.truth:
        return found
    given = table.truth[INTERACTIONS].read()
    if _are_pairs(given.shape):
        strengths = table.truth[STRENGTHS].read() if STRENGTHS in table.truth else np.ones(len(given))
        given = to_matrix(given.reshape(-1, 2), strengths.ravel(), _count_classes(table))
    return {**found, INTERACTIONS: given.astype(np.float32)}


def to_pairs(matrix: Values) -> tuple[Values, Values]:
    """Interactions as pairs of nodes, the form in files: (K, 2) int64 sources and targets, and (K,) float32 strengths.

    In the (2C, 2C) matrix, source by target, node k < C is class k in the first modality, C + k in the second.

    Example:
        >>> to_pairs(np.array([[0, 0.5], [0, 0]]))
        (array([[0, 1]]), array([0.5], dtype=float32))
    """
    pairs = np.argwhere(matrix)
    return pairs, matrix[pairs[:, 0], pairs[:, 1]].astype(np.float32)


def to_matrix(pairs: Values, strengths: Values, classes: int) -> Values:
    """The (2C, 2C) matrix of (K, 2) pairs of nodes and their (K,) strengths."""
    matrix = np.zeros((2 * classes, 2 * classes), np.float32)
    sources, targets = pairs.astype(np.int64).T
    matrix[sources, targets] = strengths
    return matrix


def _are_pairs(shape: tuple[int, ...]) -> bool:
    """Whether interactions are pairs: a matrix of two classes or more has four columns at least."""
    return shape[-1:] == (2,) or shape == (0,)


def _count_classes(table: ParsedTable) -> int:
    """C of the events, or else of the labels; 0 where there are neither."""
    for key, column in table.truth.items():
        if key.startswith(EVENTS):
            return column.parts[0].shape[1]
    if table.class_names is not None:
        return table.class_names.rows
    return len(table.read_labels.encode()[1]) if table.labels is not None else 0


def _check_events(table: ParsedTable) -> Iterator[Issue]:
    widths = {}
    for key, column in table.truth.items():
        if not key.startswith(EVENTS):
            continue
        shapes = {part.shape[1:] for part in column.parts}
        values = column.read()
        if len(shapes) != 1 or values.ndim != 2 or not ((values >= 0) & (values <= 1)).all():
            error = InputError(f"{column.where}: not events", got=f"shape {values.shape}", valid="(N, C) in [0, 1]")
            yield Issue("events", error)
        else:
            widths[column.where] = values.shape[1]
    if len(set(widths.values())) > 1:
        got = " and ".join(map(str, widths.values()))
        yield Issue("events", InputError(f"{', '.join(widths)}: events of one number of classes are needed", got=got))


def _check_interactions(table: ParsedTable) -> Iterator[Issue]:
    column = table.truth[INTERACTIONS]
    given = column.read()
    if not _are_pairs(given.shape):
        if given.ndim != 2 or given.shape[0] != given.shape[1] or given.shape[0] % 2:
            valid = "(K, 2) pairs of node numbers, or a (2C, 2C) matrix"
            error = InputError(f"{column.where}: not interactions", got=f"shape {given.shape}", valid=valid)
            yield Issue("interactions", error)
        return
    nodes = 2 * _count_classes(table)
    if not nodes:
        error = InputError(f"{column.where}: node numbers without classes", fix="bring labels or events too")
        yield Issue("interactions", error)
    bad = given[~((given >= 0) & (given < nodes) & (given == np.round(given)))]
    if nodes and len(bad):
        what = f"{column.where}: no node has such a number"
        valid = f"whole numbers from 0 to {nodes - 1}: a class, plus {nodes // 2} in the second modality"
        yield Issue("interactions", InputError(what, got=list_some(bad.tolist()), valid=valid))
    strengths = table.truth.get(STRENGTHS)
    if strengths is not None and strengths.rows != len(given):
        what = f"{strengths.where}: not one for each interaction"
        yield Issue("interactions", InputError(what, got=f"{strengths.rows} for {len(given)}"))
