"""The frame under a metric-learning loss: any registered one, across the modalities, in both directions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, TrainingDefaults, methods
from overtone.methods.cluster_cca import check_classes
from overtone.methods.two_tower import Frame, FrameSettings, by_steps
from overtone.objectives import build_loss, loss_of_views

LEAST_ROWS = 32
"""Rows below which a batch may well be of one class."""


class LabelledSettings(FrameSettings):
    """What every learned method with labels has."""

    dropout: float = Field(0.3, ge=0, lt=1)
    """Share of hidden units switched off in a training step."""


class LabelledFrame(Frame):
    """Two encoders under a metric-learning loss in which clips that share a class are positives of each other.

    Rows of either modality ask among the rows of the other one; losses with class centres judge the rows of both by
    the same centres. Rows without a label teach nothing: in a batch, rows with one take their places.

    A subclass says with :meth:`chosen` which loss it is. The module is ``loss``, and its parameters, if it has any, are
    trained like all others.
    """

    supervised = True
    settings: LabelledSettings
    settings_type: ClassVar[type[Settings]] = LabelledSettings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        self.loss = build_loss(*self.chosen(), classes=corpus.classes, embedding_dim=self.dim)
        self.single = False

    @abstractmethod
    def chosen(self) -> tuple[str, Mapping[str, Any]]:
        """The loss's name and settings."""

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """As many steps as validation found enough."""
        return by_steps(corpus, 400)

    @property
    def least_batch(self) -> int:
        """Rows enough for several classes."""
        return LEAST_ROWS

    def on_train_start(self, train: Batch) -> None:
        """See whether the labels can be learnt from, and whether a row has one class at most."""
        assert train.targets is not None
        check_classes(train)
        self.single = bool(((train.targets == 0) | (train.targets == 1)).all() and (train.targets.sum(1) <= 1).all())

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of the global batch."""
        first, second = (batch.gather(z) for z in self.encode(batch, batch.features))
        return {"loss": self.judge(first, second, self.joined_targets(batch))}

    def joined_targets(self, batch: Batch) -> Tensor:
        """(B, C) targets of a global batch."""
        assert batch.targets is not None
        return batch.gather(batch.targets)

    def judge(self, first: Tensor, second: Tensor, targets: Tensor, negative_relief: Tensor | None = None) -> Tensor:
        """The loss of a global batch's embeddings.

        Args:
            first: (B, e) embeddings of one modality.
            second: (B, e) of the other, row-aligned.
            targets: (B, C) in [0, 1].
            negative_relief: (B, B) in [0, 1], how far each pair is spared from being a negative; None: not at all.

        Returns:
            Scalar.

        Raises:
            InputError: The loss refuses the batch: it cannot take several labels, or all rows are of one class.
        """
        rows = labelled_rows(targets)
        first, second, targets = (part.index_select(0, rows) for part in (first, second, targets))
        labels = targets.argmax(1) if self.single else targets
        negative_relief = (
            None if negative_relief is None else negative_relief.index_select(0, rows).index_select(1, rows)
        )
        return loss_of_views(self.loss, (first, second), labels, negative_relief)


def labelled_rows(targets: Tensor) -> Tensor:
    """(n,) row numbers: the rows with a label in their order, repeated until there are n.

    Shapes stay as they are, so that no device is waited for. Without any label it is one row again and again, which
    every loss refuses.

    Example:
        >>> labelled_rows(torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]))
        tensor([1, 2, 4, 1, 2])
    """
    labelled = targets.sum(1) > 0
    order = torch.argsort(labelled, descending=True, stable=True)
    return order[torch.arange(len(targets), device=targets.device) % labelled.sum().clamp_min(1)]


class MetricSettings(LabelledSettings):
    """Settings of a chosen metric loss."""

    loss: str = "triplet"
    """arcface, ccl, contrastive, infonce, n-pair, scl or triplet."""
    loss_settings: dict[str, Any] = Field(default_factory=dict)
    """The loss's own settings where they are not its defaults, for example {margin: 0.3}."""


@methods.register("metric")
class Metric(LabelledFrame):
    """Any metric-learning loss across the modalities: the one that ``loss`` names, class centres included.

    Source:
        The losses' own; see :func:`overtone.objectives.metric_losses`.
    """

    name = "metric"
    settings: MetricSettings
    settings_type: ClassVar[type[Settings]] = MetricSettings

    def chosen(self) -> tuple[str, Mapping[str, Any]]:
        """What the settings name."""
        return self.settings.loss, self.settings.loss_settings
