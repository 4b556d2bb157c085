"""Trials of how much event chances may count: by students that have not seen the clips that they are tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from overtone.core import ProgressCallback
from overtone.core.worker_counts import count_workers
from overtone.core.workers import Made, run_units
from overtone.evaluation import average_precisions
from overtone.features import PairedFeatures
from overtone.interactions.folds import fold_training_rows
from overtone.interactions.soft_labels import Identity
from overtone.methods.base import InferredTargets
from overtone.methods.event_gate import WEIGHTS, Precisions, Trials
from overtone.methods.interactions import Interactions
from overtone.training import Infer, Run, RunContext, train
from overtone.training.data import fingerprint

_FOLDS = 3
_MOST_ROWS = 2000
"""Most rows of a fold that are looked at."""

WITH, ALONE = "with", "alone"
"""Names of trials by event chances as the student to come will have, and by those without the graph's edges."""

InferPart = Callable[
    [PairedFeatures, torch.Tensor, Path | None, ProgressCallback | None], Mapping[str, InferredTargets]
]
"""Infers targets of a part of the training rows by teachers of these alone, for each name of trials: the corpus with
that part as its split ``train``, which of the training rows these are, the trial's folder, and what progress is
reported to."""


def check_trials(data: PairedFeatures, folds: int, seed: int) -> None:
    """Refuse, before anything is trained, what :func:`try_weights` could not do with teachers of so many folds.

    Raises:
        InputError: There are too few labelled rows, or all those of a second class are in one fold.
    """
    fold_ids = fold_training_rows(data, _FOLDS, seed)
    for number in range(_FOLDS):
        fold_training_rows(replace(data, splits={"train": data.splits["train"][fold_ids != number]}), folds, seed)


def try_weights(
    method: str,
    infer: InferPart,
    run: RunContext,
    settings: Mapping[str, Any],
    workers: int | None,
    keep: Callable[[Identity, Callable[[], Run]], Run],
    kinds: Sequence[str] = (WITH,),
) -> dict[str, Trials]:
    """Measure what event chances do to annotated mAP at each weight, on all labelled training rows.

    They are assigned to three folds. Students of the other rows, trained like the one to come, with event chances and
    without, embed each fold. The event chances, too, come from teachers that know no label of the fold: others
    would hand them on, and weights would seem to cost less than they do.

    Args:
        method: Name of a method with event chances.
        infer: Infers the event chances of a trial's rows.
        run: The run that the weight is for; the trials' own go to its folder's ``trials``.
        settings: Its settings, where they are not the defaults.
        workers: Processes that share the students.
        keep: Gives a result of an identity that was made before, or else makes it: students without event chances are
            the same whatever graph is tried.
        kinds: Names of trials, of those that ``infer`` knows.

    Returns:
        For each kind the average precision of every query, without event chances and at each weight.

    Raises:
        InputError: There are too few labelled rows.
        TrainingStopped: A student diverged.
    """
    data, rows = run.data, run.data.splits["train"]
    assert data.labels is not None
    fold_ids = fold_training_rows(data, _FOLDS, run.settings.seed)
    steps = ",".join(part["steps"] for part in run.info["scaling"].values())
    own = {**settings, "scaling": steps, "event_weight": 0.0, "validation_fraction": 0.0, "select": "last"}
    names = [f"trial {number + 1}/{_FOLDS}" for number in range(_FOLDS)]

    def work(number: int, report: ProgressCallback | None) -> Made:
        kept = fold_ids != number
        part = replace(data, truth={}, media={}, splits={**data.splits, "train": rows[kept]})
        known = replace(part, splits={"train": rows[kept]})
        unseen = rows[fold_ids == number]
        judged = data.subset(unseen[data.paired[unseen]][:_MOST_ROWS])

        def student(name: str, changed: Mapping[str, Any], inferred: Infer | None = None) -> Run:
            return train(
                method,
                known,
                settings={**own, **changed},
                out=None if run.folder is None else run.folder / "trials" / f"{name}-{number + 1}",
                resume=run.folder is not None,
                progress=report,
                label=f"{run.label}: {names[number]}",
                evaluate=False,
                inferred=inferred,
            )

        alone: Identity = {"without": method, "settings": {**own, "graph": "none"}, "of": fingerprint(known)}
        before = keep(alone, lambda: student("without", {"graph": "none"}))
        made = {"reference": _rank(before.embed(judged), judged)}
        inferred: dict[str, InferredTargets] = {}  # of all kinds, by the same teachers

        def infer_trial(kind: str, trial: RunContext) -> InferredTargets:
            inferred.update(inferred or infer(part, kept, trial.folder, report))
            return inferred[kind]._replace(reference=before.method)

        for kind in kinds:
            after = student(kind, {}, partial(infer_trial, kind))
            at = partial(_at_weights, cast(Interactions, after.method))
            made |= {_key(kind, w): _rank(views, judged) for w, views in after.apply(judged, at).items()}
        return Made({name: torch.from_numpy(precisions) for name, precisions in made.items()}, {})

    made: dict[int, Made] = {}
    run_units(
        work,
        [[number] for number in range(_FOLDS)],
        made.__setitem__,
        workers=count_workers(workers, [run.device.type]),
        names={number: f"{run.label}: {name}" for number, name in enumerate(names)},
        progress=run.progress,
        label=f"{run.label}: trials of the weight",
        resume="" if run.folder is None else "what is done stays: go on with --resume",
    )

    def joined(name: str) -> Precisions:
        return torch.cat([made[number].tensors[name] for number in range(_FOLDS)]).numpy()

    reference = joined("reference")
    return {kind: Trials(reference, {w: joined(_key(kind, f"{w:g}")) for w in WEIGHTS}) for kind in kinds}


def _key(kind: str, weight: str) -> str:
    return f"{kind} {weight}"


def _at_weights(heads: Interactions, part: torch.Tensor, side: int) -> dict[str, torch.Tensor]:
    return {f"{w:g}": heads.at_weight(part, side, w) for w in WEIGHTS}


def _rank(views: Mapping[str, torch.Tensor], judged: PairedFeatures) -> Precisions:
    """Average precision of every query of both modalities among the other's rows, the first's first."""
    labels, (first, second) = judged.labels, views.values()
    assert labels is not None
    if len(judged) < 2:
        return np.full(2 * len(judged), np.nan)
    return np.concatenate([average_precisions(a, b, labels, labels) for a, b in ((first, second), (second, first))])
