"""Cross-fitting: every training row is scored by a teacher that was trained on other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor

from overtone.core import ProgressCallback, is_main_process
from overtone.core.version import __version__
from overtone.features import PairedFeatures
from overtone.interactions.folds import deal, of_others, seen_by_teachers
from overtone.interactions.reliability import ranking
from overtone.interactions.scores import Scores
from overtone.interactions.soft_labels import SoftLabels, stored_soft_labels
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import CorpusInfo
from overtone.training import train
from overtone.training.data import fingerprint
from overtone.training.folder import FREE, RunFolder
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings

EXPLAINING = 3.0
"""Weight of explaining the features that is tried."""
KEPT = 0.9
"""Share of the ranking by labels that must be left then: where clips have many events some goes to unannotated ones."""


def cross_fit(
    data: PairedFeatures,
    *,
    folds: int = 5,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    progress: ProgressCallback | None = None,
    label: str = "av-sal",
) -> SoftLabels:
    """Score every training row with teachers (``av-sal``) that have not seen it.

    Labelled rows are dealt into folds class by class; each fold is scored by a teacher of the others. Rows without a
    label teach nothing, so every teacher scores them, and they get the mean. Temperatures are calibrated on the split
    ``val``, or on a tenth of a teacher's rows that is held out of its training. No other split is looked at. Where
    ``feature_reconstruction`` is not set, two more teachers try on the first fold whether it does good.

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
    method = AVSAL.settings_type.build(own, where="settings of av-sal").model_dump(mode="json")
    provenance = provenance_of(part, method, training, folds)
    folder = None if out is None else RunFolder(out)
    if folder is not None:
        found = stored_soft_labels(folder / "soft_labels.safetensors", provenance)
        if found is not None:
            return found
    assert part.targets is not None
    places = deal(part.targets[part.splits["train"]], folds, training.seed)
    staff = Staff(part, places, training.seed, settings or {}, folder, progress, label)
    choice = try_explaining(staff) if method["feature_reconstruction"] is None else {}
    chosen = {name: value for name, value in choice.items() if name in method}
    scores = Scores(part.splits["train"], places)
    for number in range(folds):
        taught = staff.teach(number, f"fold-{number + 1}", f"fold {number + 1}/{folds}", chosen)
        scores.add(taught.run, part, taught.rows, number)
    soft = scores.soft_labels(part, method["head"], provenance, choice)
    if folder is not None and is_main_process():
        soft.save(folder / "soft_labels.safetensors")
    return soft


class Taught(NamedTuple):
    """A teacher, and the rows that it was trained on."""

    run: Run
    rows: Tensor


@dataclass(frozen=True)
class Staff:
    """Trains the teachers of a corpus, each an ordinary run.

    Attributes:
        part: What they may see.
        places: (N,) fold of each training row.
        seed: Decides which rows are held out.
        settings: Of all of them.
        folder: Where their runs are, in ``teacher``; None for nowhere.
        progress: Called after every epoch.
        label: What progress calls them.
    """

    part: PairedFeatures
    places: Tensor
    seed: int
    settings: Mapping[str, Any]
    folder: RunFolder | None
    progress: ProgressCallback | None
    label: str

    def teach(self, number: int, place: str, said: str, changes: Mapping[str, Any]) -> Taught:
        """The teacher of all folds but one, trained or found.

        Args:
            number: Of the fold that it does not see.
            place: Its folder's name.
            said: What progress calls it.
            changes: Of the settings.
        """
        taught = of_others(self.part, self.places, number, self.seed)
        run = train(
            "av-sal",
            taught,
            settings={**self.settings, **changes},
            out=None if self.folder is None else self.folder / "teacher" / place,
            resume=True,
            progress=self.progress,
            label=f"{self.label}, {said}",
            evaluate=False,
        )
        return Taught(run, taught.splits["train"])


def try_explaining(staff: Staff) -> dict[str, Any]:
    """Whether to explain the features, judged by how well labelled rows of the first fold are still ranked then.

    Where features are not sums of what is in a clip, a teacher that must explain them forgets the labels for it.

    Args:
        staff: Trains the two teachers.

    Returns:
        ``feature_reconstruction``, and by ``map`` (mean average precision over the classes, of both modalities) why.
    """
    assert staff.part.targets is not None
    rows = staff.part.splits["train"][staff.places == 0]
    judged, positive = staff.part.subset(rows), staff.part.targets[rows] > 0

    def merit(weight: float) -> float:
        place = f"trial-explaining-{weight:g}"
        run = staff.teach(
            0, place, f"trial with feature_reconstruction={weight:g}", {"feature_reconstruction": weight}
        ).run
        teacher = run.method
        assert isinstance(teacher, AVSAL)
        said = run.apply(judged, lambda part, side: {"": teacher.soft_labels(part, side)})[""]
        return fmean(ranking(scores, positive) for scores in said.values())

    without, with_it = merit(0.0), merit(EXPLAINING)
    chosen = EXPLAINING if with_it >= KEPT * without else 0.0
    return {"feature_reconstruction": chosen, "map": {"0": without, f"{EXPLAINING:g}": with_it}}


def provenance_of(
    part: PairedFeatures, method: Mapping[str, Any], training: TrainingSettings, folds: int
) -> dict[str, Any]:
    """All that soft labels depend on."""
    corpus = CorpusInfo(part.shapes, len(part.splits["train"]), part.classes)
    loop = training.with_defaults(AVSAL, corpus).model_dump(mode="json")
    return {
        "teacher": {**method, **{name: value for name, value in loop.items() if name not in FREE}},
        "folds": folds,
        "data": {"source": part.provenance.source, "trained_on": fingerprint(part)},
        "versions": {"overtone": __version__, "torch": torch.__version__},
    }
