"""How a run was trained and how good it is, in the order in which people read it."""

from __future__ import annotations

from dataclasses import dataclass

from overtone.core.documents import Document, Interval
from overtone.evaluation import Evaluation, find_metric, metric_order
from overtone.training import Run
from overtone.training.folder import EpochRecord


@dataclass(frozen=True)
class MetricRow(Document):
    """A metric of the test split.

    Attributes:
        key: Its key in an evaluation.
        title: What it is called.
        explanation: What it measures; empty where unknown.
        directions: Its value for queries of the first modality, and for those of the second.
        mean: Of both.
        ci95: Interval of the mean; None where it has none.
    """

    key: str
    title: str
    explanation: str
    directions: tuple[float | None, ...]
    mean: float
    ci95: Interval | None = None


@dataclass(frozen=True)
class ClassRow(Document):
    """The mAP of a class, and how many queries it has."""

    name: str
    mean: float
    queries: int


@dataclass(frozen=True)
class Training(Document):
    """The training of a run.

    Attributes:
        history: What was measured in each epoch.
        chosen: The epoch whose weights were kept.
        seconds: Time in all.
        settings: Every setting with its final value, as text.
        gallery: Items that each test query can find; None without a test split.
        metrics: The evaluation; empty without a test split.
        classes: The mAP of each class, best first.
    """

    history: list[EpochRecord]
    chosen: int | None
    seconds: float | None
    settings: dict[str, str]
    gallery: int | None
    metrics: tuple[MetricRow, ...]
    classes: tuple[ClassRow, ...]


def describe_training(run: Run) -> Training:
    """The training of a run and its evaluation.

    Args:
        run: A finished run.

    Returns:
        The training.

    Raises:
        InputError: A file of the run is damaged.
    """
    evaluation = run.evaluation
    return Training(
        history=run.history,
        chosen=run.info.get("chosen_epoch"),
        seconds=run.info.get("seconds"),
        settings={name: str(value) for name, value in run.settings.items()},
        gallery=None if evaluation is None else evaluation.gallery,
        metrics=() if evaluation is None else _metrics(evaluation),
        classes=() if evaluation is None else _classes(evaluation),
    )


def _metrics(evaluation: Evaluation) -> tuple[MetricRow, ...]:
    rows = []
    for key in sorted(evaluation.scores, key=metric_order):
        score, known = evaluation.scores[key], find_metric(key)
        title, text = (known.title, known.explanation) if known else (key.replace("_", " "), "")
        directions = tuple(score.directions.get(way) for way in ("a2v", "v2a"))
        rows.append(MetricRow(key, title, text, directions, score.mean, score.ci95))
    return tuple(rows)


def _classes(evaluation: Evaluation) -> tuple[ClassRow, ...]:
    rows = [ClassRow(name, score.mean, score.queries) for name, score in evaluation.per_class.items() if score.queries]
    return tuple(sorted(rows, key=lambda row: -row.mean))
