"""The table of a paper: methods over seeds on one test split, with intervals, paired tests and ablations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch

from overtone import training
from overtone.core import InputError, ProgressCallback, Settings
from overtone.core.devices import find_device
from overtone.core.documents import Interval
from overtone.core.settings import share_settings
from overtone.core.worker_counts import count_workers
from overtone.evaluation import adjust_p_values, mean_interval, paired_bootstrap
from overtone.experiments.external import read_external, split_methods
from overtone.experiments.grid import Grid, Trial, Variant, open_results
from overtone.experiments.results import Comparison
from overtone.experiments.scores import DIRECTIONS, RANKED_BY, MethodResult, PairedTest, SeedScore
from overtone.features import PairedFeatures
from overtone.methods.base import methods as registered
from overtone.training import Run, TrainingSettings
from overtone.training.judging import judge

_ALSO_TESTED = ("map_events",)
"""What methods are tested by besides the ranking metric, where it is known."""
_WITH_INTERVAL = ("map", "map_events", "map_running", "recall@1", "instance_recall@1", "instance_recall@10")
_DOCUMENT = "comparison.json"
_OWN = "own"
"""The name of a method's own embeddings beside its variants."""

Trainer = Callable[..., Run]
"""Called like :func:`overtone.training.train`."""


def compare(
    methods: Sequence[str],
    data: PairedFeatures,
    *,
    seeds: Sequence[int] = range(5),
    ablate: bool = False,
    controls: bool = False,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
    train: Trainer = training.train,
) -> Comparison:
    """Train each method with each seed on the train split and evaluate all of them on the same test split.

    Args:
        methods: Registered names, and ``NAME=FILE[,FILE...]`` for embeddings that were made elsewhere, a file per
            training; every two are tested against each other.
        data: Features with splits ``train`` and ``test``.
        seeds: What each method is trained with.
        ablate: Also train each method with each of its terms off in turn.
        controls: Also train the controls of each method that has some, such as a shuffled graph.
        settings: Setting names to values, each for every method that has it; ``"hsc-mae.epochs"``, or a method's name
            to a mapping, is for that method alone.
        out: Folder for one file per trial (``results/``) and ``comparison.json``; None keeps all in memory.
        resume: Take trials that ``out`` holds already from there. Those of other data or settings are refused, those of
            other versions are made again.
        overwrite: Remove the results that ``out`` holds.
        workers: Processes that share the trainings; None: see :func:`overtone.core.worker_counts.count_workers`. Each
            training computes with one thread, so that the figures are the same with any number.
        progress: Called after every epoch.
        train: What trains one run. One trainer serves all runs, so it may keep what several of them need.

    Returns:
        The comparison.

    Raises:
        InputError: An unknown method, a setting that none of the methods has, no seed, no test split, controls are
            wanted and no method has any, or what is resumed was made with other data or settings.
        TrainingStopped: A run diverged or collapsed.
        WorkerLost: A worker was killed.
    """
    if "test" not in data.splits:
        raise InputError("the data has no split 'test' to compare on", got=", ".join(data.splits) or "no splits")
    if not seeds or not methods:
        raise InputError("a comparison needs at least one method and one seed", got=f"{list(methods)}, {list(seeds)}")
    names, externals = split_methods(methods)
    variants = expand_methods(names, settings, ablate=ablate, controls=controls, truth=data.truth) if names else []
    given = {one.name: [read_external(file, data) for file in one.files] for one in externals}
    workers = count_workers(workers, [find_device(one.settings.get("device", "auto")).type for one in variants])
    grid = Grid(data, seeds, out, resume)
    test = data.split("test")

    def make(variant: Variant, seed: int, label: str, report: ProgressCallback | None) -> Trial:
        given = {**variant.settings, "seed": seed}
        run = train(variant.of, data, settings=given, progress=report, label=label, evaluate=False)
        return _evaluate(run, test)

    trained = [variant.name for variant in variants]
    with open_results(out, "compare", _DOCUMENT, trained, seeds, resume=resume, overwrite=overwrite):
        trials = grid.run(variants, make, workers, progress)
        for external in externals:
            variants.append(Variant(external.name, external.name, {}, "external"))
            trials[external.name] = [
                _measure({_OWN: rows}, test, {"settings": {"embeddings": str(file)}})
                for file, rows in zip(external.files, given[external.name])
            ]
        comparison = _summarise(data, grid, variants, trials)
        grid.write(_DOCUMENT, comparison.to_dict())
    return comparison


