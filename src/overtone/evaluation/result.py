"""The result of an evaluation: typed, to JSON and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.leakage import Leakage
from overtone.evaluation.space import SpaceShape


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


@dataclass(frozen=True)
class Reranking:
    """An evaluation after the gallery was ranked in another way.

    Attributes:
        settings: Of the re-ranking, with defaults.
        evaluation: Of the same queries and items as the evaluation that it belongs to.
    """

    settings: dict[str, float]
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """Settings and evaluation, as JSON values."""
        return {"settings": dict(self.settings), "evaluation": self.evaluation.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Reranking:
        """The re-ranking whose :meth:`to_dict` this is."""
        return cls(dict(values["settings"]), Evaluation.from_dict(values["evaluation"]))


class Sizes(NamedTuple):
    """How many queries a direction has, how many items they are ranked against, and how many have a counterpart."""

    queries: int
    gallery: int
    paired: int


class QuerySample(NamedTuple):
    """Clips that queried, drawn at random with a seed ``of`` all clips; every clip was there to be found."""

    queries: int
    of: int
    seed: int


@dataclass(frozen=True)
class Evaluation:
    """The result of :func:`~overtone.evaluation.evaluate`.

    ``evaluation["map"].mean`` is a metric's mean over the directions, ``"map" in evaluation`` says whether it is there.

    Attributes:
        modalities: Names of the modalities.
        queries: Number of queries in each direction; where directions differ, of all clips.
        gallery: Number of items that each query can find; where directions differ, of all clips.
        sizes: Direction to its own numbers, where some clips have one modality only; else empty.
        scores: Metric key (``"recall@5"``) to its score.
        skipped_queries: Direction to the number of queries without a relevant item, which count in no mean.
        per_class: Class name to its mAP; empty without labels.
        per_query: Metric key to direction to (N,) float64, NaN for queries that were left out. Not stored as JSON.
        confusion: Direction to (C, C): how often the nearest item of a query of class i (row) is of class j (column);
            empty unless asked for. Not stored as JSON.
        class_names: Name of each class.
        diffusion: The same after :class:`~overtone.evaluation.Diffusion`; None unless asked for.
        sample: Which clips queried; None: all. Of a sample, every mean over the queries has an interval.
        space: The shape of the space; None unless asked for.
        leakage: Near-duplicates of the test clips among the training clips; None where nobody looked for them.
    """

    modalities: tuple[str, ...]
    queries: int
    gallery: int
    scores: dict[str, Score]
    skipped_queries: dict[str, int] = field(default_factory=dict)
    per_class: dict[str, ClassScore] = field(default_factory=dict)
    per_query: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    confusion: dict[str, Tensor] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    diffusion: Reranking | None = None
    sizes: dict[str, Sizes] = field(default_factory=dict)
    sample: QuerySample | None = None
    space: SpaceShape | None = None
    leakage: Leakage | None = None

    def __getitem__(self, key: str) -> Score:
        return self.scores[key]

    def __contains__(self, key: object) -> bool:
        return key in self.scores

    def get(self, key: str) -> Score | None:
        """The score of a metric, None if it was not computed."""
        return self.scores.get(key)

    @property
    def average_precision(self) -> dict[str, Tensor]:
        """Direction to (N,) average precision of each query, NaN where nothing is relevant; empty without targets."""
        return self.per_query.get("map", {})

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain JSON values."""
        classes = {name: score.to_dict() for name, score in self.per_class.items()}
        return {
            "modalities": list(self.modalities),
            "queries": self.queries,
            "gallery": self.gallery,
            **({"sizes": {way: size._asdict() for way, size in self.sizes.items()}} if self.sizes else {}),
            **({} if self.sample is None else {"sample": self.sample._asdict()}),
            "skipped_queries": dict(self.skipped_queries),
            **{key: score.to_dict() for key, score in self.scores.items()},
            **({"per_class": classes} if classes else {}),
            **({} if self.diffusion is None else {"diffusion": self.diffusion.to_dict()}),
            **({} if self.space is None else {"space": self.space.to_dict()}),
            **({} if self.leakage is None else {"leakage": self.leakage.to_dict()}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """The evaluation whose :meth:`to_dict` this is; what is not stored as JSON is empty.

        Raises:
            InputError: The mapping is no evaluation.
        """
        classes: Mapping[str, Any] = values.get("per_class", {})
        other: Mapping[str, Any] | None = values.get("diffusion")
        sample: Mapping[str, Any] | None = values.get("sample")
        space: Mapping[str, Any] | None = values.get("space")
        leakage: Mapping[str, Any] | None = values.get("leakage")
        try:
            return cls(
                modalities=tuple(values["modalities"]),
                queries=values["queries"],
                gallery=values["gallery"],
                scores={
                    key: Score.from_dict(value)
                    for key, value in values.items()
                    if isinstance(value, Mapping) and "mean" in value
                },
                skipped_queries=dict(values["skipped_queries"]),
                per_class={name: ClassScore.from_dict(value) for name, value in classes.items()},
                class_names=tuple(classes),
                diffusion=None if other is None else Reranking.from_dict(other),
                sizes={way: Sizes(**size) for way, size in values.get("sizes", {}).items()},
                sample=None if sample is None else QuerySample(**sample),
                space=None if space is None else SpaceShape.from_dict(space),
                leakage=None if leakage is None else Leakage.from_dict(leakage),
            )
        except (KeyError, TypeError) as error:
            raise InputError("not a stored evaluation", got=f"{type(error).__name__}: {error}") from None


def _directions(values: Mapping[str, Any], *others: str) -> dict[str, float]:
    """The directions of a stored score; what was NaN is null in JSON."""
    return {way: math.nan if value is None else value for way, value in values.items() if way not in others}
