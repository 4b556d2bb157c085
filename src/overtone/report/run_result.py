"""What the report of a run reads: the run, its test rows, their embeddings and their evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation import Evaluation, Score, counterpart_ranks, find_metric, mean_interval
from overtone.features import PairedFeatures
from overtone.report.maps import Floats, Ints, unit
from overtone.report.words import directions_of, listed, metadata_in_words
from overtone.training import Run

_STRONG = 0.5  # soft label from which a class is named
_MOST_DRAWN = 20_000
"""Queries up to which metrics other than mAP get an interval: a thousand resamples of more take too long for a page."""
_LEADING = ("map", "instance_recall@10", "instance_recall@1")
"""The metric that the summary leads with, the first that there is: mAP, or without labels the true counterpart."""


class Hit(NamedTuple):
    """One item of a ranking: its row, and its cosine similarity to the query."""

    row: int
    similarity: float


@dataclass(frozen=True)
class RunResult:
    """A run on its test rows."""

    run: Run
    data: PairedFeatures
    test: PairedFeatures  # the test rows of the data
    evaluation: Evaluation  # of the test rows
    embeddings: tuple[Floats, Floats]  # (N, e) per modality, test rows of length one

    @classmethod
    def of(cls, run: Run, data: PairedFeatures, evaluation: Evaluation, embeddings: Mapping[str, Tensor]) -> RunResult:
        """The result from the arguments of :func:`~overtone.report.run_report`, whose errors it raises."""
        test = data.split("test") if data.splits else data
        counts = {"items evaluated": evaluation.gallery, "rows embedded": len(next(iter(embeddings.values())))}
        for what, count in counts.items():
            if count != len(test):
                raise InputError(
                    "report: the evaluation is not of these rows",
                    got=f"{count} {what} and {len(test)} test rows",
                    fix="evaluate the same split of the same data",
                )
        first, second = (unit(rows.detach().cpu().numpy().astype(np.float64)) for rows in embeddings.values())
        return cls(run, data, test, evaluation, (first, second))

    @property
    def arrows(self) -> dict[str, str]:
        """The directions by their key: ``{"a2v": "audio → visual", ...}``."""
        return directions_of(self.test.names)

    def modalities(self, way: str) -> tuple[str, ...]:
        """The modality of the queries and that of the gallery in a direction."""
        return self.test.names if way == "a2v" else self.test.names[::-1]

    @cached_property
    def scores(self) -> dict[str, Score]:
        """Every metric, with an interval where it is a mean over queries."""
        found = dict(self.evaluation.scores)
        for key, score in found.items():
            metric, values = find_metric(key), self.evaluation.per_query.get(key)
            mean = metric is not None and metric.better == "high" and metric.summary is np.mean
            if mean and values is not None and score.ci95 is None and len(self.test) <= _MOST_DRAWN:
                found[key] = replace(score, ci95=mean_interval(dict(values)))
        return found

    @property
    def leading(self) -> str | None:
        """The metric that the summary leads with."""
        return next((name for name in _LEADING if name in self.evaluation), None)

    @property
    def chance(self) -> float | None:
        """mAP of a random order."""
        return self.evaluation["chance_map"].mean if "chance_map" in self.evaluation else None

    @cached_property
    def average_precision(self) -> dict[str, Floats]:
        """Direction to (N,) average precision of each query; empty where single queries are not known."""
        return {way: values.cpu().numpy() for way, values in self.evaluation.average_precision.items()}

    @cached_property
    def ranks(self) -> dict[str, Floats]:
        """Direction to (N,) rank of each query's true counterpart."""
        known = self.evaluation.per_query.get("median_rank")
        if known is not None:
            return {way: values.cpu().numpy() for way, values in known.items()}
        first, second = self.embeddings
        return {"a2v": counterpart_ranks(first, second), "v2a": counterpart_ranks(second, first)}

    def ranking(self, way: str, row: int, length: int) -> list[Hit]:
        """The first items that a query finds; equal similarities in the order of the rows."""
        queries, gallery = self.embeddings if way == "a2v" else self.embeddings[::-1]
        similarity = gallery @ queries[row]
        return [Hit(int(at), float(similarity[at])) for at in np.argsort(-similarity, kind="stable")[:length]]

    @property
    def labelled(self) -> bool:
        """Whether the data has labels."""
        return self.test.labels is not None

    @cached_property
    def strongest(self) -> Ints:
        """(N,) class code of each row's label, of several the strongest; -1 for none."""
        labels = self.test.labels
        if labels is None:
            return np.full(len(self.test), -1)
        found = labels.cpu().numpy()
        return found if found.ndim == 1 else np.where(found.max(1) > 0, found.argmax(1), -1)

    def described(self, row: int) -> str:
        """The metadata of a row in words; empty without any."""
        return metadata_in_words({name: values[row] for name, values in self.test.metadata.items()})

    def share_class(self, row: int, other: int) -> bool:
        """Whether two rows have a class in common."""
        labels = self.test.labels
        if labels is None or labels.dim() == 1:
            return bool(self.strongest[row] >= 0 and self.strongest[row] == self.strongest[other])
        return bool(((labels[row] > 0) & (labels[other] > 0)).any())

    @cached_property
    def labels(self) -> list[str]:
        """The classes of each row in words, empty without labels; of soft ones the strong or the strongest."""
        if self.test.labels is None:
            return [""] * len(self.test)
        names, targets = self.test.class_names, self.test.labels.cpu().numpy()
        if targets.ndim == 1:
            return [names[code] if code >= 0 else "no class" for code in targets.tolist()]
        strong = targets >= np.minimum(_STRONG, targets.max(1, keepdims=True)).clip(1e-12)
        return [listed([names[at] for at in np.flatnonzero(row)]) or "no class" for row in strong]

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """One record per epoch; empty for a method that is solved in closed form."""
        return [record for record in self.run.history if record.get("epoch", 1) > 0]

    @property
    def criterion(self) -> str | None:
        """Entry of the history by which the epoch was chosen; None if the last one was kept."""
        select = self.run.settings.get("select", "last")
        return None if select == "last" else f"val_{select}"

    @property
    def chosen(self) -> int | None:
        """The epoch whose weights were kept; None if there was no choice."""
        return self.run.info.get("chosen_epoch") if self.history and self.criterion else None