def expand_methods(
    methods: Sequence[str],
    settings: Mapping[str, Any] | None = None,
    *,
    ablate: bool = False,
    controls: bool = False,
    truth: Collection[str] = (),
) -> list[Variant]:
    """What :func:`compare` trains: each method with its controls behind it, then the ablations, as ``method/term``.

    ``truth`` names what the data knows beyond its annotation.

    Raises:
        InputError: An unknown method, a setting that none of the methods has, or controls are wanted and no method
            has any.
    """
    kinds = {name: registered[name] for name in methods}
    if "seed" in (settings or {}):
        raise InputError("a comparison sets the seed itself", fix="say which seeds instead")
    loop = TrainingSettings.model_fields.keys() - {"seed"}
    owners = {name: loop | kind.settings_type.model_fields.keys() for name, kind in kinds.items()}
    types: list[type[Settings]] = [TrainingSettings, *(kind.settings_type for kind in kinds.values())]
    given = share_settings(settings, owners, types, "method", others=list(registered))
    variants: list[Variant] = []
    ablations: list[Variant] = []
    for name, kind in kinds.items():
        shares = kind.needs_inferred_targets
        variants.append(Variant(name, name, given[name], shares=shares))
        for control, other in kind.controls(truth).items() if controls else ():
            variants.append(Variant(control, name, {**given[name], **other}, "control", shares=shares))
        for term, off in kind.ablations().items() if ablate else ():
            ablations.append(Variant(f"{name}/{term}", name, {**given[name], **off}, "ablation", shares=shares))
    if controls and all(variant.kind == "whole" for variant in variants):
        raise InputError(
            "none of these methods has controls",
            got=", ".join(kinds),
            valid=", ".join(name for name, kind in registered.items() if kind.controls()),
            fix="leave --controls out",
        )
    return [*variants, *ablations]


def _evaluate(run: Run, test: PairedFeatures) -> Trial:
    """A trained run on the test rows: its own embeddings and its variants, each ranked once."""
    known = {"settings": run.settings, "seconds": run.info["seconds"]}
    return _measure({_OWN: run.embed(test), **run.variants(test)}, test, known, run.settings["memory_mb"])


def _measure(
    embeddings: Mapping[str, Mapping[str, torch.Tensor]],
    test: PairedFeatures,
    known: Mapping[str, Any],
    memory_mb: int = 256,
) -> Trial:
    """Embeddings of the test rows by name, each ranked once; ``known`` is what else is kept of the trial."""
    found = {name: judge(rows, test, memory_mb=memory_mb, bootstrap=0) for name, rows in embeddings.items()}
    tensors = {
        f"{name}/{metric}/{way}": values
        for name, evaluation in found.items()
        for metric, ways in evaluation.per_query.items()
        for way, values in ways.items()
    }
    summaries = {name: evaluation.to_dict() for name, evaluation in found.items()}
    return Trial(tensors, {"summaries": summaries, **known})


