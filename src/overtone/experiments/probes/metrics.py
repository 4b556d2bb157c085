"""What is measured of an embedding while a head is trained: geometry and retrieval, on test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.diagnosis import variance
from overtone.evaluation import Evaluation, evaluate, evaluate_within
from overtone.experiments.probes.data import LabelledRows, ProbeData
from overtone.experiments.probes.results import Series
from overtone.training.embedding import in_blocks

RETRIEVAL = ("recall@1", "map@r", "map")
GEOMETRY = ("intra_variance", "between_variance", "variance_ratio", "smallest_gap", "effective_rank")


class Heads(nn.Module):
    """One head per view into one space, linear or with a layer of ``hidden`` units; embeddings have unit length."""

    def __init__(self, dims: Sequence[int], embedding_dim: int, hidden: int = 0) -> None:
        super().__init__()
        self.heads = nn.ModuleList(self._head(dim, embedding_dim, hidden) for dim in dims)

    @staticmethod
    def _head(dim: int, embedding_dim: int, hidden: int) -> nn.Module:
        if not hidden:
            return nn.Linear(dim, embedding_dim)
        return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, embedding_dim))

    def forward(self, views: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(n, d) features of every view to (n, e) embeddings of every view."""
        return tuple(F.normalize(head(view).float(), dim=1) for head, view in zip(self.heads, views))

    def embed(self, rows: LabelledRows, memory_mb: int) -> tuple[Tensor, ...]:
        """(n, e) embeddings of every view, on the CPU, computed in blocks and without gradient."""

        def block(part: Tensor, side: int) -> dict[str, Tensor]:
            return {"": F.normalize(self.heads[side](part).float(), dim=1).cpu()}

        self.eval()
        found = tuple(in_blocks(block, view, side, memory_mb)[""] for side, view in enumerate(rows.views))
        self.train()
        return found


class ProbeMetrics:
    """Measures heads again and again on the same rows, at most ``sample`` of either split, and keeps the series."""

    def __init__(self, data: ProbeData, sample: int, memory_mb: int) -> None:
        self.data, self.sample, self.memory_mb = data, sample, memory_mb
        self.series: Series = {}

    def measure(self, heads: Heads, epoch: int, updates: int) -> None:
        """Measure on a sample of the rows and add it to the series, at the epochs and updates that are done."""
        self._record(epoch, updates, self._measured(heads, self.sample, self.sample)[0])

    def finish(self, heads: Heads, epoch: int, updates: int) -> tuple[dict[str, Any], tuple[Tensor, ...]]:
        """Measure the finished heads on all test rows, and add the last entry to the series.

        Returns:
            Every quantity, those of the training rows under ``train``, and the embeddings of all test rows.
        """
        final, views = self._measured(heads, len(self.data.test), 5 * self.sample)
        sampled = max(len(self.data.test), len(self.data.train)) > self.sample
        self._record(epoch, updates, self._measured(heads, self.sample, self.sample)[0] if sampled else final)
        return final, views

    def _measured(self, heads: Heads, most: int, most_train: int) -> tuple[dict[str, Any], tuple[Tensor, ...]]:
        test, train = self.data.test.spaced(most), self.data.train.spaced(most_train)
        views = heads.embed(test, self.memory_mb)
        return {
            **measure_space(views, test.labels, self.data.class_names),
            "train": measure_space(heads.embed(train, self.memory_mb), train.labels),
            **measure_retrieval(views, test.labels, self.memory_mb),
        }, views

    def _record(self, epoch: int, updates: int, found: dict[str, Any]) -> None:
        values = {
            "epoch": epoch,
            "updates": updates,
            **{name: found[name] for name in GEOMETRY},
            "centroid_distance": found["centroid_distance"]["mean"],
            "train_intra_variance": found["train"]["intra_variance"],
            **{name: found[name] for name in RETRIEVAL},
        }
        for name, value in values.items():
            self.series.setdefault(name, []).append(value)


def measure_space(views: Sequence[Tensor], labels: Tensor, names: Sequence[str] | None = None) -> dict[str, Any]:
    """The figures of :func:`overtone.diagnosis.variance` of all views' rows together: one cloud per class."""
    return variance(torch.cat(list(views)), torch.cat([labels.cpu()] * len(views)), classes=names).to_dict()


def measure_retrieval(views: Sequence[Tensor], labels: Tensor, memory_mb: int) -> dict[str, float]:
    """The metrics of :data:`RETRIEVAL`: within one view, each row without itself; of two views, in both directions."""
    options: dict[str, Any] = {"memory_mb": memory_mb, "bootstrap": 0, "warn": False}
    labels = labels.cpu()
    if len(views) == 2:
        found: Evaluation = evaluate(views[0], views[1], labels, **options)
    else:
        found = evaluate_within(views[0], labels, **options)
    return {name: found.to_dict()[name]["mean"] for name in RETRIEVAL}
