"""Cross-fitting: every training row is scored by a teacher that was trained on other rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone import __version__
from overtone.core import InputError
from overtone.features import PairedFeatures, hold_out
from overtone.features.splitting import shuffled
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import Corpus
from overtone.training.folder import FREE, RunFolder
from overtone.training.interactions.reliability import reliability
from overtone.training.interactions.soft_labels import Kind, SoftLabels, labelled, stored_soft_labels
from overtone.training.material import fingerprint
from overtone.training.progress import Callback
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings
from overtone.training.trainer import train

CERTAIN = 1e-6
"""Probabilities stay so far from 0 and 1: nothing that was learnt is surer, and their logarithms stay finite."""
HELD_OUT = 0.1
"""Share of a teacher's rows that its temperatures are calibrated on, where the corpus has no validation rows."""


def cross_fit(
    data: PairedFeatures,
    *,
    folds: int = 5,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    progress: Callback | None = None,
    label: str = "av-sal",
) -> SoftLabels:
    """Score every training row with teachers (``av-sal``) that have not seen it.

    Labelled rows are dealt into folds class by class; each fold is scored by a teacher of the others. Rows without a
    label teach nothing, so every teacher scores them, and they get the mean. Temperatures are calibrated on the split
    ``val``, or on a tenth of a teacher's rows that is held out of its training. No other split is looked at.

    Args:
        data: Features with labels and a split ``train``.
        folds: Number of parts.
        settings: Of ``av-sal`` and of its training, where they are not the defaults.
        out: Folder for ``soft_labels.safetensors`` and the teachers' runs (``teacher/fold-1``, ...). What is there is
            taken over if it depends on the same, finished teachers and half-trained ones alike.
        progress: Called after every epoch.
        label: What progress calls it.

    Returns:
        Soft labels of the training rows, in the order of the split.

    Raises:
        InputError: The data has no labels, too few labelled rows for so many folds, or ``out`` has teachers of
            something else.
        TrainingStopped: A teacher diverged.
    """
    part = seen_by_teachers(data)
    own, training = split_settings(settings, AVSAL)
    method = AVSAL.settings_type.build(own, where="settings of av-sal")
    provenance = provenance_of(part, method.model_dump(mode="json"), training, folds)
    folder = None if out is None else RunFolder(out)
    if folder is not None:
        found = stored_soft_labels(folder / "soft_labels.safetensors", provenance)
        if found is not None:
            return found
    assert part.targets is not None
    rows = part.splits["train"]
    places = deal(part.targets[rows], folds, training.seed)
    scores = Scores(rows, places)
    for number in range(folds):
        taught = hold_out(of_others(part, places, number), HELD_OUT, training.seed)
        run = train(
            "av-sal",
            taught,
            settings=settings,
            out=None if folder is None else folder.fold(number + 1),
            resume=True,
            progress=progress,
            label=f"{label}, fold {number + 1}/{folds}",
            evaluate=False,
        )
        scores.add(run, part, taught.splits["train"], number)
    soft = scores.soft_labels(part, method.model_dump()["head"], provenance)
    if folder is not None and os.environ.get("RANK", "0") == "0":
        soft.save(folder / "soft_labels.safetensors")
    return soft


def seen_by_teachers(data: PairedFeatures) -> PairedFeatures:
    """Training rows and behind them validation rows, without any other row, truth or media.

    Raises:
        InputError: There are no labels, or no training rows.
    """
    if data.targets is None or "train" not in data.splits:
        raise InputError(
            f"{data.provenance.source}: soft labels are learnt from training rows with labels",
            got=f"splits {', '.join(data.splits) or 'none'}, labels: {data.label_kind}",
            fix="bring labels, as y or labels",
        )
    used = {name: data.splits[name] for name in ("train", "val") if name in data.splits}
    bounds = torch.tensor([len(rows) for rows in used.values()]).cumsum(0).tolist()
    numbers = torch.arange(bounds[-1]).tensor_split(bounds[:-1])
    part = replace(data, truth={}, media={}, splits={}).subset(torch.cat(list(used.values())))
    return replace(part, splits=dict(zip(used, numbers)))


