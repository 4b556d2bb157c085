"""Losses side by side on one corpus: heads trained on frozen features with each, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from overtone.core import InputError, ProgressCallback, Settings
from overtone.core.devices import find_device
from overtone.core.settings import BUDGET, share_settings
from overtone.core.worker_counts import count_workers
from overtone.diagnosis import Evidence, Recommendation, recommend, verdict
from overtone.experiments.grid import Grid, Trial, Variant, open_results
from overtone.experiments.probes.data import ProbeData, prepare_data
from overtone.experiments.probes.diagnosis import DOCUMENT, Diagnosis
from overtone.experiments.probes.metrics import measure_retrieval, measure_space
from overtone.experiments.probes.results import SpaceResult
from overtone.experiments.probes.settings import HeadSettings
from overtone.experiments.probes.summary import collect_evidence, compare_losses, summarise_loss
from overtone.experiments.probes.training import check_loss, train_heads
from overtone.features import Features
from overtone.objectives import build_loss, loss_choices, loss_kind, metric_losses
from overtone.training.loop import reproducible

Losses = Sequence[str | nn.Module] | Mapping[str, str | nn.Module]
"""Names of registered losses, and loss modules of any library; a mapping gives them names of one's own."""


def diagnose(
    data: Features,
    *,
    losses: Losses | None = None,
    seeds: Sequence[int] = range(5),
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> Diagnosis:
    """Train heads with each loss and seed on frozen features under one budget, and measure what each loss does.

    Args:
        data: Features of one or two views with labels and splits ``train`` and ``test``. Of two views, each has a head,
            and queries and gallery are of different views, in both directions.
        losses: Names of losses, or loss modules such as those of pytorch-metric-learning (each seed trains a copy);
            a mapping gives them other names. None: all registered ones. Empty: the features as they are.
        seeds: What each loss is trained with.
        settings: Names to values, see :func:`split_head_settings`.
        out: Folder for one file per trial (``results/``) and ``diagnosis.json``; None keeps all in memory.
        overwrite: Remove the results that ``out`` holds.
        resume: Take trials that ``out`` holds already from there. Those of other data or settings are refused, those of
            other versions are made again, and those of modules always are: nothing tells whether such a loss has
            changed.
        workers: Processes that share the trainings; None: see :func:`overtone.core.worker_counts.count_workers`. Each
            training computes with one thread, so that the figures are the same with any number.
        progress: Called after every epoch.

    Returns:
        The diagnosis.

    Raises:
        InputError: An unknown loss or setting, no seed, or data that cannot be learnt from.
        TrainingStopped: A loss is not a number any more.
        WorkerLost: A worker was killed.
    """
    named = _name_losses(losses)
    if not named and len(set(data.shapes)) > 1:
        what = f"{data.provenance.source}: as they are, {' and '.join(data.names)} lie in spaces of their own"
        got = " and ".join("×".join(map(str, shape)) for shape in data.shapes)
        raise InputError(what, got=got, fix="name one with --modalities, or embed both with a run first")
    if named and not seeds:
        raise InputError("a diagnosis needs at least one seed", got=list(seeds))
    budget, own = split_head_settings(settings, named)
    if unused := sorted(budget.model_fields_set - _MEASURING) if not named else ():
        what = "features as they are (--as-is) train nothing"
        raise InputError(what, got=f"the settings {', '.join(unused)}", valid=", ".join(sorted(_MEASURING)))
    device = find_device(budget.device)
    workers = count_workers(workers, [device.type])
    grid = Grid(data, seeds if named else (), out, resume)
    results = open_results(out, "diagnose", DOCUMENT, named, grid.seeds, resume=resume, overwrite=overwrite)
    with reproducible(device), results:
        rows = prepare_data(data, budget.scaling, device)
        budget = budget.completed(len(rows.train))
        told = {"classes": rows.classes["train"], "embedding_dim": budget.embedding_dim}
        build = {name: partial(build_loss, loss, own[name], **told) for name, loss in named.items()}
        for one in build.values():
            check_loss(one, rows, budget)

        def make(variant: Variant, seed: int, label: str, report: ProgressCallback | None) -> Trial:
            return train_heads(build[variant.name], rows, budget, seed, report, label)

        both = budget.model_dump(mode="json")
        trials = grid.run(
            [
                Variant(name, name, {"loss": str(loss), "own": own[name], "budget": both}, cached=isinstance(loss, str))
                for name, loss in named.items()
            ],
            make,
            workers,
            progress,
        )
        features = _features(data, rows, budget, one_space=not named or len(data.names) == 1)
        diagnosis = _summarise(data, grid, rows, budget, trials, features)
        grid.write(DOCUMENT, diagnosis.to_dict())
    return diagnosis


_MEASURING = {"device", "memory_mb"}
"""Settings of the budget that also matter where nothing is trained."""


def _summarise(
    data: Features,
    grid: Grid,
    rows: ProbeData,
    budget: HeadSettings,
    trials: Mapping[str, Sequence[Trial]],
    features: Mapping[str, dict[str, Any]],
) -> Diagnosis:
    evidence = {name: collect_evidence(of_one, features.get("")) for name, of_one in trials.items()}
    spaces = {view: SpaceResult.from_dict(found) for view, found in features.items()}
    return Diagnosis(
        corpus=data.provenance.source,
        modalities=data.names,
        protocol="across" if len(data.names) == 2 else "within",
        seeds=grid.seeds,
        rows={"train": len(rows.train), "test": len(rows.test)},
        classes=rows.classes,
        class_disjoint=rows.class_disjoint,
        settings=budget.model_dump(mode="json"),
        losses={name: summarise_loss(of_one, evidence[name]) for name, of_one in trials.items()},
        features=spaces.pop("", None),
        views=spaces,
        recommendation=recommend(evidence) if len(evidence) > 1 else Recommendation(),
        paired_tests=compare_losses(trials),
        seconds=grid.seconds,
        class_names=rows.class_names,
        notes=(*data.provenance.notes, *rows.notes),
        warnings=tuple(data.provenance.warnings),
        checksum=grid.checksum,
        versions=grid.versions,
        **_shown(trials, rows),
    )


def _name_losses(losses: Losses | None) -> dict[str, str | nn.Module]:
    """Name to each loss of a diagnosis; a module without a name of its own is called as its class."""
    if losses is None:
        return {name: name for name in metric_losses()}
    if isinstance(losses, Mapping):
        return dict(losses)
    names = [loss if isinstance(loss, str) else type(loss).__name__ for loss in losses]
    if duplicate := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"the loss {duplicate} is named twice", fix="name each loss once")
    return dict(zip(names, losses))


