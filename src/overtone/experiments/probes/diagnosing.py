"""The experiment behind ``overtone diagnose``: one head per loss and seed, one budget, every diagnostic over time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from overtone.core import InputError, ProgressCallback, is_main_process
from overtone.core.files import checksum, write_json
from overtone.core.version import __version__
from overtone.diagnosis import Evidence, verdict
from overtone.experiments.probes.course import rehearse, train_heads
from overtone.experiments.probes.looks import RETRIEVAL, geometry, retrieval
from overtone.experiments.probes.material import Exercise, prepare_exercise
from overtone.experiments.probes.results import Diagnosis, ProbeResult, SeedTest, SpaceResult
from overtone.experiments.probes.settings import HeadSettings, split_head_settings
from overtone.experiments.probes.summary import loss_entry, paired_tests, recommendation
from overtone.experiments.probes.trial import HeadTrial
from overtone.features import Features
from overtone.training.distribution import find_device
from overtone.training.loop import reproducible


def diagnose(
    losses: Sequence[str],
    data: Features,
    *,
    seeds: Sequence[int] = range(5),
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: ProgressCallback | None = None,
) -> Diagnosis:
    """Train a head per loss and seed on frozen features under one budget and measure what each loss does.

    Args:
        losses: Names of losses; none for the diagnosis of the features as they are.
        data: Features of one or two views with labels and splits ``train`` and ``test``. Of two views, each has a head,
            and queries and gallery are of different views, in both directions.
        seeds: What each loss is trained with.
        settings: Names to values, see :func:`split_head_settings`.
        out: Folder for one file per trial (``results/``) and ``diagnosis.json``; None keeps all in memory.
        resume: Take trials that ``out`` holds already from there, if data, settings and versions are the same.
        progress: Called after every epoch.

    Returns:
        The diagnosis.

    Raises:
        InputError: An unknown loss or setting, no seed, or data that cannot be learnt from.
        TrainingStopped: A loss became no number.
    """
    if losses and not seeds:
        raise InputError("a diagnosis needs at least one seed", got=list(seeds))
    if duplicate := next((name for name in losses if list(losses).count(name) > 1), None):
        raise InputError(f"the loss {duplicate} is named twice", fix="name each loss once")
    budget, own = split_head_settings(settings, losses)
    started = time.perf_counter()
    device = find_device(budget.device)
    facts: dict[str, Any] = {
        "checksum": checksum(*data.modalities.values(), *data.splits.values(), *_labels(data)),
        "versions": {"overtone": __version__, "torch": torch.__version__},
    }
    with reproducible(device):
        exercise = prepare_exercise(data, budget.scaling, device)
        budget = budget.completed(len(exercise.train))
        active_means = {name: rehearse(name, own[name], exercise, budget).active_means for name in losses}
        trials: dict[str, list[HeadTrial]] = {name: [] for name in losses}
        total = len(losses) * len(seeds)
        for number, (name, seed) in enumerate(((name, seed) for name in losses for seed in seeds), 1):
            path = Path(out) / "results" / name / f"seed-{seed}.safetensors" if out is not None else None
            identity = {"loss": name, "own": own[name], "seed": seed, "budget": budget.model_dump(mode="json"), **facts}
            trial = HeadTrial.load(path, identity) if path and resume else None
            if trial is None:
                label = f"{name}, seed {seed} ({number}/{total})"
                trial = train_heads(name, own[name], exercise, budget, seed, progress, label)
                if path and is_main_process():
                    trial.save(path, identity)
            trials[name].append(trial)
        features = _as_they_came(data, exercise, budget, one_space=not losses)
    source = data.provenance
    trained = sum(trial.seconds for of_one in trials.values() for trial in of_one)
    one_space = "views" not in features
    diagnosis = Diagnosis(
        corpus=source.source,
        modalities=data.names,
        seeds=tuple(seeds) if losses else (),
        rows={"train": len(exercise.train), "test": len(exercise.test)},
        classes={"train": exercise.classes, "test": exercise.classes_in(exercise.test)},
        class_disjoint=exercise.class_disjoint,
        settings=budget.model_dump(mode="json"),
        losses={
            name: ProbeResult.from_dict(loss_entry(of_one, active_means[name], features))
            for name, of_one in trials.items()
        },
        features=SpaceResult.from_dict(features) if one_space else None,
        views={} if one_space else {name: SpaceResult.from_dict(view) for name, view in features["views"].items()},
        recommendation=recommendation(trials, features),
        paired_tests=[SeedTest.from_dict(test) for test in paired_tests(trials)],
        seconds=round(max(time.perf_counter() - started, trained), 3),
        class_names=exercise.class_names,
        notes=(*source.notes, *exercise.notes),
        warnings=tuple(source.warnings),
        **_shown(trials, exercise),
        **facts,
    )
    if out is not None and is_main_process():
        write_json(Path(out) / "diagnosis.json", diagnosis.to_dict())
    return diagnosis


def _shown(trials: Mapping[str, Sequence[HeadTrial]], exercise: Exercise) -> dict[str, Any]:
    """The first seed's embeddings and their labels, for maps."""
    if not trials:
        return {}
    first = next(iter(trials.values()))[0]
    labels = exercise.test.labels.cpu()[first.shown]
    numbers = labels if labels.dim() == 1 else labels.argmax(1)
    return {
        "embeddings": {name: torch.cat(of_one[0].embeddings).numpy() for name, of_one in trials.items()},
        "labels": tuple(torch.cat([numbers] * len(first.embeddings)).tolist()),
    }


def _as_they_came(data: Features, exercise: Exercise, budget: HeadSettings, one_space: bool) -> dict[str, Any]:
    """The features of the test rows, unscaled.

    Two views are taken as embeddings in one space only where that was asked for; else each has a space of its own, and
    there is nothing to retrieve across them.
    """
    rows = exercise.test.numbers
    views = [view[rows] for view in data.modalities.values()]
    labels, names = exercise.test.labels.cpu(), exercise.class_names
    if len(views) == 2 and not one_space:
        return {"views": {name: geometry([view], labels, names) for name, view in zip(data.names, views)}}
    judged = retrieval(views, labels, budget.memory_mb).to_dict()
    found = {**geometry(views, labels, names), **{name: judged[name]["mean"] for name in RETRIEVAL}}
    return {**found, "verdict": verdict(Evidence(variance=found, recall=found["recall@1"]))}


def _labels(data: Features) -> list[torch.Tensor]:
    return [] if data.targets is None else [data.targets]
