"""Settings of HSC-MAE, how much noise a corpus needs, and how far its walks should go."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from overtone.methods.base import CorpusInfo
from overtone.methods.two_tower import MaskedTwoTowerSettings


class HSCMAESettings(MaskedTwoTowerSettings):
    """Settings of HSC-MAE."""

    renamed: ClassVar = {"surveys": "mining_refreshes"}

    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of hidden units switched off in a training step; null: 0.35, up to 0.5 where pairs are learnt by heart."""
    mask_ratio: float | None = Field(None, ge=0, lt=1)
    """Probability that an entry is masked; null: 0.2, up to 0.5 where pairs are learnt by heart."""

    canonical_weight: float = Field(1.0, ge=0)
    """Weight of the global term, canonical correlation of whole features; 0 switches it off."""
    canonical_ridge: float = Field(0.1, ge=0)
    """Ridge of the batch covariances, as a share of the mean variance."""
    canonical_power: Literal["rho", "rho2"] = "rho2"
    """Whether correlations or their squares are maximised."""

    neighbour_weight: float = Field(1.0, ge=0)
    """Weight of the local term, soft InfoNCE over mined neighbours; 0 switches it off."""
    form: Literal["cross_entropy", "multi_positive"] = "cross_entropy"
    """Form of the soft InfoNCE: towards all neighbours by weight, or towards any of them (as published)."""
    temperature: float = Field(0.1, gt=0)
    """Temperature of the student's softmax over the batch."""
    own_weight: float = Field(0.2, ge=0, le=1)
    """Share of a clip's target weights for its true counterpart; 1: no neighbours (plain InfoNCE)."""
    within_weight: float = Field(0.3, ge=0)
    """Weight, inside the local term, of the same loss within each modality."""
    neighbours: float = Field(0.2, gt=0)
    """Neighbours per clip with softmax weights: a number, or below 1 a share of the rows mined."""
    mining_view: Literal["joint", "mean"] = "joint"
    """Similarity of two clips: mean of the modalities' cosines, or cosine of the mean embeddings (as published)."""
    mining_features: bool = True
    """Whether the cosines of the scaled features are averaged in (joint view only)."""
    mining_weighting: Literal["walk", "softmax"] = "walk"
    """Weights of neighbours: random walks on the neighbour graph, or softmax of the cosines (as published)."""
    walk_edges: int | None = Field(None, ge=1)
    """Edges per clip of the neighbour graph; null: 10, down to 5 where the modalities share small clusters."""
    walk_restart: float | None = Field(None, gt=0, lt=1)
    """Probability that a walk ends at a step; null: 0.03, up to 0.3 where the modalities share small clusters."""
    teacher_temperature: float = Field(0.05, gt=0)
    """Temperature of the teacher's softmax over neighbours."""
    mining_rows: int = Field(4096, ge=0)
    """Training sets up to this size are mined densely (memory grows with its square), larger ones sparsely."""
    mining_exact_rows: int = Field(20_000, ge=0)
    """Above mining_rows: up to this size neighbours are searched exactly, beyond it by inverted lists."""
    mining_refreshes: int = Field(12, ge=1)
    """How many times during training the training set is mined."""
    queue: int = Field(0, ge=0)
    """Above mining_rows: mine batch by batch, by softmax, also among so many past teacher embeddings; 0: do not."""

    reconstruction_weight: float = Field(0.3, ge=0)
    """Weight of the sample term, masked reconstruction; 0 switches it off."""
    distillation_weight: float = Field(0.0, ge=0)
    """Weight of distillation from the teacher's whole to the student's masked embedding; 0 switches it off."""
    distillation: Literal["embedding", "similarity"] = "embedding"
    """What is distilled: each embedding, or the similarities between them."""

    learn_weights: bool = False
    """Whether the terms' weights are learned by uncertainty, starting from the given ones."""
    weights_learning_rate: float = Field(1e-3, gt=0)
    """Learning rate of learned weights."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """With learned weights: share of training with reconstruction alone."""


def extra_noise(corpus: CorpusInfo) -> float:
    """In [0, 1]: how much more noise than usual, 1 where pairs say little of neighbours and are learnt by heart.

    Rises with the share of wrong pairs from 5 to 11 % and with the memorisation from 1.25 to 1.4; both must be there.
    """
    unclear = (corpus.wrong_share - 0.05) / 0.06
    by_heart = (corpus.memorised - 1.25) / 0.15
    return max(0.0, min(1.0, unclear)) * max(0.0, min(1.0, by_heart))


class WalkRange(NamedTuple):
    """How far random walks on the neighbour graph go.

    Attributes:
        edges: Edges per clip of the graph.
        restart: Probability that a walk ends at a step.
    """

    edges: int
    restart: float


_USUAL_RANGE = WalkRange(10, 0.03)
"""Best, or level with it, on corpora whose classes have seventy and more training rows."""
_SHORTEST = WalkRange(5, 0.3)
"""Shorter walks gain little more in small clusters, and cost more where classes are larger than these."""


def walk_range(corpus: CorpusInfo) -> WalkRange:
    """The usual range, or a shorter one that stays near clusters of the size that the modalities share.

    A walk of restart c over 10 edges spreads its weight over about 17 / √c clips, which should be 1.4 clusters of s
    clips: c = 147 / s². A clip's edges should lead to half of its cluster: s / 2. Where clips lack a modality the range
    is the usual one: the clusters were seen among pairs only.
    """
    size = corpus.cluster_size
    if size == 0 or corpus.pairs is not None:
        return _USUAL_RANGE
    edges = min(_USUAL_RANGE.edges, max(_SHORTEST.edges, round(size / 2)))
    return WalkRange(edges, max(_USUAL_RANGE.restart, min(_SHORTEST.restart, 147.0 / size**2)))
