"""What a score means: the scores of random pairs of a store's items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overtone.core.documents import Document
from overtone.search.base import Store
from overtone.search.records import Records, Vectors, has_vector

_SAMPLE = 1000


@dataclass(frozen=True)
class ChanceLevel(Document):
    """Scores of random pairs: an item as the query, and another one as the answer.

    Attributes:
        mean, std: Mean and standard deviation of the scores.
        pairs: Number of pairs.
    """

    mean: float
    std: float
    pairs: int


def chance_level(
    store: Store, from_modality: Sequence[str], to_modality: Sequence[str], seed: int = 0
) -> ChanceLevel | None:
    """Mean and standard deviation of the score of an item with another one, over random items.

    A score s is reported as (s - mean) / std: standard deviations above what an unrelated item gets. In a space whose
    vectors all point one way, where any two items have cosine 0.9, a cosine of 0.9 is thus 0.

    Args:
        store: A store.
        from_modality: Modalities of the query.
        to_modality: Modalities that are searched.
        seed: Of the draw of up to 1,000 items.

    Returns:
        The level over all ordered pairs of two different drawn items; None for fewer than three, or equal scores.
    """
    found = store.sample(_SAMPLE, seed)
    queries, has_query = mean_vectors(found, from_modality, unit=True)
    targets, has_target = mean_vectors(found, to_modality)
    rows = np.flatnonzero(has_query & has_target)
    if len(rows) < 3:
        return None
    scores = queries[rows] @ targets[rows].T
    others = scores[~np.eye(len(rows), dtype=bool)].astype(np.float64)
    std = float(others.std())
    return ChanceLevel(float(others.mean()), std, len(others)) if std > 1e-6 else None


def mean_vectors(
    records: Records, modalities: Sequence[str], *, unit: bool = False
) -> tuple[Vectors, NDArray[np.bool_]]:
    """Per item the mean of its vectors over the modalities that it has, and whether it has any.

    Args:
        records: N items.
        modalities: Names of modalities of one width.
        unit: Whether the means are scaled to unit length, as for queries.

    Returns:
        (N, d) means, zero where an item has none of the modalities, and (N,) flags.
    """
    count = np.sum([records.present[name] for name in modalities], axis=0)
    total = np.sum([records.vectors[name] for name in modalities], axis=0, dtype=np.float32)
    mean = total / np.maximum(count, 1)[:, None].astype(np.float32)
    if unit:
        norms = np.linalg.norm(mean, axis=1, keepdims=True)
        mean = mean / np.where(norms == 0, 1, norms)
    return mean, has_vector(mean)