def split_head_settings(
    values: Mapping[str, Any] | None, losses: Losses | None
) -> tuple[HeadSettings, dict[str, dict[str, Any]]]:
    """Share one mapping out between the budget and the losses.

    Args:
        values: Setting names to values, each for the budget and for every loss that has it; ``"triplet.margin"``, or
            a loss's name to a mapping, is for that loss alone.
        losses: The losses that are compared, as :func:`diagnose` takes them.

    Returns:
        The budget, validated, and per loss what was given for it.

    Raises:
        InputError: There is no such loss, no such setting, or a value of the budget does not fit.
    """
    kinds = {name: loss_kind(loss) for name, loss in _name_losses(losses).items()}
    owners = {BUDGET: list(HeadSettings.model_fields), **{name: loss_choices(kind) for name, kind in kinds.items()}}
    types: list[type[Settings]] = [HeadSettings, *(kind.settings_type for kind in kinds.values())]
    given = share_settings(values, owners, types, "loss", others=metric_losses())
    return HeadSettings.build(given.pop(BUDGET), where="settings of the budget"), given


def _features(data: Features, rows: ProbeData, budget: HeadSettings, one_space: bool) -> dict[str, dict[str, Any]]:
    """The test rows before training, unscaled: in one space under the name ``""``, else view by view.

    Across views that have a space each there is nothing to retrieve.
    """
    views = [view[rows.test.numbers] for view in data.modalities.values()]
    labels = rows.test.labels.cpu()
    if not one_space:
        return {name: measure_space([view], labels, rows.class_names) for name, view in zip(data.names, views)}
    found = {**measure_space(views, labels, rows.class_names), **measure_retrieval(views, labels, budget.memory_mb)}
    hits = verdict(Evidence(variance=found, recall=found["recall@1"]))
    return {"": {**found, "verdict": [hit.to_dict() for hit in hits]}}


def _shown(trials: Mapping[str, Sequence[Trial]], rows: ProbeData) -> dict[str, Any]:
    """A sample of the first seed's embeddings, and its labels, for maps."""
    if not trials:
        return {}
    embeddings = {
        name: [tensor for key, tensor in sorted(first.tensors.items()) if key.startswith("embeddings/")]
        for name, (first, *_) in trials.items()
    }
    labels = rows.test.labels.cpu()[next(iter(trials.values()))[0].tensors["rows"]]
    numbers = labels if labels.dim() == 1 else labels.argmax(1)
    return {
        "embeddings": {name: torch.cat(views).numpy() for name, views in embeddings.items()},
        "labels": tuple(torch.cat([numbers] * len(rows.test.views)).tolist()),
    }
