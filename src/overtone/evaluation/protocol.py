"""The protocol: every clip of each modality looks for its like among all clips of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import ArrayLike, Floats, check_paired, class_targets, unit_rows
from overtone.evaluation.metric import Metric, metrics
from overtone.evaluation.retrieval import Found, Search, product_type, run_search
from overtone.evaluation.significance import mean_interval


@dataclass(frozen=True)
class Evaluation:
    """The result of :func:`evaluate`.

    Attributes:
        summary: What :meth:`to_dict` returns.
        per_query: Metric key to direction to (N,) float64, NaN for queries that were left out.
        confusion: Direction to (C, C): class of the nearest item (column) by class of the query (row), in queries;
            empty unless asked for.
        class_names: Name of each class.
    """

    summary: dict[str, Any]
    per_query: dict[str, dict[str, Tensor]]
    confusion: dict[str, Tensor]
    class_names: tuple[str, ...] = ()

    @property
    def average_precision(self) -> dict[str, Tensor]:
        """Direction to (N,) average precision of each query, NaN where nothing is relevant; empty without targets."""
        return self.per_query.get("map", {})

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON-able values."""
        return self.summary


def evaluate(
    first: ArrayLike,
    second: ArrayLike,
    targets: ArrayLike | None = None,
    *,
    names: tuple[str, str] = ("audio", "visual"),
    class_names: Sequence[str] = (),
    recall_at: Sequence[int] = (1, 5, 10),
    memory_mb: int = 256,
    bootstrap: int = 1000,
    seed: int = 0,
    confusion: bool = False,
    exact: bool | None = None,
) -> Evaluation:
    """Cross-modal retrieval in both directions by cosine similarity, over all ranks.

    Queries are all clips of one modality, the gallery is all clips of the other, the own partner included; relevant is
    what shares a class. Queries without a relevant item are left out of the means and counted.

    Args:
        first: (N, d) embeddings of the first modality; they need not have unit length.
        second: (N, d) embeddings of the second modality; row i is the same clip as row i of ``first``.
        targets: (N,) class numbers or (N, C) targets in [0, 1]; None for the instance-level metrics only.
        names: What the modalities are called.
        class_names: C names; by default the class numbers.
        recall_at: The cutoffs k of the recalls.
        memory_mb: Megabytes that the blocks of similarities may take.
        bootstrap: Number of draws of the interval of ``map``; 0 for none.
        seed: Seed of the draws.
        confusion: Whether to count the classes of nearest items, too.
        exact: Whether to sum cosines in float64 before they are rounded to float32, so that items which are equally
            similar by arithmetic are tied on every machine; by default up to 4096 × 4096 pairs, where it is free.

    Returns:
        The evaluation. Direction ``a2v`` means that ``first`` queries ``second``, ``v2a`` the reverse.

    Raises:
        InputError: Shapes do not fit, a row is zero or NaN, labels cannot be read, a cutoff is not positive.

    Source: the protocol of cross-modal retrieval on VEGAS and AVE; formulas in each metric.

    Example:
        >>> audio = torch.eye(4) + 0.1
        >>> result = evaluate(audio, audio.flip(0), [0, 1, 1, 0]).to_dict()
        >>> round(result["map"]["mean"], 3), result["instance_recall@1"]["a2v"], result["median_rank"]["a2v"]
        (0.75, 0.0, 3.0)
    """
    dtype = product_type(len(first), len(second), exact)
    a, v = unit_rows(first, names[0], dtype), unit_rows(second, names[1], dtype)
    check_paired(a, v, names)
    labels, labelled_as = (None, ()) if targets is None else class_targets(targets, len(a), "targets")
    class_names = _class_names(class_names, labelled_as)
    chosen = [metric for _, metric in metrics.items() if labels is not None or metric.level == "instance"]
    cutoffs = _cutoffs(recall_at)
    directions = {
        direction: _one_direction(Search(x, y, labels, labels, paired=True), chosen, cutoffs, memory_mb, confusion)
        for direction, (x, y) in {"a2v": (a, v), "v2a": (v, a)}.items()
    }
    summary: dict[str, Any] = {"modalities": list(names), "queries": len(a), "skipped_queries": {}, "gallery": len(v)}
    per_query: dict[str, dict[str, Tensor]] = {}
    for metric in chosen:
        for key in metric.columns(cutoffs):
            values = {direction: found.values[key] for direction, found in directions.items()}
            summary[key] = _both({direction: _summarise(metric, column) for direction, column in values.items()})
            per_query[key] = {direction: torch.from_numpy(column) for direction, column in values.items()}
    result = Evaluation(summary, per_query, _confusion(directions), class_names)
    precision = {direction: column.numpy() for direction, column in result.average_precision.items()}
    summary["skipped_queries"] = {name: int(np.isnan(precision.get(name, np.zeros(1))).sum()) for name in directions}
    if labels is not None:
        if bootstrap:
            summary["map"]["ci95"] = list(mean_interval(precision, resamples=bootstrap, seed=seed))
        summary["per_class"] = _per_class(precision, labels, class_names)
    return result


def _one_direction(
    search: Search, chosen: Sequence[Metric], cutoffs: tuple[int, ...], memory_mb: int, confusion: bool
) -> Found:
    columns = {}
    for metric in chosen:
        if metric.level == "label":
            columns.update(metric.columns(cutoffs))
    found = run_search(search, columns, memory_mb=memory_mb, confusion=confusion, graded=any(m.graded for m in chosen))
    for metric in chosen:
        if metric.level == "instance" and found.partners is not None:
            found.values.update({key: column(found.partners) for key, column in metric.columns(cutoffs).items()})
    return found


def _summarise(metric: Metric, values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(metric.summary(values)) if len(values) else float("nan")


def _both(directions: dict[str, float]) -> dict[str, Any]:
    return {**directions, "mean": float(np.mean(list(directions.values())))}


def _per_class(precision: dict[str, Floats], targets: Tensor, class_names: tuple[str, ...]) -> dict[str, Any]:
    members = (targets > 0).numpy()
    table: dict[str, Any] = {}
    for column, name in enumerate(class_names):
        rows = members[:, column]
        means = {direction: values[rows & ~np.isnan(values)] for direction, values in precision.items()}
        table[name] = {
            **_both({direction: float(v.mean()) if len(v) else float("nan") for direction, v in means.items()}),
            "queries": int(rows.sum()),
        }
    return table


def _confusion(directions: dict[str, Found]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(found.nearest) for name, found in directions.items() if found.nearest is not None}


def _class_names(given: Sequence[str], found: tuple[str, ...]) -> tuple[str, ...]:
    if not given or not found:
        return found
    if len(given) != len(found):
        raise InputError("class_names: one name per class is needed", got=f"{len(given)} names", valid=f"{len(found)}")
    return tuple(given)


def _cutoffs(recall_at: Sequence[int]) -> tuple[int, ...]:
    if any(k < 1 for k in recall_at):
        raise InputError("recall_at: cutoffs start at 1", got=tuple(recall_at))
    return tuple(recall_at)
