"""Cross-fitting: every training row is scored by a teacher that was trained on other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback, is_main_process
from overtone.core.devices import find_device
from overtone.core.version import __version__
from overtone.core.worker_counts import count_workers
from overtone.core.workers import Made, Work, run_units
from overtone.features import PairedFeatures, hold_out
from overtone.interactions.folds import fold_training_rows
from overtone.interactions.reliability import mean_class_precision
from overtone.interactions.scores import TeacherScores, score_rows
from overtone.interactions.soft_labels import SoftLabels
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import CorpusInfo
from overtone.objectives.targets import as_targets
from overtone.training import train
from overtone.training.data import fingerprint
from overtone.training.folder import RunFolder
from overtone.training.resuming import FREE
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings

_RECONSTRUCTION_WEIGHT = 3.0
"""Weight of the feature reconstruction that is tried."""
_HELD_OUT = 0.1
"""Share of a teacher's rows that its temperatures are calibrated on, where the corpus has no validation rows."""
_KEPT = 0.88
"""Share of the ranking quality that must remain; with many events in a clip, some of it goes to unannotated ones."""
_CERTAIN = 0.95
"""Accuracy from which on no events can be hidden: of two events as loud, a teacher cannot know which is annotated."""


def cross_fit(
    data: PairedFeatures,
    *,
    folds: int = 5,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    progress: ProgressCallback | None = None,
    label: str = "av-sal",
    workers: int | None = None,
) -> SoftLabels:
    """Score every training row with teachers (``av-sal``) that have not seen it.

    Labelled rows are assigned to folds class by class; each fold is scored by a teacher of the others. Rows without a
    label teach nothing, so every teacher scores them, and they get the mean. Temperatures are calibrated on the split
    ``val``, or on a tenth of a teacher's rows that is held out of its training. No other split is looked at. Where
    ``feature_reconstruction`` is not set, two more teachers try on the first fold whether it helps.

    Args:
        data: Features with labels and a split ``train``.
        folds: Number of parts.
        settings: Of ``av-sal`` and of its training, where they are not the defaults.
        out: Folder for ``soft_labels.safetensors`` and the teachers' runs (``teacher/fold-1``, ...). What is there is
            taken over if it depends on the same, finished teachers and half-trained ones alike.
        progress: Called after every epoch.
        label: What progress calls it.
        workers: Processes that share the teachers; None: see :func:`overtone.core.worker_counts.count_workers`. Each
            teacher computes with one thread, so that soft labels are the same with any number.

    Returns:
        Soft labels of the training rows, in the order of the split.

    Raises:
        InputError: The data has no labels, too few labelled rows for so many folds, or ``out`` has teachers of
            something else.
        TrainingStopped: A teacher diverged.
        WorkerLost: A worker was killed.
    """
    part = select_labelled_splits(data)
    own, training = split_settings(settings, AVSAL)
    method = AVSAL.settings_type.build(own, where="settings of av-sal").model_dump(mode="json")
    provenance = _provenance(part, method, training, folds)
    folder = None if out is None else RunFolder(out)
    if folder is not None:
        found = SoftLabels.load_matching(folder / "soft_labels.safetensors", provenance)
        if found is not None:
            return found
    fold_ids = fold_training_rows(part, folds, training.seed)
    workers = count_workers(workers, [find_device(training.device).type])
    trainer = _TeacherTrainer(part, fold_ids, training.seed, settings or {}, folder, label, workers, progress)
    choice = _try_reconstruction(trainer) if method["feature_reconstruction"] is None else {}
    chosen = {name: value for name, value in choice.items() if name in method}

    def score(number: int, report: ProgressCallback | None) -> Made:
        run, fitted = trainer.fit(number, f"fold-{number + 1}", f"fold {number + 1}/{folds}", chosen, report)
        return score_rows(run, part, fitted)

    scores = TeacherScores(part.splits["train"], fold_ids)
    for number, made in enumerate(trainer.share(score, [f"fold {number + 1}" for number in range(folds)])):
        scores.add(made, number)
    soft = scores.soft_labels(part, method["head"], provenance, choice)
    if folder is not None and is_main_process():
        soft.save(folder / "soft_labels.safetensors")
    return soft


