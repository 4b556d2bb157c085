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

from overtone import __version__
from overtone.core import InputError, unknown_name
from overtone.core.files import checksum, write_json
from overtone.evaluation import mean_interval, paired_bootstrap
from overtone.features import PairedFeatures
from overtone.methods.base import methods as registered
from overtone.training.progress import Callback
from overtone.training.settings import TrainingSettings
from overtone.training.trial import OWN, Directions, Trial

RANKED_BY = ("map", "instance_recall@10")
"""What methods are ranked and tested by: mAP, or where there are no labels the finding of the own partner."""
WAYS = ("a2v", "v2a", "mean")
WITH_INTERVAL = ("map", "map_events", "map_running", "recall@1", "instance_recall@1", "instance_recall@10")


@dataclass
class Comparison:
    """Methods side by side.

    Attributes:
        corpus: What the data is called.
        modalities: The two modalities' names.
        seeds: Every method was trained with each of them; a closed form is, too, and its std of 0 is the truth.
        trials: Method, or ``method/ablation``, to one trial per seed.
        seconds: Time the whole comparison took, with the runs that an earlier, interrupted call made.
        facts: What else belongs into a report: data checksum, versions, notes and warnings.
        report: Where the report is, once there is one.
    """

    corpus: str
    modalities: tuple[str, str]
    seeds: tuple[int, ...]
    trials: dict[str, list[Trial]]
    seconds: float
    facts: dict[str, Any]
    report: Path | None = None

    @property
    def ranked_by(self) -> str:
        """The metric that methods are ranked and tested by."""
        summary = next(iter(self.trials.values()))[0].summaries[OWN]
        return next(metric for metric in RANKED_BY if metric in summary)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON-able values.

        ``std`` is over the seeds, ``ci95`` a bootstrap interval over the queries of the seeds' mean. A paired test
        compares the seeds' means of two methods query by query; ``seeds_ahead`` counts the seeds with which ``a`` is
        better.
        """
        first = next(iter(self.trials.values()))[0].summaries[OWN]
        return {
            "corpus": self.corpus,
            "modalities": list(self.modalities),
            "seeds": list(self.seeds),
            "queries": first["queries"],
            "metric": self.ranked_by,
            "chance_map": first.get("chance_map"),
            "methods": {name: self._entry(trials) for name, trials in self.trials.items() if "/" not in name},
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

    def paired_tests(self) -> list[dict[str, Any]]:
        """Every method against the first one, and every ablation against its whole method."""
        names = list(self.trials)
        pairs = [(name.partition("/")[0] if "/" in name else names[0], name) for name in names[1:]]
        return [{"a": a, "b": b, **self._test(a, b)} for a, b in pairs]

    def _test(self, a: str, b: str) -> dict[str, Any]:
        metric = self.ranked_by
        found = paired_bootstrap(_mean_values(self.trials[a], OWN, metric), _mean_values(self.trials[b], OWN, metric))
        ahead = sum(x > y for x, y in zip(self._per_seed(self.trials[a]), self._per_seed(self.trials[b])))
        return {"metric": metric, **found, "seeds_ahead": ahead}

    def _per_seed(self, trials: Sequence[Trial]) -> list[float]:
        return [trial.summaries[OWN][self.ranked_by]["mean"] for trial in trials]

    def _entry(self, trials: Sequence[Trial]) -> dict[str, Any]:
        variants = [name for name in trials[0].summaries if name != OWN]
        return {
            **_numbers(trials, OWN),
            "seeds": self._per_seed(trials),
            "seconds": round(sum(trial.seconds for trial in trials), 3),
            "variants": {name: _numbers(trials, name) for name in variants},
        }


def compare(
    methods: Sequence[str],
    data: PairedFeatures,
    *,
    seeds: Sequence[int] = range(5),
    ablate: bool = False,
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
        settings: Setting names to values, each for every method that has it; a method's name to a mapping is for that
            method alone.
        out: Folder for one file per trial (``results/``) and ``comparison.json``; None keeps all in memory.
        resume: Take trials that ``out`` holds already from there, if data, settings and versions are the same;
            otherwise, and by default, they are made again.
        progress: Called after every epoch.

    Returns:
        The comparison, with one trial per method, ablation and seed.

    Raises:
        InputError: An unknown method, a setting that none of the methods has, no seed, or no test split.
        TrainingStopped: A run diverged or collapsed.
    """
    if "test" not in data.splits:
        raise InputError("the data has no split 'test' to compare on", got=", ".join(data.splits) or "no splits")
    if not seeds or not methods:
        raise InputError("a comparison needs at least one method and one seed", got=f"{list(methods)}, {list(seeds)}")
    started = time.perf_counter()
    entries = _entries(methods, settings or {}, ablate)
    facts = {
        "checksum": checksum(*data.modalities.values(), *data.splits.values(), *_judged_by(data)),
        "versions": {"overtone": __version__, "torch": torch.__version__},
    }
    trials: dict[str, list[Trial]] = {name: [] for name in entries}
    total = len(entries) * len(seeds)
    for number, (name, seed) in enumerate(((name, seed) for name in entries for seed in seeds), 1):
        wanted = {**entries[name], "seed": seed}
        path = Path(out) / "results" / name / f"seed-{seed}.safetensors" if out is not None else None
        identity = {"name": name, "settings": wanted, **facts}
        trial = Trial.load(path, identity) if path and resume else None
        if trial is None:
            label = f"{name}, seed {seed} ({number}/{total})"
            trial = Trial.make(name.partition("/")[0], data, wanted, progress, label)
            if path and _writes():
                trial.save(path, identity)
        trials[name].append(trial)
    source = data.provenance
    facts |= {"notes": list(source.notes), "warnings": list(source.warnings)}
    trained = sum(trial.seconds for of_one in trials.values() for trial in of_one)
    seconds = max(time.perf_counter() - started, trained)
    comparison = Comparison(source.source, data.names, tuple(seeds), trials, seconds, facts)
    if out is not None and _writes():
        write_json(Path(out) / "comparison.json", comparison.to_dict())
    return comparison


