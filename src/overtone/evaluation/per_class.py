"""Means over the queries of each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from overtone.evaluation.arrays import Floats
from overtone.evaluation.scores import ClassScore


def per_class_scores(
    precision: Mapping[str, Floats], targets: Mapping[str, Tensor], class_names: tuple[str, ...]
) -> dict[str, ClassScore]:
    """Means over the queries of each class; where directions differ in their queries, the larger number is given."""
    table, most = {}, np.zeros(len(class_names))
    for way, values in precision.items():
        labels, known = targets[way].numpy(), ~np.isnan(values)
        queries, total = _class_sums(labels[known], values[known], len(class_names))
        table[way] = total / np.where(queries > 0, queries, np.nan)
        most = np.maximum(most, _class_sums(labels, np.ones(len(labels)), len(class_names))[0])
    return {
        name: ClassScore({way: float(means[c]) for way, means in table.items()}, int(most[c]))
        for c, name in enumerate(class_names)
    }


def _class_sums(labels: NDArray[Any], values: Floats, classes: int) -> tuple[Floats, Floats]:
    """(C,) number of rows of each class, and the sum of their values."""
    if labels.ndim == 2:
        members = (labels > 0).astype(np.float64)
        return members.sum(axis=0), members.T @ values
    labelled = labels >= 0
    codes = labels[labelled]
    counts = np.bincount(codes, minlength=classes).astype(np.float64)
    total = np.bincount(codes, weights=values[labelled], minlength=classes).astype(np.float64)
    return counts, total
