"""Variants of a training on several corpora, with several seeds: their scores, and how far the first one is ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, stdev

import torch
from pages import table
from torch import Tensor

from overtone.evaluation import Evaluation, mean_interval, paired_bootstrap
from overtone.report.words import number, signed

MANY = 4
"""Variants above which not every one is compared with the first."""
CERTAIN = 0.001
"""p-values below this one are not written out."""


@dataclass
class Measured:
    """A variant on one corpus, a value or a tensor for each seed."""

    maps: list[float] = field(default_factory=list)
    per_query: list[dict[str, Tensor]] = field(default_factory=list)

    def add(self, evaluation: Evaluation) -> None:
        """Add the mAP of one more seed."""
        self.maps.append(evaluation["map"].mean)
        self.per_query.append(evaluation.per_query["map"])

    @property
    def mean(self) -> dict[str, Tensor]:
        """Direction to each query's mean over the seeds."""
        return {way: torch.stack([one[way] for one in self.per_query]).mean(0) for way in self.per_query[0]}


def score_tables(found: Mapping[str, Mapping[str, Measured]], what: str) -> str:
    """Two tables in Markdown, a column a corpus: the scores, and the leads of the first variant.

    Of many variants only the best of the others is compared with the first.

    Args:
        found: Title of a corpus to variant to what it reached.
        what: What the variants are, as the head of the first column.
    """
    names = list(dict.fromkeys(variant for one in found.values() for variant in one))
    first = names[0]
    scores = [[f"`{name}`", *(_score(one[name]) for one in found.values())] for name in names]
    if len(names) > MANY:
        best = [max(names[1:], key=lambda name: fmean(one[name].maps)) for one in found.values()]
        lead = [f"{_lead(one[first], one[name])}, `{name}`" for name, one in zip(best, found.values())]
        leads = [["the best of the others", *lead]]
    else:
        leads = [[f"`{name}`", *(_lead(one[first], one[name]) for one in found.values())] for name in names[1:]]
    return (
        "mAP ± standard deviation over the seeds (95 % interval over the queries):\n\n"
        f"{table([what, *found], scores)}\n\n"
        f"mAP of `{first}` minus that of the others, on the same queries (95 % interval; p < 0.001 unless given):\n\n"
        f"{table([what, *found], leads)}\n"
    )


def _score(measured: Measured) -> str:
    spread = f" ± {number(stdev(measured.maps))}" if len(measured.maps) > 1 else ""
    low, high = mean_interval(measured.mean)
    return f"{number(fmean(measured.maps))}{spread} ({number(low)}–{number(high)})"


def _lead(first: Measured, other: Measured) -> str:
    test = paired_bootstrap(first.mean, other.mean)
    low, high = test["ci95"]
    chance = "" if test["p_value"] < CERTAIN else f"; p = {number(test['p_value'])}"
    return f"{signed(test['difference'])} ({signed(low)} to {signed(high)}{chance})"
