"""The table of a paper: methods over seeds on one test split, with intervals, paired tests and ablations."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from overtone.core import InputError
from overtone.core.files import checksum, write_json
from overtone.core.version import __version__
from overtone.evaluation import mean_interval, paired_bootstrap
from overtone.experiments.entries import Entry, entries_of
from overtone.experiments.trial import OWN, Directions, Trial
from overtone.features import PairedFeatures
from overtone.interactions import sharing
from overtone.training.progress import Callback

RANKED_BY = ("map", "instance_recall@10")
"""What methods are ranked and tested by: mAP, or where there are no labels the finding of the own partner."""
ALSO_TESTED = ("map_events",)
"""What they are tested by besides, where it is known."""
WAYS = ("a2v", "v2a", "mean")
WITH_INTERVAL = ("map", "map_events", "map_running", "recall@1", "instance_recall@1", "instance_recall@10")


@dataclass
class Comparison:
    """Methods side by side.

    Attributes:
        corpus: What the data is called.
        modalities: The two modalities' names.
        seeds: Every method was trained with each of them; a closed form is, too, and its std of 0 is the truth.
        trials: Method, control, or ``method/ablation``, to one trial per seed.
        entries: What was trained under each of these names.
        seconds: Time the whole comparison took, with the runs that an earlier, interrupted call made.
        facts: What else belongs into a report: data checksum, versions, notes and warnings.
        report: Where the report is, once there is one.
    """

    corpus: str
    modalities: tuple[str, str]
    seeds: tuple[int, ...]
    trials: dict[str, list[Trial]]
    entries: dict[str, Entry]
    seconds: float
    facts: dict[str, Any]
    report: Path | None = None

    @property
    def ranked_by(self) -> str:
        """The metric that methods are ranked and tested by."""
        return next(metric for metric in RANKED_BY if metric in self._first)

    @property
    def tested_by(self) -> list[str]:
        """All metrics that methods are tested by."""
        return [self.ranked_by, *(metric for metric in ALSO_TESTED if metric in self._first)]

    @property
    def _first(self) -> dict[str, Any]:
        return next(iter(self.trials.values()))[0].summaries[OWN]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON-able values.

        ``std`` is over the seeds, ``ci95`` a bootstrap interval over the queries of the seeds' mean. A paired test
        compares the seeds' means of two methods query by query; ``seeds_ahead`` counts the seeds with which ``a`` is
        better.
        """
        first = self._first
        return {
            "corpus": self.corpus,
            "modalities": list(self.modalities),
            "seeds": list(self.seeds),
            "queries": first["queries"],
            "metric": self.ranked_by,
            "chance_map": first.get("chance_map"),
            "methods": {name: self._entry(trials) for name, trials in self.trials.items() if "/" not in name},
            "controls": self.controls(),
            "paired_tests": self.paired_tests(),
            "ablation": {name: self._entry(trials) for name, trials in self.trials.items() if "/" in name},
            "seconds": round(self.seconds, 3),
            "report": None if self.report is None else str(self.report),
        }

    def details(self) -> dict[str, Any]:
        """What a report shows beside the numbers: every method's settings and mAP per class, where the data is from."""
        per_class = {
            name: {label: _over_seeds([s["per_class"][label] for s in found]) for label in found[0]["per_class"]}
            for name, trials in self.trials.items()
            if "/" not in name and "per_class" in (found := [trial.summaries[OWN] for trial in trials])[0]
        }
        settings = {name: trials[0].settings for name, trials in self.trials.items() if "/" not in name}
        return {"per_class": per_class, "settings": settings, **self.facts}

    def controls(self) -> dict[str, list[str]]:
        """Method to the names of its controls, for methods that were trained with some."""
        found: dict[str, list[str]] = {}
        for name, entry in self.entries.items():
            if entry.kind == "control":
                found.setdefault(entry.method, []).append(name)
        return found

    def paired_tests(self) -> list[dict[str, Any]]:
        """Every method against the first one, and every control and ablation against its whole method."""
        first = next(iter(self.trials))
        pairs = [
            (first if self.entries[name].kind == "method" else self.entries[name].method, name)
            for name in self.trials
            if name != first
        ]
        return [{"a": a, "b": b, **self._test(a, b, metric)} for metric in self.tested_by for a, b in pairs]

    def _test(self, a: str, b: str, metric: str) -> dict[str, Any]:
        found = paired_bootstrap(_mean_values(self.trials[a], OWN, metric), _mean_values(self.trials[b], OWN, metric))
        ahead = sum(x > y for x, y in zip(_per_seed(self.trials[a], metric), _per_seed(self.trials[b], metric)))
        return {"metric": metric, **found, "seeds_ahead": ahead}

    def _entry(self, trials: Sequence[Trial]) -> dict[str, Any]:
        variants = [name for name in trials[0].summaries if name != OWN]
        return {
            **_numbers(trials, OWN),
            "seeds": _per_seed(trials, self.ranked_by),
            "seconds": round(sum(trial.seconds for trial in trials), 3),
            "variants": {name: _numbers(trials, name) for name in variants},
        }


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
    progress: Callback | None = None,
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
                if path and _writes():
                    trial.save(path, identity)
            trials[name].append(trial)
    source = data.provenance
    facts |= {"notes": list(source.notes), "warnings": list(source.warnings)}
    trained = sum(trial.seconds for of_one in trials.values() for trial in of_one)
    seconds = max(time.perf_counter() - started, trained)
    comparison = Comparison(source.source, data.names, tuple(seeds), trials, entries, seconds, facts)
    if out is not None and _writes():
        write_json(Path(out) / "comparison.json", comparison.to_dict())
    return comparison


def _numbers(trials: Sequence[Trial], variant: str) -> dict[str, Any]:
    """Every metric that has both directions, over the seeds."""
    found: dict[str, Any] = {}
    for metric in trials[0].per_query[variant]:
        if metric == "chance_map":  # no method's merit
            continue
        found[metric] = _over_seeds([trial.summaries[variant][metric] for trial in trials])
        if metric in WITH_INTERVAL:
            found[metric]["ci95"] = list(mean_interval(_mean_values(trials, variant, metric)))
    return found


def _over_seeds(values: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Means of both directions and of their mean, and the latter's standard deviation (None of one seed)."""
    table = {way: [math.nan if v[way] is None else float(v[way] or 0.0) for v in values] for way in WAYS}
    means: dict[str, Any] = {way: statistics.fmean(column) for way, column in table.items()}
    return {**means, "std": float(np.std(table["mean"], ddof=1)) if len(values) > 1 else None}


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


def _writes() -> bool:
    return os.environ.get("RANK", "0") == "0"
