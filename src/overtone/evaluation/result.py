"""The result of an evaluation: typed, to JSON and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from torch import Tensor

from overtone.core import InputError
from overtone.core.results import Record, Result
from overtone.evaluation.grouping import Grouping
from overtone.evaluation.leakage import Leakage
from overtone.evaluation.metrics import find_metric, metric_order
from overtone.evaluation.scores import ClassScore, Score
from overtone.evaluation.space import SpaceShape
from overtone.plots import IntervalRow, Plot, draw_intervals


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


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
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
        groups: The same metrics for the queries of each value of a column; None unless asked for.
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
    groups: Grouping | None = None

    def __getitem__(self, key: str) -> Score:
        return self.scores[key]

    def __contains__(self, key: object) -> bool:
        return key in self.scores

    def get(self, key: str) -> Score | None:
        """The score of a metric, None if it was not computed."""
        return self.scores.get(key)

    def headline(self) -> str:
        """How much was ranked, between which modalities."""
        way = " ↔ ".join(self.modalities)
        return f"{way}, {self.queries:,} queries in each direction, {self.gallery:,} items"

    def iter_records(self) -> Iterator[Record]:
        """A row per metric, then one per class and its mAP: both directions, their mean, and the interval."""
        for key in sorted(self.scores, key=metric_order):
            score = self.scores[key]
            low, high = score.ci95 or (None, None)
            own = {"metric": key, "class": None, **score.directions, "mean": score.mean}
            yield {**own, "ci95_low": low, "ci95_high": high, "queries": self.queries}
        for name, one in self.per_class.items():
            own = {"metric": "map", "class": name, **one.directions, "mean": one.mean}
            yield {**own, "ci95_low": None, "ci95_high": None, "queries": one.queries}

    def shown_records(self) -> Iterator[Record]:
        """A row per metric, without the classes."""
        for record in self.iter_records():
            if record.pop("class") is None:
                yield record

    def plot(self, by: Literal["metric", "class"] = "metric") -> Plot:
        """Metrics between 0 and 1 with their 95 % intervals, or the mAP of every class; a small dot per direction.

        Args:
            by: What the rows are.

        Raises:
            InputError: There are no classes.
        """
        if by == "class" and not self.per_class:
            raise InputError("there are no classes to draw", fix="evaluate with labels, or draw by metric")
        chance = self.get("chance_map")
        scores: Mapping[str, Score | ClassScore] = self.per_class
        if by == "metric":
            known = (find_metric(key) for key in self.scores)
            shares = {one.name for one in known if one is not None and one.better == "high"}
            scores = {key: self.scores[key] for key in sorted(shares & set(self.scores), key=metric_order)}
        rows = []
        for name, score in scores.items():
            if not math.isnan(score.mean):
                ends = score.ci95 if isinstance(score, Score) else None
                metric = find_metric(name) if by == "metric" else None
                title = name if metric is None else metric.title
                rows.append(IntervalRow(title, score.mean, ends, tuple(score.directions.values())))
        title = f"{' ↔ '.join(self.modalities)}, {self.queries:,} queries in each direction"
        reference = None if chance is None else ("mAP by chance", chance.mean)
        return draw_intervals(rows, axis="mean of both directions", title=title, reference=reference)

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
            **({} if self.groups is None else {"groups": self.groups.to_dict()}),
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
        groups: Mapping[str, Any] | None = values.get("groups")
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
                groups=None if groups is None else Grouping.from_dict(groups),
            )
        except (KeyError, TypeError) as error:
            raise InputError("not a stored evaluation", got=f"{type(error).__name__}: {error}") from None
