"""Scores of training rows by the teachers, summed up: in sample and out of fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from overtone.core.workers import Made
from overtone.features import PairedFeatures
from overtone.graphs.soft_labels import Kind
from overtone.interactions.reliability import reliability
from overtone.interactions.soft_labels import Identity, SoftLabels
from overtone.methods.av_sal import AVSAL
from overtone.training.run import Run

_CERTAIN = 1e-6
"""Probabilities stay so far from 0 and 1: nothing that was learnt is surer, and their logarithms stay finite."""
_ROWS = 25.0
"""Rows of a fold that its own mean and variance must rest on, to count as much as those of all folds."""


def score_rows(run: Run, part: PairedFeatures, fitted: Tensor) -> Made:
    """Score all training rows with a teacher that was trained on the rows ``fitted``.

    Returns:
        Tensors: ``KIND/MODALITY``, (N, C) scores of kind calibrated and uncalibrated, and ``fitted``. Values: the
        names of the ``modalities`` in their order, and ``temperatures``.
    """
    teacher = run.method
    assert isinstance(teacher, AVSAL)

    def score(rows: Tensor, side: int) -> dict[str, Tensor]:
        raw = teacher.probabilities(teacher.logits(rows, side))
        return {"calibrated": teacher.soft_labels(rows, side), "uncalibrated": raw}

    scored = run.apply(part.split("train"), score)
    tensors = {f"{kind}/{name}": values for kind, parts in scored.items() for name, values in parts.items()}
    names = list(scored["calibrated"])
    return Made({**tensors, "fitted": fitted}, {"modalities": names, "temperatures": teacher.temperatures.tolist()})


@dataclass
class TeacherScores:
    """Sums of the teachers' scores of (N,) training rows, each in a fold: by those that have seen it, and by others."""

    rows: Tensor
    fold_ids: Tensor

    def __post_init__(self) -> None:
        self.unseen: dict[str, list[tuple[Tensor, Tensor]]] = {}
        self.sums: dict[str, dict[str, Tensor]] = {"uncalibrated": {}, "in_sample": {}}
        self.counts = {name: torch.zeros(len(self.rows), 1) for name in self.sums}
        self.temperatures: list[list[float]] = []

    def add(self, made: Made, number: int) -> None:
        """Add what :func:`score_rows` says of a teacher that has not seen fold ``number``."""
        self.temperatures.append(made.values["temperatures"])
        own, free = self.fold_ids == number, self.fold_ids < 0
        for modality in made.values["modalities"]:
            values = made.tensors[f"calibrated/{modality}"]
            self.unseen.setdefault(modality, []).append((values[own], values[free]))
        unseen = (own | free)[:, None].float()
        seen = torch.isin(self.rows, made.tensors["fitted"])[:, None].float()
        for name, rows in (("uncalibrated", unseen), ("in_sample", seen)):
            self.counts[name] += rows
            kind = "uncalibrated" if name == "uncalibrated" else "calibrated"
            for modality in made.values["modalities"]:
                values, sums = made.tensors[f"{kind}/{modality}"], self.sums[name]
                sums[modality] = sums.get(modality, torch.zeros_like(values)) + rows * values

    def mean(self, name: str) -> dict[str, Tensor]:
        """Modality to (N, C) means, strictly between 0 and 1; meaningless where no teacher scored."""
        counts = self.counts[name].clamp_min(1)
        return {modality: (part / counts).clamp(_CERTAIN, 1 - _CERTAIN) for modality, part in self.sums[name].items()}

    def align(self, modality: str, kind: Kind) -> Tensor:
        """(N, C) calibrated scores of rows by teachers that have not seen them, as if by one teacher.

        Folds are alike, and their teachers are not: one scores a class higher than another. Put together as they are,
        the scores of a class have a mode a fold, which looks like events. So the log-odds (of a softmax the
        logarithms) of each teacher are brought, class by class, to the mean and the variance that all have on average
        on their own folds, as far as a fold has rows enough to tell. Rows in no fold get the mean of all teachers.
        """
        logits = [tuple(_logits(part, kind) for part in parts) for parts in self.unseen[modality]]
        rows = torch.tensor([float(len(own)) for own, _ in logits], dtype=torch.float64)
        means = torch.stack([own.mean(0) for own, _ in logits])
        variances = torch.stack([own.var(0, correction=0) for own, _ in logits])
        mean, variance = ((rows[:, None] * part).sum(0) / rows.sum() for part in (means, variances))
        found = torch.zeros(len(self.rows), len(mean))
        free = self.fold_ids < 0
        for number, (own, others) in enumerate(logits):
            told = rows[number] / (rows[number] + _ROWS)
            centre = mean + told * (means[number] - mean)
            spread = (variance + told * (variances[number] - variance)).clamp_min(1e-12)
            scale = torch.where(variance > 0, variance / spread, 1.0).sqrt()
            alike = [_probabilities((part - centre) * scale + mean, kind) for part in (own, others)]
            found[self.fold_ids == number] = alike[0]
            found[free] += alike[1] / len(logits)
        return found.clamp(_CERTAIN, 1 - _CERTAIN)

    def soft_labels(
        self, part: PairedFeatures, kind: Kind, provenance: Identity, choice: Mapping[str, float | Mapping[str, float]]
    ) -> SoftLabels:
        """The soft labels, with their reliability."""
        assert part.labels is not None
        rows = part.split("train")
        labels = part.labels[self.rows]
        calibrated = {modality: self.align(modality, kind) for modality in self.unseen}
        seen = self.counts["in_sample"] > 0
        in_sample = {name: torch.where(seen, mean, calibrated[name]) for name, mean in self.mean("in_sample").items()}
        kinds = {"calibrated": calibrated, "uncalibrated": self.mean("uncalibrated"), "in_sample": in_sample}
        figures: dict[str, Mapping[str, list[float] | Mapping[str, float]]] = {
            modality: {
                "temperatures": [fold[side] for fold in self.temperatures],
                **{name: reliability(parts[modality], labels, kind) for name, parts in kinds.items()},
            }
            for side, modality in enumerate(calibrated)
        }
        return SoftLabels(
            probabilities=calibrated,
            kind=kind,
            classes=rows.class_names,
            ids=rows.ids,
            labels=labels,
            folds=self.fold_ids,
            in_sample=in_sample,
            provenance=provenance,
            choice=choice,
            reliability=figures,
        )


def _logits(probabilities: Tensor, kind: Kind) -> Tensor:
    """Log-odds of (n, C) probabilities, or for classes that compete their logarithms, in float64."""
    safe = probabilities.double().clamp(_CERTAIN, 1 - _CERTAIN)
    return safe.log() if kind == "softmax" else safe.logit()


def _probabilities(logits: Tensor, kind: Kind) -> Tensor:
    """The inverse of :func:`_logits`, in float32."""
    return (logits.softmax(1) if kind == "softmax" else logits.sigmoid()).float()