def _summarise(
    data: PairedFeatures,
    grid: Grid,
    variants: Sequence[Variant],
    trials: Mapping[str, Sequence[Trial]],
) -> Comparison:
    first = trials[variants[0].name][0].values["summaries"][_OWN]
    metric = next(metric for metric in RANKED_BY if metric in first)
    results = {name: _result(of_one, metric) for name, of_one in trials.items()}
    whole = [variant.name for variant in variants if variant.kind != "ablation"]
    controls: dict[str, list[str]] = {}
    for variant in variants:
        if variant.kind == "control":
            controls.setdefault(variant.of, []).append(variant.name)
    rivals = sorted(
        (one.name for one in variants if one.kind in ("whole", "external")),
        key=lambda name: (-results[name].value(metric), name),
    )
    parts = [(one.of, one.name) for one in variants if one.kind in ("control", "ablation")]
    tests: list[PairedTest] = []
    for tested in (metric, *(other for other in _ALSO_TESTED if other in first)):
        between = [_test(a, b, tested, results, trials) for a, b in combinations(rivals, 2)]
        adjusted = adjust_p_values([p for test in between if (p := test.p_value) is not None])
        tests += [replace(test, p_holm=p) for test, p in zip(between, adjusted)]
        tests += [_test(a, b, tested, results, trials) for a, b in parts]
    return Comparison(
        corpus=data.provenance.source,
        modalities=data.names,
        seeds=grid.seeds,
        queries=first["queries"],
        metric=metric,
        chance_map=first.get("chance_map"),
        methods={name: results[name] for name in whole},
        ablation={name: result for name, result in results.items() if name not in whole},
        controls=controls,
        paired_tests=tests,
        seconds=grid.seconds,
        per_class={name: _per_class(trials[name]) for name in whole if "per_class" in first},
        settings={name: trials[name][0].values["settings"] for name in whole},
        notes=tuple(data.provenance.notes),
        warnings=tuple(data.provenance.warnings),
        checksum=grid.checksum,
        versions=grid.versions,
    )


def _test(
    a: str, b: str, metric: str, results: Mapping[str, MethodResult], trials: Mapping[str, Sequence[Trial]]
) -> PairedTest:
    found = paired_bootstrap(results[a].per_query[metric], results[b].per_query[metric])
    first, second = (_per_seed(trials[name], metric) for name in (a, b))
    ahead = sum(x > y for x, y in zip(first, second)) if len(first) == len(second) else None
    low, high = found["ci95"]
    return PairedTest(a, b, metric, found["difference"], (low, high), found["p_value"], found["queries"], ahead)


def _result(trials: Sequence[Trial], metric: str) -> MethodResult:
    return MethodResult(
        _scores(trials, _OWN),
        tuple(_per_seed(trials, metric)),
        round(sum(trial.values["seconds"] for trial in trials), 3) if "seconds" in trials[0].values else None,
        {name: _scores(trials, name) for name in trials[0].values["summaries"] if name != _OWN},
        {name: _per_query(trials, _OWN, name) for name in _metrics(trials[0], _OWN)},
    )


def _metrics(trial: Trial, variant: str) -> list[str]:
    """The metrics with a value per query, but for chance, which is no method's merit."""
    known = trial.values["summaries"][variant]
    return [name for name in known if f"{variant}/{name}/a2v" in trial.tensors and name != "chance_map"]


def _scores(trials: Sequence[Trial], variant: str) -> dict[str, SeedScore]:
    found: dict[str, SeedScore] = {}
    for metric in _metrics(trials[0], variant):
        interval = mean_interval(_per_query(trials, variant, metric)) if metric in _WITH_INTERVAL else None
        found[metric] = _over_seeds([trial.values["summaries"][variant][metric] for trial in trials], interval)
    return found


def _over_seeds(values: Sequence[Mapping[str, float | None]], ci95: Interval | None = None) -> SeedScore:
    """Means of both directions and of their mean, and the latter's standard deviation (None of one seed)."""
    table = {
        way: [math.nan if (number := value[way]) is None else float(number) for value in values]
        for way in (*DIRECTIONS, "mean")
    }
    std = float(np.std(table["mean"], ddof=1)) if len(values) > 1 else None
    means = {way: statistics.fmean(column) for way, column in table.items()}
    return SeedScore({way: means[way] for way in DIRECTIONS}, means["mean"], ci95, std)


def _per_class(trials: Sequence[Trial]) -> dict[str, SeedScore]:
    tables = [trial.values["summaries"][_OWN]["per_class"] for trial in trials]
    return {label: _over_seeds([table[label] for table in tables]) for label in tables[0]}


def _per_seed(trials: Sequence[Trial], metric: str) -> list[float]:
    """The mean of both directions with each seed."""
    return [trial.values["summaries"][_OWN][metric]["mean"] for trial in trials]


def _per_query(trials: Sequence[Trial], variant: str, metric: str) -> dict[str, torch.Tensor]:
    """Direction to every query's mean over the seeds."""
    ways = {way: [trial.tensors[f"{variant}/{metric}/{way}"] for trial in trials] for way in DIRECTIONS}
    return {way: torch.stack(columns).mean(0) for way, columns in ways.items()}
