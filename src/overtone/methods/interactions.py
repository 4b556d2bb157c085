"""Interactions: a metric loss, and a pull along the edges of a graph of classes that was inferred from soft labels."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, InferredTargets, methods
from overtone.methods.metric_learning import MetricLearning, MetricLearningSettings
from overtone.networks import ramp
from overtone.objectives.interaction import interaction, relatedness
from overtone.objectives.pairs import unit

UNINFORMED = ("none", "pairs")
"""Values of ``graph`` for which neither soft labels nor a graph is needed."""
MARGIN = 0.5
"""Of the triplet, unless it is set: a pull shrinks the space, and within a narrow margin nothing holds it open."""
ROUNDS = 100
"""Times that every edge of a graph to be shuffled is offered another one to change ends with."""


class InteractionsSettings(MetricLearningSettings):
    """Settings of the student with a graph, and of its teacher and its graph."""

    renamed: ClassVar = {"excuse": "negative_relief", "switch": "graph_start", "rise": "graph_warmup"}

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
    """τ at the end, reached linearly; None: constant."""
    top: int | None = Field(None, ge=1)
    """Number of heaviest edges kept into each node of the graph; None: all."""
    graph: Literal["inferred", "shuffled", "none", "pairs", "planted"] = "inferred"
    """The inferred graph, or a control: shuffled edges, none, a pull on pairs alone, the planted graph if known."""
    folds: int = Field(5, ge=2)
    """Folds of the training rows; each gets its soft labels from a teacher trained on the others."""
    teacher: dict[str, Any] = Field(default_factory=dict)
    """Settings of the teacher (av-sal and its training) that differ from the defaults."""
    inference: dict[str, Any] = Field(default_factory=dict)
    """Settings of the graph's inference that differ from the defaults."""


