"""From trials to what is said of a loss: means over the seeds with intervals, paired tests, the verdict."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from overtone.diagnosis import Evidence, recommend, verdict
from overtone.evaluation import paired_seed_test, student_interval
from overtone.experiments.probes.looks import GEOMETRY, RETRIEVAL
from overtone.experiments.probes.trial import HeadTrial, Series

TESTED = ("intra_variance", "centroid_distance", "variance_ratio", "recall@1", "map")
"""Quantities by which every two losses are tested against each other."""
WATCHED = ("active_ratio", "gradient_norm", "parameter_gradient_norm", "easy_share")


def loss_entry(trials: Sequence[HeadTrial], active_means: str, features: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of one loss.

    Args:
        trials: One per seed.
        active_means: When a term of the loss counts as active.
        features: The same quantities of the features before training.

    Returns:
        Means over the seeds, series over the training, intervals in ``over_seeds``, and the verdict.
    """
    finals = [trial.final for trial in trials]
    columns = {name: [_number(final, name) for final in finals] for name in (*GEOMETRY, *RETRIEVAL)}
    columns |= {name: [_last(trial.epochs[name]) for trial in trials] for name in WATCHED}
    columns |= {f"mean_{name}": [_mean(trial.epochs[name]) for trial in trials] for name in WATCHED}
    columns["loss_decay_rate"] = [final["greediness"]["loss_decay_rate"] for final in finals]
    columns["updates_to_half"] = [final["greediness"]["half_compaction"] for final in finals]
    columns["centroid_distance"] = [final["centroid_distance"]["mean"] for final in finals]
    columns["intra_variance_std"] = [final["intra_variance_std"] for final in finals]
    columns["centroid_distance_std"] = [final["centroid_distance"]["std"] for final in finals]
    columns["unevenness"] = [final["centroid_distance"]["std"] / final["centroid_distance"]["mean"] for final in finals]
    columns["train_intra_variance"] = [final["train"]["intra_variance"] for final in finals]
    over_seeds = {name: spread(values) for name, values in columns.items()}
    mean = {name: entry["mean"] for name, entry in over_seeds.items()}
    epochs = mean_series([trial.epochs for trial in trials])
    entry = {
        **mean,
        "centroid_distance": {"mean": mean["centroid_distance"], "std": mean.pop("centroid_distance_std")},
        "smallest_gap_classes": finals[0]["smallest_gap_classes"],
        "active_ratio": epochs["active_ratio"],
        "gradient_norm": epochs["gradient_norm"],
        "active_means": active_means,
        "settings": trials[0].settings,
        "seconds": round(sum(trial.seconds for trial in trials), 3),
        "over_seeds": over_seeds,
        "series": epochs,
        "looks": mean_series([trial.looks for trial in trials]),
        "per_class": _per_class(finals),
    }
    entry.pop("centroid_distance_std", None)
    return {**entry, "verdict": verdict(Evidence.mean(evidence_of(trials, features)))}


def evidence_of(trials: Sequence[HeadTrial], features: Mapping[str, Any]) -> list[Evidence]:
    """What the rules of the verdict look at, one per seed.

    Args:
        trials: One per seed.
        features: Figures of the features before training; without any where two views have no common space.
    """
    before = features if "intra_variance" in features else None
    return [
        Evidence(
            variance=trial.final,
            train_variance=trial.final["train"],
            features_variance=before,
            greediness=trial.final["greediness"],
            recall=trial.final["recall@1"],
            features_recall=None if before is None else before["recall@1"],
        )
        for trial in trials
    ]


def recommendation(trials: Mapping[str, Sequence[HeadTrial]], features: Mapping[str, Any]) -> dict[str, Any]:
    """Which loss for what, carried by the numbers; without sentences for fewer than two losses."""
    if len(trials) < 2:
        return {"sentences": []}
    return recommend({name: evidence_of(of_one, features) for name, of_one in trials.items()})


def paired_tests(trials: Mapping[str, Sequence[HeadTrial]]) -> list[dict[str, Any]]:
    """Every two losses, seed by seed, in the quantities of :data:`TESTED`; empty for a single seed."""
    found = []
    for (a, of_a), (b, of_b) in itertools.combinations(trials.items(), 2):
        for quantity in TESTED if len(of_a) > 1 else ():
            first, second = ([_number(trial.final, quantity) for trial in some] for some in (of_a, of_b))
            if None not in (*first, *second):
                found.append({"a": a, "b": b, "quantity": quantity, **paired_seed_test(first, second)})
    return found


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean, standard deviation and Student's interval over seeds; seeds without a value are left out."""
    known = [value for value in values if value is not None]
    several = len(known) > 1
    return {
        "mean": statistics.fmean(known) if known else None,
        "std": statistics.stdev(known) if several else None,
        "ci95": list(student_interval(known)) if several else None,
        "values": list(values),
    }


def mean_series(series: Sequence[Series]) -> Series:
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


def _per_class(finals: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Variance of each class, mean over the seeds."""
    return {
        name: {"variance": _mean([final["per_class"][name]["variance"] for final in finals]), "rows": first["rows"]}
        for name, first in finals[0]["per_class"].items()
    }
