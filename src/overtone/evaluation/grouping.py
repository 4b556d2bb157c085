"""Metrics of the queries that share a value of a column, such as a speaker, a source or a length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import Floats
from overtone.evaluation.metrics import find_metric
from overtone.evaluation.scores import Score
from overtone.evaluation.significance import mean_interval

_MOST = 200
"""Values of a column that make a group each."""
_RANGES_FROM = 12
"""Different numbers from which on quarters of the clips make the groups."""
_UNKNOWN = "unknown"
_WITH_INTERVAL = ("map", "instance_recall@1", "instance_recall@10")


@dataclass(frozen=True)
class Group:
    """The queries that share a value.

    Attributes:
        queries: Number of clips that queried.
        scores: Metric to its score over these queries; all items were there to be found.
    """

    queries: int
    scores: dict[str, Score]


@dataclass(frozen=True)
class Grouping:
    """An evaluation's queries by the values of a column.

    Attributes:
        column: The column.
        groups: Value to its queries, as text; clips without a value are ``"unknown"``.
    """

    column: str
    groups: dict[str, Group]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        values = {
            name: {"queries": group.queries, **{key: score.to_dict() for key, score in group.scores.items()}}
            for name, group in self.groups.items()
        }
        return {"column": self.column, "values": values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Grouping:
        """The grouping whose :meth:`to_dict` this is."""
        groups = {
            name: Group(one["queries"], {key: Score.from_dict(score) for key, score in one.items() if key != "queries"})
            for name, one in values["values"].items()
        }
        return cls(values["column"], groups)


def group_queries(
    per_query: Mapping[str, Mapping[str, Tensor]],
    column: str,
    values: Sequence[object],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Grouping:
    """Summarise the values of queries by group. The gallery stays whole: a group says who asks, not what can be found.

    Args:
        per_query: Metric to direction to (N,) values, as :attr:`overtone.evaluation.Evaluation.per_query`.
        column: What the values are called.
        values: N values of the clips. More than twelve different numbers make four groups of about as many clips.
        bootstrap: Draws of the intervals of mAP and of the recall of true counterparts; 0 for none.
        seed: Seed of the draws.

    Returns:
        The groups, in order of their values, unknown ones last.

    Raises:
        InputError: Another number of values than queries, or more than 200 different ones.

    Example:
        >>> import torch
        >>> precision = {"map": {"a2v": torch.tensor([1.0, 0.5, 0.0])}}
        >>> found = group_queries(precision, "loud", [True, True, None], bootstrap=0)
        >>> {name: (group.queries, group.scores["map"].mean) for name, group in found.groups.items()}
        {'True': (2, 0.75), 'unknown': (1, 0.0)}
    """
    count = next((len(one) for ways in per_query.values() for one in ways.values()), 0)
    if len(values) != count:
        raise InputError(f"{column}: needs a value for each clip", got=f"{len(values)} values and {count} clips")
    names = name_groups(column, values)
    codes = np.array(names, dtype=object)
    order = [name for name in _ordered(names, values) if name != _UNKNOWN]
    groups: dict[str, Group] = {}
    for name in [*order, *([_UNKNOWN] if _UNKNOWN in names else [])]:
        members = np.flatnonzero(codes == name)
        scores: dict[str, Score] = {}
        for key, ways in per_query.items():
            chosen = {way: one.numpy()[members] for way, one in ways.items()}
            wanted = bootstrap and key in _WITH_INTERVAL
            ends = mean_interval(chosen, resamples=bootstrap, seed=seed) if wanted else None
            scores[key] = Score({way: _summarise(key, one) for way, one in chosen.items()}, ends)
        asked = [~np.isnan(one.numpy()[members]) for ways in per_query.values() for one in ways.values()]
        groups[name] = Group(int(np.any(asked, axis=0).sum()), scores)
    return Grouping(column, groups)


def name_groups(column: str, values: Sequence[object]) -> list[str]:
    """The group of each clip, as text.

    Raises:
        InputError: There are more than 200 different values.
    """
    known = [value for value in values if value not in (None, "") and value == value]
    numbers = [float(value) for value in known if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) == len(known) and len(set(numbers)) > _RANGES_FROM:
        edges = np.unique(np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
        return [_range_of(value, edges) for value in values]
    if len(set(map(str, known))) > _MOST:
        what = f"{column}: has {len(set(map(str, known))):,} different values, too many for a group each"
        raise InputError(what, valid=f"at most {_MOST}, or numbers", fix="group by another column")
    return [_UNKNOWN if value in (None, "") or value != value else str(value) for value in values]


def _range_of(value: object, edges: Floats) -> str:
    """The quarter that a number lies in."""
    if not isinstance(value, (int, float)) or value != value:
        return _UNKNOWN
    at = min(max(int(np.searchsorted(edges, value, side="right")) - 1, 0), len(edges) - 2)
    return f"{edges[at]:.4g} to {edges[at + 1]:.4g}"


def _ordered(names: Sequence[str], values: Sequence[object]) -> list[str]:
    """Groups by their numbers where they have some, else by name."""
    first: dict[str, float] = {}
    for name, value in zip(names, values):
        if isinstance(value, (int, float)) and value == value:
            first[name] = min(first.get(name, math.inf), float(value))
    return sorted(set(names), key=lambda name: (first.get(name, math.inf), name))


def _summarise(key: str, column: Floats) -> float:
    """The number of a metric over some queries; NaN without any that counts."""
    counted = column[~np.isnan(column)]
    metric = find_metric(key)
    if not len(counted):
        return math.nan
    return float(counted.mean() if metric is None else metric.summary(counted))
