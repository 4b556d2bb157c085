"""Settings of the student with interactions, of its teacher and of its graph."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from overtone.methods.metric_learning import MetricLearningSettings
from overtone.networks import ramp

UNINFORMED = ("none", "pairs")
"""Values of ``graph`` for which neither soft labels nor a graph is needed."""
AUTO = "auto"
"""Value of ``loss`` for the student's own: a label head, or triplets under a pull."""


class InteractionsSettings(MetricLearningSettings):
    """Settings of the student, and of its teacher and its graph."""

    renamed: ClassVar = {"excuse": "negative_relief", "switch": "graph_start", "rise": "graph_warmup"}

    student: Literal["heads", "lir"] = "heads"
    """heads: learns labels and event chances; lir: a metric loss and a pull along the graph's edges, as published."""
    loss: str = AUTO
    """A metric loss in place of the label head; auto: the label head, for lir triplet."""
    event_weight: float | None = Field(None, ge=0, le=1)
    """Share of the event chances in the similarity of clips; null: chosen by trials so that it does no harm."""
    weight: float = Field(0.35, ge=0)
    """Weight λ of the pull along the graph's edges, beside the metric loss."""
    graph_start: float = Field(0.3, ge=0, le=1)
    """Share of training with the metric loss alone, before the graph acts."""
    graph_warmup: float = Field(0.0, ge=0, le=1)
    """Share of training in which λ then rises linearly from 0."""
    negative_relief: float = Field(0.85, ge=0, le=1)
    """How far clips related by soft labels and graph are spared from being negatives of each other."""
    threshold: float = Field(0.5, ge=0, lt=1)
    """Probability τ above which a clip counts as showing a class."""
    threshold_end: float | None = Field(None, ge=0, lt=1)
    """τ at the end, reached linearly; null: constant."""
    top: int | None = Field(None, ge=1)
    """Number of heaviest edges kept into each node of the graph; null: all."""
    graph: Literal[
        "inferred", "soft", "shuffled", "none", "pairs", "planted", "events",
        "raw", "confident", "neighbours", "smoothing",
    ] = "inferred"  # fmt: skip
    """The inferred graph, a control, or a usual way to complete labels in place of event chances."""
    folds: int = Field(5, ge=2)
    """Folds of the training rows; each gets its soft labels from a teacher trained on the others."""
    teacher: dict[str, Any] = Field(default_factory=dict)
    """Settings of the teacher (av-sal and its training) that differ from the defaults."""
    inference: dict[str, Any] = Field(default_factory=dict)
    """Settings of the graph's inference that differ from the defaults."""

    @property
    def needs_trials(self) -> bool:
        """Whether the weight of event chances is to be chosen by trials."""
        return self.event_weight is None and self.graph not in UNINFORMED

    def threshold_at(self, progress: float) -> float:
        """τ where so much of the training is done."""
        done = (progress - self.graph_start) / max(1 - self.graph_start, 1e-9)
        return ramp(self.threshold, self.threshold if self.threshold_end is None else self.threshold_end, done)

    def strength_at(self, progress: float) -> float:
        """λ where so much of the training is done."""
        return self.weight * min(1.0, (progress - self.graph_start) / self.graph_warmup if self.graph_warmup else 1.0)
