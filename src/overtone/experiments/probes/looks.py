"""Looks at an embedding while it is learnt: geometry and retrieval on rows that nothing is learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from overtone.diagnosis import variance
from overtone.evaluation import Evaluation, evaluate, evaluate_within
from overtone.experiments.probes.head import Heads
from overtone.experiments.probes.material import Exercise, LabelledRows, weights_of
from overtone.training.loop import in_blocks

Views = tuple[Tensor, ...]

RETRIEVAL = ("recall@1", "map@r", "map")
GEOMETRY = (
    "intra_variance",
    "between_variance",
    "variance_ratio",
    "smallest_gap",
    "effective_rank",
)


def embedded(heads: Heads, rows: LabelledRows, memory_mb: int) -> Views:
    """(n, e) embeddings of every view, on the CPU, computed in blocks and without gradient."""

    def block(part: Tensor, side: int) -> dict[str, Tensor]:
        return {"": torch.nn.functional.normalize(heads.heads[side](part).float(), dim=1).cpu()}

    heads.eval()
    found = tuple(in_blocks(block, view, side, memory_mb)[""] for side, view in enumerate(rows.views))
    heads.train()
    return found


def geometry(views: Sequence[Tensor], labels: Tensor, names: Sequence[str] | None = None) -> dict[str, Any]:
    """The VARIANCE quantities of all views' rows taken together: one space, so one cloud per class."""
    return variance(torch.cat(list(views)), torch.cat([labels.cpu()] * len(views)), classes=names).to_dict()


def retrieval(views: Sequence[Tensor], labels: Tensor, memory_mb: int) -> Evaluation:
    """Within one view, every row without itself; across two, in both directions."""
    options: dict[str, Any] = {"memory_mb": memory_mb, "bootstrap": 0, "recall_at": (1, 5, 10)}
    if len(views) == 2:
        return evaluate(views[0], views[1], weights_of(labels.cpu()), **options)
    return evaluate_within(views[0], weights_of(labels.cpu()), **options)


@dataclass
class Looks:
    """Measures heads now and then, always on the same rows.

    Attributes:
        exercise: Training and test rows.
        sample: Rows at most of either.
        memory_mb: Bound of blocks.
        series: ``epoch``, ``updates`` and every quantity, one value a look.
    """

    exercise: Exercise
    sample: int
    memory_mb: int
    series: dict[str, list[float]] = field(default_factory=dict)

    def take(self, heads: Heads, epoch: int, updates: int) -> None:
        """Look once.

        Args:
            heads: As they are now.
            epoch: Epochs done.
            updates: Steps of the optimiser done.
        """
        test, train = (rows.spaced(self.sample) for rows in (self.exercise.test, self.exercise.train))
        views = embedded(heads, test, self.memory_mb)
        found = geometry(views, test.labels)
        known = geometry(embedded(heads, train, self.memory_mb), train.labels)
        judged = retrieval(views, test.labels, self.memory_mb).to_dict()
        values = {
            "epoch": epoch,
            "updates": updates,
            **{name: found[name] for name in GEOMETRY},
            "centroid_distance": found["centroid_distance"]["mean"],
            "train_intra_variance": known["intra_variance"],
            **{name: judged[name]["mean"] for name in RETRIEVAL},
        }
        for name, value in values.items():
            self.series.setdefault(name, []).append(value)

    def last(self, heads: Heads) -> tuple[dict[str, Any], Evaluation, Views]:
        """Everything of the finished heads, on all test rows.

        Returns:
            The numbers, the evaluation with its values per query, and the embeddings of all test rows.
        """
        test, train = self.exercise.test, self.exercise.train.spaced(5 * self.sample)
        views = embedded(heads, test, self.memory_mb)
        judged = retrieval(views, test.labels, self.memory_mb)
        return (
            {
                **geometry(views, test.labels, self.exercise.class_names),
                "train": geometry(embedded(heads, train, self.memory_mb), train.labels),
                **{name: judged.to_dict()[name]["mean"] for name in RETRIEVAL},
            },
            judged,
            views,
        )