def deal(labels: Tensor, folds: int, seed: int) -> Tensor:
    """Deal labelled rows into folds, class by class, so that every fold has its share of each.

    A row with several labels counts for its rarest.

    Args:
        labels: (N, C).
        folds: k.
        seed: The same seed deals the same.

    Returns:
        (N,) int64 from 0 to k − 1; −1 for rows without a label.

    Raises:
        InputError: There are not two labelled rows to a fold.

    Example:
        >>> deal(torch.eye(2)[torch.tensor([0, 0, 1, 1, 0, 1])], 2, 0).bincount().tolist()
        [3, 3]
    """
    known = labelled(labels).nonzero()[:, 0]
    if folds < 2 or len(known) < 2 * folds:
        raise InputError(
            "too few labelled training rows for cross-fitting",
            got=f"{len(known)} rows in {folds} folds",
            valid="at least two folds of two rows",
            fix="annotate more clips, or lower folds",
        )
    present = (labels[known] > 0).float()
    rarest = (present / present.sum(0).clamp_min(1)).argmax(1)
    mixed = shuffled(len(known), seed)
    order = known[mixed[torch.argsort(rarest[mixed], stable=True)]]
    places = torch.full((len(labels),), -1, dtype=torch.int64)
    places[order] = torch.arange(len(order)) % folds
    return places


def of_others(part: PairedFeatures, places: Tensor, number: int) -> PairedFeatures:
    """The data of one fold's teacher: to train on, the labelled rows of the other folds."""
    rows = part.splits["train"][(places >= 0) & (places != number)]
    return replace(part, splits={**part.splits, "train": rows})


def provenance_of(
    part: PairedFeatures, method: Mapping[str, Any], training: TrainingSettings, folds: int
) -> dict[str, Any]:
    """All that soft labels depend on."""
    corpus = Corpus(part.shapes, len(part.splits["train"]), part.classes)
    loop = training.completed(AVSAL, corpus).model_dump(mode="json")
    return {
        "teacher": {**method, **{name: value for name, value in loop.items() if name not in FREE}},
        "folds": folds,
        "data": {"source": part.provenance.source, "trained_on": fingerprint(part)},
        "versions": {"overtone": __version__, "torch": torch.__version__},
    }


@dataclass
class Scores:
    """Sums of what teachers say of training rows, of those they have seen and of those they have not.

    Args:
        rows: (N,) numbers of the training rows.
        places: (N,) fold of each.
    """

    rows: Tensor
    places: Tensor

    def __post_init__(self) -> None:
        self.sums: dict[str, dict[str, Tensor]] = {"calibrated": {}, "uncalibrated": {}, "in_sample": {}}
        self.counts = {name: torch.zeros(len(self.rows), 1) for name in self.sums}
        self.temperatures: list[list[float]] = []

    def add(self, run: Run, part: PairedFeatures, taught: Tensor, number: int) -> None:
        """Add what the teacher of a fold says.

        Args:
            run: The teacher's.
            part: The data.
            taught: Rows it was trained on.
            number: Of the fold that it has not seen.
        """
        teacher = run.method
        assert isinstance(teacher, AVSAL)
        self.temperatures.append(teacher.temperatures.tolist())

        def say(rows: Tensor, side: int) -> dict[str, Tensor]:
            raw = teacher.probabilities(teacher.logits(rows, side))
            return {"calibrated": teacher.soft_labels(rows, side), "uncalibrated": raw}

        said = run.apply(part.split("train"), say)
        unseen = ((self.places == number) | (self.places < 0))[:, None].float()
        seen = torch.isin(self.rows, taught)[:, None].float()
        for name, rows, scores in (
            ("calibrated", unseen, said["calibrated"]),
            ("uncalibrated", unseen, said["uncalibrated"]),
            ("in_sample", seen, said["calibrated"]),
        ):
            self.counts[name] += rows
            for modality, values in scores.items():
                sums = self.sums[name]
                sums[modality] = sums.get(modality, torch.zeros_like(values)) + rows * values

    def mean(self, name: str) -> dict[str, Tensor]:
        """Modality to (N, C) means, strictly between 0 and 1; meaningless where no teacher spoke."""
        counts = self.counts[name].clamp_min(1)
        return {modality: (part / counts).clamp(CERTAIN, 1 - CERTAIN) for modality, part in self.sums[name].items()}

    def soft_labels(self, part: PairedFeatures, kind: Kind, provenance: Mapping[str, Any]) -> SoftLabels:
        """All that was said, with how far it can be believed."""
        assert part.targets is not None
        rows = part.split("train")
        labels = part.targets[self.rows]
        calibrated, seen = self.mean("calibrated"), self.counts["in_sample"] > 0
        in_sample = {name: torch.where(seen, mean, calibrated[name]) for name, mean in self.mean("in_sample").items()}
        said = {"calibrated": calibrated, "uncalibrated": self.mean("uncalibrated"), "in_sample": in_sample}
        figures = {
            modality: {
                "temperatures": [fold[side] for fold in self.temperatures],
                **{name: reliability(parts[modality], labels, kind) for name, parts in said.items()},
            }
            for side, modality in enumerate(calibrated)
        }
        return SoftLabels(
            probabilities=calibrated,
            kind=kind,
            classes=rows.class_names,
            ids=rows.ids,
            labels=labels,
            folds=self.places,
            in_sample=in_sample,
            provenance=provenance,
            reliability=figures,
        )
