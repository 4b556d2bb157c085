"""Single numbers, for a training loop that validates every epoch."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.evaluation.arrays import ArrayLike, Floats, as_pair, class_labels, unit_pair
from overtone.evaluation.metrics import average_precision, expected_rank
from overtone.evaluation.retrieval import Search, own_items, run_search
from overtone.features.label_reading import read_labels


def mean_average_precision(
    queries: ArrayLike,
    gallery: ArrayLike,
    query_targets: ArrayLike,
    gallery_targets: ArrayLike,
    *,
    memory_mb: int = 256,
    exact: bool | None = None,
) -> float:
    """Mean average precision of one direction, over all ranks.

    Args:
        queries, gallery, query_targets, gallery_targets, memory_mb, exact: As for :func:`average_precisions`, with its
            errors.

    Returns:
        Mean over the queries that have a relevant item; NaN if none has.

    Example:
        >>> mean_average_precision([[1.0, 0.0]], [[1.0, 0.1], [0.0, 1.0], [1.0, 0.0]], [1], [1, 1, 0])
        0.5833333333333333
    """
    values = average_precisions(queries, gallery, query_targets, gallery_targets, memory_mb=memory_mb, exact=exact)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def average_precisions(
    queries: ArrayLike,
    gallery: ArrayLike,
    query_targets: ArrayLike,
    gallery_targets: ArrayLike,
    *,
    memory_mb: int = 256,
    exact: bool | None = None,
) -> Floats:
    """Average precision of each query of one direction, over all ranks.

    Args:
        queries, gallery: (Q, d) and (N, d) embeddings.
        query_targets, gallery_targets: (Q,) and (N,) class numbers, or (Q, C) and (N, C) targets.
        memory_mb, exact: See :func:`~overtone.evaluation.protocol.evaluate`.

    Returns:
        (Q,) float64; NaN for a query without a relevant item.

    Raises:
        InputError: Shapes do not fit, a row is zero or NaN, labels cannot be read.

    Example:
        >>> average_precisions([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.1], [0.0, 1.0]], [1, 2], [1, 1])
        array([ 1., nan])
    """
    x, y = unit_pair(queries, gallery, ("queries", "gallery"), exact)
    search = Search(x, y, *_shared_targets(query_targets, gallery_targets, len(x), len(y)))
    found: Floats = run_search(search, {"map": average_precision}, memory_mb=memory_mb).values["map"]
    return found


def counterpart_ranks(first: ArrayLike, second: ArrayLike, *, memory_mb: int = 256) -> Floats:
    """Rank of each row's true counterpart, by cosine similarity: a label-free measure of alignment.

    Args:
        first: (N, d) embeddings that query.
        second: (N, d) embeddings that are ranked; row i is the counterpart of row i.
        memory_mb: See :func:`~overtone.evaluation.protocol.evaluate`.

    Returns:
        (N,) float64 ranks, 1 the best; tied items share the mean of their ranks.

    Raises:
        InputError: Shapes differ, or a row is zero or NaN.

    Example:
        >>> counterpart_ranks([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.2], [1.0, 0.1]])
        array([2., 2.])
    """
    return _counterpart_ranks(*unit_pair(first, second, ("first", "second"), None, paired=True), memory_mb)


def mean_reciprocal_rank(first: ArrayLike, second: ArrayLike, *, memory_mb: int = 256) -> float:
    """Mean of 1 / (rank of the true counterpart), over both directions: a label-free score to validate by.

    Args:
        first, second, memory_mb: As for :func:`counterpart_ranks`, but a row of zeros, which a network in training may
            produce, is no error: its similarity to every item is 0.

    Returns:
        In (0, 1]; tied items share the mean of their ranks.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]])
        >>> mean_reciprocal_rank(rows, rows), mean_reciprocal_rank(torch.ones(3, 2), torch.ones(3, 2))
        (1.0, 0.5)
    """
    rows = as_pair(first, second, ("first", "second"), paired=True)
    x, y = (F.normalize(part.double(), dim=1) for part in rows)
    ranks = [_counterpart_ranks(queries, gallery, memory_mb) for queries, gallery in ((x, y), (y, x))]
    return float((1.0 / np.concatenate(ranks)).mean())


def _counterpart_ranks(queries: Tensor, gallery: Tensor, memory_mb: int) -> Floats:
    found = run_search(
        Search(queries, gallery, counterparts=own_items(len(queries))), {}, memory_mb=memory_mb
    ).counterparts
    assert found is not None
    return expected_rank(found)


def _shared_targets(query: ArrayLike, gallery: ArrayLike, queries: int, items: int) -> tuple[Tensor, Tensor]:
    labels = [read_labels(part, name).values for part, name in ((query, "query_targets"), (gallery, "gallery_targets"))]
    if labels[0].shape[1:] != labels[1].shape[1:] or (labels[0].dtype.kind == "U") != (labels[1].dtype.kind == "U"):
        raise InputError(
            "query_targets and gallery_targets must speak of the same classes",
            got=f"shapes {labels[0].shape} and {labels[1].shape}",
            valid="both (n,), or both (n, C)",
        )
    if len(labels[0]) != queries:
        raise InputError("query_targets: one row per query is needed", got=labels[0].shape, valid=queries)
    joined, _ = class_labels(np.concatenate(labels), queries + items, "query_targets and gallery_targets")
    return joined[:queries], joined[queries:]