def _entries(methods: Sequence[str], settings: Mapping[str, Any], ablate: bool) -> dict[str, dict[str, Any]]:
    """Methods, and with ``ablate`` ``method/ablation``, to the settings each is trained with."""
    kinds = {name: registered[name] for name in methods}
    loop = TrainingSettings.model_fields
    valid = {*loop, *kinds, *(name for kind in kinds.values() for name in kind.settings_type.model_fields)} - {"seed"}
    for name in settings:
        if name == "seed":
            raise InputError("a comparison sets the seed itself", fix="say which seeds instead")
        if name not in valid:
            raise unknown_name(f"setting of {', '.join(kinds)}", name, valid)
    entries: dict[str, dict[str, Any]] = {}
    ablations: dict[str, dict[str, Any]] = {}
    for name, kind in kinds.items():
        fits = {key: value for key, value in settings.items() if key in loop or key in kind.settings_type.model_fields}
        entries[name] = {**fits, **(settings.get(name) or {})}
        for term, off in kind.ablations().items() if ablate else ():
            ablations[f"{name}/{term}"] = {**entries[name], **off}
    return {**entries, **ablations}


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


def _mean_values(trials: Sequence[Trial], variant: str, metric: str) -> Directions:
    """Mean over the seeds of every query's value."""
    columns = [trial.per_query[variant][metric] for trial in trials]
    return {way: torch.stack([column[way] for column in columns]).mean(0) for way in columns[0]}


def _judged_by(data: PairedFeatures) -> list[torch.Tensor]:
    """Labels, and all events where they are known."""
    return [*([] if data.targets is None else [data.targets]), *(data.events or ())]


def _writes() -> bool:
    return os.environ.get("RANK", "0") == "0"
