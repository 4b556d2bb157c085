"""The table of a paper: methods over seeds on one test split, with intervals, paired tests and ablations."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from overtone.core import InputError, ProgressCallback, is_main_process
from overtone.core.files import checksum, write_json
from overtone.core.version import __version__
from overtone.evaluation import mean_interval, paired_bootstrap
from overtone.experiments.entries import Entry, entries_of
from overtone.experiments.results import (
    DIRECTIONS,
    RANKED_BY,
    Comparison,
    Interval,
    MethodResult,
    PairedTest,
    SeedScore,
)
from overtone.experiments.trial import OWN, Directions, Trial
from overtone.features import PairedFeatures
from overtone.interactions import sharing

ALSO_TESTED = ("map_events",)
"""What they are tested by besides, where it is known."""
WAYS = (*DIRECTIONS, "mean")
WITH_INTERVAL = ("map", "map_events", "map_running", "recall@1", "instance_recall@1", "instance_recall@10")


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
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Train each method with each seed on the train split and judge all of them on the same test split.

    Args:
        methods: Registered names; the others are tested against the first.
        data: Features with splits ``train`` and ``test``.
        seeds: What each method is trained with.
        ablate: Also train each method with each of its terms off in turn.
        controls: Also train the controls of each method that has some: what it must beat to have meant anything.
        settings: Setting names to values, each for every method that has it; a method's name to a mapping is for that
            method alone.
        out: Folder for one file per trial (``results/``) and ``comparison.json``; None keeps all in memory.
        resume: Take trials that ``out`` holds already from there, if data, settings and versions are the same;
            otherwise, and by default, they are made again.
        progress: Called after every epoch.

    Returns:
        The comparison, with one trial per method, control, ablation and seed.

    Raises:
        InputError: An unknown method, a setting that none of the methods has, no seed, no test split, or controls are
            wanted and no method has any.
        TrainingStopped: A run diverged or collapsed.
    """
    if "test" not in data.splits:
        raise InputError("the data has no split 'test' to compare on", got=", ".join(data.splits) or "no splits")
    if not seeds or not methods:
        raise InputError("a comparison needs at least one method and one seed", got=f"{list(methods)}, {list(seeds)}")
    started = time.perf_counter()
    entries = entries_of(methods, settings or {}, ablate=ablate, controls=controls, truth=data.truth)
    facts = {
        "checksum": checksum(*data.modalities.values(), *data.splits.values(), *_judged_by(data)),
        "versions": {"overtone": __version__, "torch": torch.__version__},
    }
    trials: dict[str, list[Trial]] = {name: [] for name in entries}
    total = len(entries) * len(seeds)
    with sharing():  # controls of one seed differ in what they do with a teacher and a graph, not in these
        for number, (name, seed) in enumerate(((name, seed) for name in entries for seed in seeds), 1):
            wanted = {**entries[name].settings, "seed": seed}
            path = Path(out) / "results" / name / f"seed-{seed}.safetensors" if out is not None else None
            identity = {"name": name, "settings": wanted, **facts}
            trial = Trial.load(path, identity) if path and resume else None
            if trial is None:
                label = f"{name}, seed {seed} ({number}/{total})"
                trial = Trial.make(entries[name].method, data, wanted, progress, label)
                if path and is_main_process():
                    trial.save(path, identity)
            trials[name].append(trial)
    trained = sum(trial.seconds for of_one in trials.values() for trial in of_one)
    comparison = _summary(data, tuple(seeds), trials, entries, max(time.perf_counter() - started, trained), facts)
    if out is not None and is_main_process():
        write_json(Path(out) / "comparison.json", comparison.to_dict())
    return comparison


