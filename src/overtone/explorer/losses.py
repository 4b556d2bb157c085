"""The diagnosis of losses as the page shows it: figures, what looks wrong, which loss for what, and curves."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from overtone.core.documents import Document
from overtone.diagnosis import RuleHit
from overtone.experiments import (
    GRADIENT,
    QUANTITIES,
    RETRIEVAL,
    SPACE,
    Diagnosis,
    Measured,
    Quantity,
    quantity,
)
from overtone.training import Run

FOLDER = "diagnosis"
"""The folder in a run's folder where its diagnosis is looked for."""
_GROUPS = {"Retrieval": RETRIEVAL, "The embedding space": SPACE, "The gradient": GRADIENT}
_MOST_POINTS = 60


@dataclass(frozen=True)
class QuantityRow(Document):
    """A quantity at the end of the training.

    Attributes:
        group: What it is about.
        about: What is known of it.
        values: Loss, or frozen features, to its value over the seeds.
        best: The loss that is significantly best; None where no end is the better one, or none stands out.
    """

    group: str
    about: Quantity
    values: dict[str, Measured]
    best: str | None = None


@dataclass(frozen=True)
class CurveLine(Document):
    """A quantity of a loss over its training."""

    loss: str
    at: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class QuantityCurves(Document):
    """A quantity over the training, a line a loss.

    Attributes:
        about: What is known of it.
        over: What the lines are over.
        lines: Of the losses that have it.
    """

    about: Quantity
    over: Literal["updates", "epoch"]
    lines: tuple[CurveLine, ...]


@dataclass(frozen=True)
class Losses(Document):
    """A diagnosis.

    Attributes:
        folder: Where it was read from.
        corpus, seeds, protocol, modalities, rows, classes: As of a :class:`~overtone.experiments.Diagnosis`.
        losses: Best first.
        advice: Which loss for what, in sentences.
        quantities: Figures at the end of the training, in reading order.
        verdicts: Loss to what the rules find wrong with it; losses that were not judged are left out.
        curves: Figures over the training.
        variances: Loss to class to the variance of the class.
    """

    folder: str
    corpus: str
    seeds: tuple[int, ...]
    protocol: str
    modalities: tuple[str, ...]
    rows: dict[str, int]
    classes: dict[str, int]
    losses: tuple[str, ...]
    advice: tuple[str, ...]
    quantities: tuple[QuantityRow, ...]
    verdicts: dict[str, list[RuleHit]] = field(default_factory=dict)
    curves: tuple[QuantityCurves, ...] = ()
    variances: dict[str, dict[str, float]] = field(default_factory=dict)


def find_diagnosis(run: Run) -> Path | None:
    """The folder of the diagnosis that lies in a run's folder; None if there is none."""
    folder = None if run.folder is None else run.folder / FOLDER
    return folder if folder is not None and folder.is_dir() else None


def how_to_diagnose(run: Run) -> str:
    """The command that makes the diagnosis which is then found with a run."""
    source = str(run.info.get("data", {}).get("source") or "DATA")
    return shlex.join(["overtone", "diagnose", source, "--out", str((run.folder or Path("RUN")) / FOLDER)])


def read_losses(folder: Path) -> Losses:
    """Read the diagnosis in a folder of ``overtone diagnose``.

    Raises:
        InputError: There is none in it, or its file is damaged.
    """
    found = Diagnosis.load(folder)
    spaces = found.spaces()
    return Losses(
        folder=str(folder),
        corpus=found.corpus,
        seeds=found.seeds,
        protocol=found.protocol,
        modalities=found.modalities,
        rows=found.rows,
        classes=found.classes,
        losses=tuple(found.ranked()),
        advice=tuple(found.recommendation.sentences),
        quantities=tuple(_rows(found)),
        verdicts={name: space.verdict for name, space in spaces.items() if space.verdict is not None},
        curves=tuple(_curves(found)),
        variances={
            name: {of: one.variance for of, one in space.per_class.items() if one.variance is not None}
            for name, space in spaces.items()
            if space.per_class
        },
    )


def _rows(found: Diagnosis) -> list[QuantityRow]:
    rows = []
    for group, keys in _GROUPS.items():
        for key in filter(found.has, keys):
            about = quantity(key)
            best = None if about.best is None else found.leader(key, highest=about.best == "high")
            values = {name: space.measured(key) for name, space in found.spaces().items()}
            rows.append(QuantityRow(group, about, values, best))
    return rows


def _curves(found: Diagnosis) -> list[QuantityCurves]:
    """Every quantity that was recorded, as often as possible: of each epoch before that of each evaluation."""
    drawn = []
    for key in QUANTITIES:
        for kind in ("series", "evaluations"):
            over = _over(found, kind)
            curves = {name: found.curve(name, key, kind=kind, at=over) for name in found.ranked()}
            if key == "loss":  # the scales of losses differ
                curves = {name: curve.relative() for name, curve in curves.items()}
            lines = [CurveLine(name, *one.thinned(_MOST_POINTS)) for name, one in curves.items() if len(one.at) > 1]
            if lines:
                drawn.append(QuantityCurves(quantity(key), over, tuple(lines)))
                break
    return drawn


def _over(found: Diagnosis, kind: str) -> Literal["updates", "epoch"]:
    """Updates where all losses know them, for losses compact in updates; else epochs."""
    records = [one.series if kind == "series" else one.evaluations for one in found.losses.values()]
    return "updates" if all("updates" in record for record in records) else "epoch"
