"""What the seeds of a loss say together: means and intervals, mean series, and paired tests between losses."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from overtone.diagnosis import Evidence, verdict
from overtone.evaluation import paired_seed_test, student_interval
from overtone.experiments.grid import Trial
from overtone.experiments.probes.diagnosis import SeedTest
from overtone.experiments.probes.metrics import GEOMETRY, RETRIEVAL
from overtone.experiments.probes.results import WATCHED, ClassVariance, Measured, ProbeResult, Series

_TESTED = ("intra_variance", "centroid_distance", "variance_ratio", "recall@1", "map")
"""Quantities by which every two losses are tested against each other."""
_UNCOUNTED = "Nothing: the loss does not count its terms, so it has no active ratio."


def collect_evidence(trials: Sequence[Trial], before: Mapping[str, Any] | None) -> list[Evidence]:
    """What the rules of the verdict are given, one per seed; ``before`` are the figures of the features."""
    return [
        Evidence(
            variance=final,
            train_variance=final["train"],
            features_variance=before,
            greediness=final["greediness"],
            recall=final["recall@1"],
            features_recall=None if before is None else before["recall@1"],
        )
        for final in (trial.values["final"] for trial in trials)
    ]


def summarise_loss(trials: Sequence[Trial], evidence: Sequence[Evidence]) -> ProbeResult:
    """What one loss does, over the seeds."""
    finals = [trial.values["final"] for trial in trials]
    watched, distances = ([final[name] for final in finals] for name in ("greediness", "centroid_distance"))
    epochs = [trial.values["epochs"] for trial in trials]
    columns = {name: [_number(final, name) for final in finals] for name in (*GEOMETRY, *RETRIEVAL)}
    columns |= {name: [_last(series[name]) for series in epochs] for name in WATCHED}
    columns |= {f"mean_{name}": [_mean(series[name]) for series in epochs] for name in WATCHED}
    columns |= {
        "loss_decay_rate": [one["loss_decay_rate"] for one in watched],
        "updates_to_half": [one["half_compaction"] for one in watched],
        "centroid_distance": [one["mean"] for one in distances],
        "intra_variance_std": [final["intra_variance_std"] for final in finals],
        "centroid_distance_std": [one["std"] for one in distances],
        "unevenness": [one["std"] / one["mean"] if one["mean"] else None for one in distances],
        "train_intra_variance": [final["train"]["intra_variance"] for final in finals],
    }
    return ProbeResult(
        measures={name: _over_seeds(values) for name, values in columns.items()},
        smallest_gap_classes=tuple(finals[0]["smallest_gap_classes"]),
        per_class={
            name: ClassVariance(_mean([final["per_class"][name]["variance"] for final in finals]), first["rows"])
            for name, first in finals[0]["per_class"].items()
        },
        verdict=verdict(Evidence.mean(evidence)),
        series=_mean_series(epochs),
        evaluations=_mean_series([trial.values["evaluations"] for trial in trials]),
        active_means=watched[0]["active_means"] if watched[0]["active_by"] == "terms" else _UNCOUNTED,
        settings=trials[0].values["settings"],
        seconds=round(sum(trial.values["seconds"] for trial in trials), 3),
    )


def compare_losses(trials: Mapping[str, Sequence[Trial]]) -> list[SeedTest]:
    """Every two losses, seed by seed, in the quantities of :data:`_TESTED`; empty for a single seed."""
    found = []
    for (a, of_a), (b, of_b) in itertools.combinations(trials.items(), 2):
        for quantity in _TESTED if len(of_a) > 1 else ():
            first, second = ([_number(trial.values["final"], quantity) for trial in some] for some in (of_a, of_b))
            if None not in (*first, *second):
                found.append(
                    SeedTest.from_dict({"a": a, "b": b, "quantity": quantity, **paired_seed_test(first, second)})
                )
    return found


def _over_seeds(values: Sequence[float | None]) -> Measured:
    """Mean, standard deviation and Student's interval over seeds; seeds without a value are left out."""
    known = [value for value in values if value is not None]
    mean = statistics.fmean(known) if known else None
    if len(known) < 2:
        return Measured(mean, values=tuple(values))
    return Measured(mean, statistics.stdev(known), student_interval(known), tuple(values))


def _mean_series(series: Sequence[Series]) -> Series:
    """Mean over the seeds, place by place; None where no seed has a number."""
    names = dict.fromkeys(name for one in series for name in one)
    return {
        name: [_mean(column) for column in itertools.zip_longest(*(one.get(name, []) for one in series))]
        for name in names
    }


def _last(values: Sequence[float | None]) -> float | None:
    """The last number there is: some are not measured in every epoch."""
    return next((value for value in reversed(values) if value is not None), None)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _number(final: Mapping[str, Any], name: str) -> float | None:
    value = final.get(name)
    if isinstance(value, Mapping):
        value = value["mean"]
    return None if value is None else float(value)
