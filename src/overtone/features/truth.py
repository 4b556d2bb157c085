"""What is known beyond the annotation: its checks, and the forms in which files and features hold interactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features.base import PER_ROW_TRUTH
from overtone.features.draft import Draft
from overtone.features.findings import Finding, some

INTERACTIONS, STRENGTHS = "interactions", "interaction_strengths"
"""Keys of what is known of the corpus as a whole; strengths go with pairs of node numbers only."""

Values = np.ndarray[Any, Any]


def truth(draft: Draft) -> Iterator[Finding]:
    """Events of the modalities are (N, C) shares of one C; interactions are pairs of node numbers, or a matrix."""
    if not all(part.numeric for column in draft.truth.values() for part in column.parts):
        return
    yield from _events(draft)
    if INTERACTIONS in draft.truth:
        yield from _interactions(draft)
    elif STRENGTHS in draft.truth:
        where = draft.truth[STRENGTHS].where
        yield Finding("interactions", InputError(f"{where}: strengths without '{INTERACTIONS}'"))


def truth_of(draft: Draft) -> dict[str, Tensor]:
    """Tensors by key, interactions as a (2C, 2C) matrix; what has its checks behind it."""
    found = {key: column.float32() for key, column in draft.truth.items() if key.startswith(PER_ROW_TRUTH)}
    if INTERACTIONS not in draft.truth:
        return found
    given = draft.truth[INTERACTIONS].read()
    if _are_pairs(given.shape):
        strengths = draft.truth[STRENGTHS].read() if STRENGTHS in draft.truth else np.ones(len(given))
        given = as_matrix(given.reshape(-1, 2), strengths.ravel(), _classes(draft))
    return {**found, INTERACTIONS: torch.from_numpy(given.astype(np.float32))}


def as_pairs(matrix: Values) -> tuple[Values, Values]:
    """Interactions as files hold them.

    Args:
        matrix: (2C, 2C) strengths, source by target; node k < C is class k in the first modality, C + k in the second.

    Returns:
        (K, 2) int64 node numbers, source and target, and (K,) float32 strengths.

    Example:
        >>> as_pairs(np.array([[0, 0.5], [0, 0]]))
        (array([[0, 1]]), array([0.5], dtype=float32))
    """
    pairs = np.argwhere(matrix)
    return pairs, matrix[pairs[:, 0], pairs[:, 1]].astype(np.float32)


def as_matrix(pairs: Values, strengths: Values, classes: int) -> Values:
    """The (2C, 2C) matrix of :func:`as_pairs`.

    Args:
        pairs: (K, 2) node numbers.
        strengths: (K,).
        classes: C.
    """
    matrix = np.zeros((2 * classes, 2 * classes), np.float32)
    sources, targets = pairs.astype(np.int64).T
    matrix[sources, targets] = strengths
    return matrix


def _are_pairs(shape: tuple[int, ...]) -> bool:
    """Whether interactions are pairs: a matrix of two classes or more has four columns at least."""
    return shape[-1:] == (2,) or shape == (0,)


def _classes(draft: Draft) -> int:
    """C of the events, or else of the labels; 0 where there are neither."""
    for key, column in draft.truth.items():
        if key.startswith(PER_ROW_TRUTH):
            return column.parts[0].shape[1]
    if draft.class_names is not None:
        return draft.class_names.rows
    values = draft.label_values if draft.labels is not None else np.zeros((0, 0))
    return values.shape[1] if values.ndim == 2 else len(np.unique(values))


def _events(draft: Draft) -> Iterator[Finding]:
    widths = {}
    for key, column in draft.truth.items():
        if not key.startswith(PER_ROW_TRUTH):
            continue
        shapes = {part.shape[1:] for part in column.parts}
        values = column.read()
        if len(shapes) != 1 or values.ndim != 2 or not ((values >= 0) & (values <= 1)).all():
            error = InputError(f"{column.where}: not events", got=f"shape {values.shape}", valid="(N, C) in [0, 1]")
            yield Finding("events", error)
        else:
            widths[column.where] = values.shape[1]
    if len(set(widths.values())) > 1:
        got = " and ".join(map(str, widths.values()))
        yield Finding("events", InputError(f"{', '.join(widths)}: events of one number of classes are needed", got=got))


def _interactions(draft: Draft) -> Iterator[Finding]:
    column = draft.truth[INTERACTIONS]
    given = column.read()
    if not _are_pairs(given.shape):
        if given.ndim != 2 or given.shape[0] != given.shape[1] or given.shape[0] % 2:
            valid = "(K, 2) pairs of node numbers, or a (2C, 2C) matrix"
            error = InputError(f"{column.where}: not interactions", got=f"shape {given.shape}", valid=valid)
            yield Finding("interactions", error)
        return
    nodes = 2 * _classes(draft)
    if not nodes:
        error = InputError(f"{column.where}: node numbers without classes", fix="bring labels or events too")
        yield Finding("interactions", error)
    bad = given[~((given >= 0) & (given < nodes) & (given == np.round(given)))]
    if nodes and len(bad):
        what = f"{column.where}: no node has such a number"
        valid = f"whole numbers from 0 to {nodes - 1}: a class, plus {nodes // 2} in the second modality"
        yield Finding("interactions", InputError(what, got=some(bad.tolist()), valid=valid))
    strengths = draft.truth.get(STRENGTHS)
    if strengths is not None and strengths.rows != len(given):
        what = f"{strengths.where}: not one for each interaction"
        yield Finding("interactions", InputError(what, got=f"{strengths.rows} for {len(given)}"))