@methods.register("interactions")
class Interactions(MetricLearning):
    """A metric loss across the modalities, and λ times a pull that brings clips of interacting classes together.

    The graph says which class in one modality goes with which in the other (or in the same); soft labels say how much
    of a class is in a clip. Both are inferred beforehand, handed to :meth:`set_inferred_targets`, and never change.

    Source:
        Learning Audio-Visual Embeddings with Inferred Latent Interaction Graphs (2026).
    """

    name = "interactions"
    needs_inferred_targets: ClassVar[bool] = True
    settings: InteractionsSettings
    settings_type: ClassVar[type[Settings]] = InteractionsSettings
    soft_first: Tensor
    soft_second: Tensor
    edges: Tensor

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        # given anew whenever a run begins or goes on, so no checkpoint has to hold them
        for name in ("soft_first", "soft_second", "edges"):
            self.register_buffer(name, torch.zeros(0), persistent=False)

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """As for any frame, and a wide margin for triplets."""
        resolved = cast(InteractionsSettings, super().resolve(settings, corpus))
        if resolved.loss != "triplet":
            return resolved
        return resolved.changed(loss_settings={"margin": MARGIN, **resolved.loss_settings})

    @classmethod
    def ablations(cls) -> dict[str, dict[str, Any]]:
        """The metric loss alone."""
        return {"no-graph": {"graph": "none"}}

    @classmethod
    def controls(cls, truth: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """No graph, one with shuffled edges, a pull on pairs alone, and where it is known the planted graph."""
        kinds = {"no-graph": "none", "shuffled-graph": "shuffled", "pairs-only": "pairs"}
        if "interactions" in truth:
            kinds["planted-graph"] = "planted"
        return {name: {"graph": graph} for name, graph in kinds.items()}

    def set_inferred_targets(self, inferred: InferredTargets) -> None:
        """Take the soft labels and the graph."""
        first, second = inferred.soft_labels
        self.soft_first, self.soft_second, self.edges = (
            part.detach().to(self.edges.device, torch.float32) for part in (first, second, inferred.graph)
        )

    def on_train_start(self, train: Batch) -> None:
        """Shuffle the graph if it is to be the control."""
        super().on_train_start(train)
        if self.settings.graph in UNINFORMED:
            return
        if len(self.soft_first) != len(train):
            raise RuntimeError(
                "interactions has no soft labels of its training rows: call set_inferred_targets() first"
            )
        if self.settings.graph == "shuffled":
            self.edges = rewire(self.edges, train.generator)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The metric loss, the pull along the graph, and their weighted sum."""
        s = self.settings
        first, second = (batch.gather(z) for z in self.encode(batch, batch.features))
        targets = self.gather_targets(batch)
        acts = s.graph != "none" and batch.progress >= s.graph_start
        metric = self.judge(first, second, targets, self.negative_relief(batch) if acts else None)
        if s.graph == "none":
            return {"loss": metric}
        pull = self.pull(first, second, targets, batch) if acts else metric.new_zeros(())
        return {"loss": metric + self.strength(batch.progress) * pull, "metric": metric, "pull": pull}

    def negative_relief(self, batch: Batch) -> Tensor | None:
        """(B, B) of how far the metric loss spares a clip from being a negative of another; None where it does not."""
        s = self.settings
        if s.graph == "pairs" or not s.negative_relief:
            return None
        return s.negative_relief * relatedness(self.soft_labels(batch), self.edges, self.threshold(batch.progress))

    def pull(self, first: Tensor, second: Tensor, targets: Tensor, batch: Batch) -> Tensor:
        """What brings clips together beside the metric loss, a scalar: along edges, or of pairs alone.

        Embeddings and targets are those of the global batch, gathered.
        """
        if self.settings.graph == "pairs":
            return (unit(first) - unit(second)).square().sum(1).mean()
        soft, threshold = self.soft_labels(batch), self.threshold(batch.progress)
        return interaction((first, second), targets, soft, self.edges, threshold).loss

    def soft_labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Soft labels of a global batch, of both modalities."""
        return batch.gather(self.soft_first[batch.rows]), batch.gather(self.soft_second[batch.rows])

    def threshold(self, progress: float) -> float:
        """τ where so much of the training is done."""
        s = self.settings
        done = (progress - s.graph_start) / max(1.0 - s.graph_start, 1e-9)
        return ramp(s.threshold, s.threshold if s.threshold_end is None else s.threshold_end, done)

    def strength(self, progress: float) -> float:
        """λ where so much of the training is done."""
        s = self.settings
        return s.weight * min(1.0, (progress - s.graph_start) / s.graph_warmup if s.graph_warmup else 1.0)


def rewire(graph: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A random graph with the degrees of a given one: what a (2C, 2C) graph of classes must beat to mean anything.

    Two edges a → b and c → d become c → b and a → d where both places are free, again and again. A weight stays with
    the target, so every node keeps its number of edges in and out, and the sum of the weights into it. Only edges that
    lead between the same two modalities change ends; one that has nowhere else to go stays. No edge comes to lie where
    the graph had one, or between the two nodes of a class; edges that lie there already, which say nothing of
    interactions, stay.

    Source:
        Maslov & Sneppen, Science 2002, for the exchange of ends.

    Example:
        >>> graph = torch.zeros(8, 8)
        >>> graph[0, 5] = graph[1, 6] = graph[2, 7] = 1.0
        >>> other = rewire(graph, torch.Generator().manual_seed(0))
        >>> other.sum(0).equal(graph.sum(0)), other.sum(1).equal(graph.sum(1)), (other * graph).sum().item()
        (True, True, 0.0)
    """
    nodes, classes = len(graph), len(graph) // 2
    number = torch.arange(nodes, device=graph.device)
    same_class = (number[:, None] - number[None, :]) % classes == 0
    sources, targets = torch.where((graph > 0) & ~same_class)
    weights = graph[sources, targets]
    closed = ((graph > 0) | same_class).view(-1)
    side = 2 * (sources >= classes) + (targets >= classes)
    for _ in range(ROUNDS):
        here, there = _pairs(side, generator)
        one, other = nodes * sources[there] + targets[here], nodes * sources[here] + targets[there]
        wanted = torch.cat((one, other, nodes * sources + targets)).bincount(minlength=nodes**2)
        free = ~(closed[one] | closed[other]) & (wanted[one] == 1) & (wanted[other] == 1)
        # a round in which all that can change does change would only reach every other graph
        free &= torch.rand(len(free), generator=generator, device=graph.device) < 0.5
        here, there = here[free], there[free]
        sources[torch.cat((here, there))] = sources[torch.cat((there, here))]
    found = torch.where(same_class, graph, 0.0)
    found[sources, targets] = weights
    return found


def _pairs(group: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Members paired at random with others of their group; some may be left alone."""
    shuffled = torch.randperm(len(group), generator=generator, device=group.device)
    order = shuffled[torch.argsort(group[shuffled], stable=True)]
    here, there = order[:-1:2], order[1::2]
    alike = group[here] == group[there]
    return here[alike], there[alike]