def _summary(
    data: PairedFeatures,
    seeds: tuple[int, ...],
    trials: Mapping[str, Sequence[Trial]],
    entries: Mapping[str, Entry],
    seconds: float,
    facts: Mapping[str, Any],
) -> Comparison:
    """What the trials come to."""
    first = next(iter(trials.values()))[0].summaries[OWN]
    metric = next(metric for metric in RANKED_BY if metric in first)
    whole = {name: of_one for name, of_one in trials.items() if entries[name].kind != "ablation"}
    controls: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if entry.kind == "control":
            controls.setdefault(entry.method, []).append(name)
    return Comparison(
        corpus=data.provenance.source,
        modalities=data.names,
        seeds=seeds,
        queries=first["queries"],
        metric=metric,
        chance_map=first.get("chance_map"),
        methods={name: _result(of_one, metric) for name, of_one in whole.items()},
        ablation={name: _result(of_one, metric) for name, of_one in trials.items() if name not in whole},
        controls=controls,
        paired_tests=_paired_tests(trials, entries, [metric, *(other for other in ALSO_TESTED if other in first)]),
        seconds=round(seconds, 3),
        per_class={name: _per_class(of_one) for name, of_one in whole.items() if "per_class" in first},
        settings={name: of_one[0].settings for name, of_one in whole.items()},
        notes=tuple(data.provenance.notes),
        warnings=tuple(data.provenance.warnings),
        **facts,
    )


def _paired_tests(
    trials: Mapping[str, Sequence[Trial]], entries: Mapping[str, Entry], metrics: Sequence[str]
) -> list[PairedTest]:
    """Every method against the first one, and every control and ablation against its whole method."""
    first, *others = trials
    pairs = [(first if entries[name].kind == "method" else entries[name].method, name) for name in others]
    return [_test(a, b, trials, metric) for metric in metrics for a, b in pairs]


def _test(a: str, b: str, trials: Mapping[str, Sequence[Trial]], metric: str) -> PairedTest:
    found = paired_bootstrap(*(_mean_values(trials[name], OWN, metric) for name in (a, b)))
    ahead = sum(x > y for x, y in zip(*(_per_seed(trials[name], metric) for name in (a, b))))
    return PairedTest(
        a, b, metric, found["difference"], tuple(found["ci95"]), found["p_value"], found["queries"], seeds_ahead=ahead
    )


def _result(trials: Sequence[Trial], metric: str) -> MethodResult:
    return MethodResult(
        _scores(trials, OWN),
        tuple(_per_seed(trials, metric)),
        round(sum(trial.seconds for trial in trials), 3),
        {name: _scores(trials, name) for name in trials[0].summaries if name != OWN},
    )


def _per_class(trials: Sequence[Trial]) -> dict[str, SeedScore]:
    tables = [trial.summaries[OWN]["per_class"] for trial in trials]
    return {label: _over_seeds([table[label] for table in tables]) for label in tables[0]}


def _scores(trials: Sequence[Trial], variant: str) -> dict[str, SeedScore]:
    """Every metric that has both directions, over the seeds."""
    found: dict[str, SeedScore] = {}
    for metric in trials[0].per_query[variant]:
        if metric == "chance_map":  # no method's merit
            continue
        interval = mean_interval(_mean_values(trials, variant, metric)) if metric in WITH_INTERVAL else None
        found[metric] = _over_seeds([trial.summaries[variant][metric] for trial in trials], interval)
    return found


def _over_seeds(values: Sequence[Mapping[str, float | None]], ci95: Interval | None = None) -> SeedScore:
    """Means of both directions and of their mean, and the latter's standard deviation (None of one seed)."""
    table = {way: [math.nan if v[way] is None else float(v[way] or 0.0) for v in values] for way in WAYS}
    mean = statistics.fmean(table["mean"])
    std = float(np.std(table["mean"], ddof=1)) if len(values) > 1 else None
    return SeedScore({way: statistics.fmean(table[way]) for way in DIRECTIONS}, mean, std, ci95)


def _per_seed(trials: Sequence[Trial], metric: str) -> list[float]:
    """Means of both directions."""
    return [trial.summaries[OWN][metric]["mean"] for trial in trials]


def _mean_values(trials: Sequence[Trial], variant: str, metric: str) -> Directions:
    """Mean over the seeds of every query's value."""
    columns = [trial.per_query[variant][metric] for trial in trials]
    return {way: torch.stack([column[way] for column in columns]).mean(0) for way in columns[0]}


def _judged_by(data: PairedFeatures) -> list[torch.Tensor]:
    """Labels, and all that is known besides."""
    return [*([] if data.targets is None else [data.targets]), *data.truth.values()]
