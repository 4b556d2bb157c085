"""One metric in every direction: over all queries, or over those of a class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Score:
    """One metric in every direction.

    Attributes:
        directions: Direction (``a2v``, ``v2a``, or ``within``) to the value over all its queries; NaN where no query
            counts.
        ci95: 95 % bootstrap interval of the mean over queries; None where none was computed.
    """

    directions: dict[str, float]
    ci95: tuple[float, float] | None = None

    @property
    def mean(self) -> float:
        """Mean over the directions."""
        return float(np.mean(list(self.directions.values())))

    def to_dict(self) -> dict[str, Any]:
        """Directions, ``mean`` and, if known, ``ci95``, as JSON values."""
        interval = {} if self.ci95 is None else {"ci95": list(self.ci95)}
        return {**self.directions, "mean": self.mean, **interval}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Score:
        """The score whose :meth:`to_dict` this is."""
        interval = values.get("ci95")
        return cls(_directions(values, "mean", "ci95"), None if interval is None else (interval[0], interval[1]))


@dataclass(frozen=True)
class ClassScore:
    """The mAP of the queries of one class.

    Attributes:
        directions: Direction to the mean over the class's queries that have a relevant item; NaN where there is none.
        queries: Number of queries of the class.
    """

    directions: dict[str, float]
    queries: int

    @property
    def mean(self) -> float:
        """Mean over the directions."""
        return Score(self.directions).mean

    def to_dict(self) -> dict[str, Any]:
        """Directions, ``mean`` and ``queries``, as JSON values."""
        return {**Score(self.directions).to_dict(), "queries": self.queries}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClassScore:
        """The score whose :meth:`to_dict` this is."""
        return cls(_directions(values, "mean", "queries"), values["queries"])


def _directions(values: Mapping[str, Any], *others: str) -> dict[str, float]:
    """The directions of a stored score; what was NaN is null in JSON."""
    return {way: math.nan if value is None else value for way, value in values.items() if way not in others}