@dataclass(frozen=True)
class _TeacherTrainer:
    """Trains the teachers of a corpus, each an ordinary run, in the folder's ``teacher``."""

    part: PairedFeatures
    fold_ids: Tensor
    seed: int
    settings: Mapping[str, Any]
    folder: RunFolder | None
    label: str
    workers: int
    progress: ProgressCallback | None

    def share(self, work: Work, names: Sequence[str]) -> list[Made]:
        """The results of as many units of work as there are names, in this process or in workers."""
        found: dict[int, Made] = {}
        groups = [[number] for number in range(len(names))]
        called = {number: f"{self.label}, {name}" for number, name in enumerate(names)}
        resume = "" if self.folder is None else "what is done stays: go on with --resume"
        options: dict[str, Any] = {"workers": self.workers, "names": called, "progress": self.progress}
        run_units(work, groups, found.__setitem__, **options, label=f"{self.label}s", resume=resume)
        return [found[number] for number in range(len(names))]

    def fit(
        self,
        number: int,
        folder_name: str,
        label: str,
        changes: Mapping[str, Any],
        progress: ProgressCallback | None,
        classes: int | None = None,
    ) -> tuple[Run, Tensor]:
        """Train the teacher of all folds but one, or load it; the run, and the rows that it was trained on.

        With ``classes`` it is trained as long as for so many, unless the settings say how long.
        """
        rows = self.part.splits["train"][(self.fold_ids >= 0) & (self.fold_ids != number)]
        fitted = hold_out(replace(self.part, splits={**self.part.splits, "train": rows}), _HELD_OUT, self.seed)
        if classes is not None and self.settings.get("epochs") is None:
            corpus = CorpusInfo(self.part.shapes, len(fitted.splits["train"]), classes)
            changes = {**changes, "epochs": AVSAL.training_defaults(corpus).epochs}
        run = train(
            "av-sal",
            fitted,
            settings={**self.settings, **changes},
            out=None if self.folder is None else self.folder / "teacher" / folder_name,
            resume=True,
            progress=progress,
            label=f"{self.label}, {label}",
            evaluate=False,
        )
        return run, fitted.splits["train"]


def _try_reconstruction(trainer: _TeacherTrainer) -> dict[str, float | Mapping[str, float]]:
    """Decide whether teachers reconstruct the features, by how well they still rank labelled rows of the first fold.

    Where features are not sums of what is in a clip, a teacher that must reconstruct them neglects the labels. Both
    are trained as long as for half as many classes: later on, a teacher that need not gains from what is no event, too.
    Where clips have one label each and almost every one is recognised, there is nothing to reconstruct features for.
    """
    assert trainer.part.labels is not None
    rows = trainer.part.splits["train"][trainer.fold_ids == 0]
    judged, labels = trainer.part.subset(rows), trainer.part.labels[rows]
    targets = as_targets(labels, trainer.part.classes)

    def judge(number: int, report: ProgressCallback | None) -> Made:
        weight = weights[number]
        changes, classes = {"feature_reconstruction": weight}, trainer.part.classes // 2
        run, _ = trainer.fit(0, f"trial-explaining-{weight:g}", names[number], changes, report, classes)
        teacher = run.method
        assert isinstance(teacher, AVSAL)
        scored = run.apply(judged, lambda part, side: {"": teacher.soft_labels(part, side)})[""]
        together = torch.stack([torch.logit(part.double(), eps=1e-9) for part in scored.values()]).sum(0)
        first = targets[torch.arange(len(targets)), together.argmax(1)]
        figures = {"map": fmean(mean_class_precision(part, labels) for part in scored.values())}
        return Made({}, {**figures, "accuracy": float(first.double().mean())})

    weights = (0.0, _RECONSTRUCTION_WEIGHT)
    names = [f"trial with feature_reconstruction={weight:g}" for weight in weights]
    without, with_it = (made.values for made in trainer.share(judge, names))
    certain = bool((targets.sum(1) == 1).all()) and without["accuracy"] >= _CERTAIN
    kept = not certain and with_it["map"] >= _KEPT * without["map"]
    chosen = _RECONSTRUCTION_WEIGHT if kept else 0.0
    precisions = {"0": without["map"], f"{_RECONSTRUCTION_WEIGHT:g}": with_it["map"]}
    return {"feature_reconstruction": chosen, "map": precisions, "accuracy": without["accuracy"]}


def _provenance(
    part: PairedFeatures, method: Mapping[str, Any], training: TrainingSettings, folds: int
) -> dict[str, Any]:
    """All that soft labels depend on."""
    corpus = CorpusInfo(part.shapes, len(part.splits["train"]), part.classes)
    loop = training.with_defaults(AVSAL, corpus).model_dump(mode="json")
    return {
        "teacher": {**method, **{name: value for name, value in loop.items() if name not in FREE}},
        "folds": folds,
        "aligned": True,  # older soft labels were not, and are not taken for these
        "data": {"source": part.provenance.source, "trained_on": fingerprint(part)},
        "versions": {"overtone": __version__, "torch": torch.__version__},
    }


def select_labelled_splits(data: PairedFeatures) -> PairedFeatures:
    """Select training rows and, behind them, validation rows; drop every other row, truth and media."""
    if data.labels is None or "train" not in data.splits:
        got = f"splits {', '.join(data.splits) or 'none'}, labels: {data.label_kind}"
        what = f"{data.provenance.source}: soft labels are learnt from training rows with labels"
        raise InputError(what, got=got, fix="bring labels, as y or labels")
    used = {name: data.splits[name] for name in ("train", "val") if name in data.splits}
    bounds = torch.tensor([len(rows) for rows in used.values()]).cumsum(0).tolist()
    numbers = torch.arange(bounds[-1]).tensor_split(bounds[:-1])
    part = replace(data, truth={}, media={}, splits={}).subset(torch.cat(list(used.values())))
    return replace(part, splits=dict(zip(used, numbers)))
