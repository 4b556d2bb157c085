"""Metric learning across the modalities: `metric` takes any loss, `triplet` and `supervised-infonce` have their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from overtone.core import Settings
from overtone.features.base import find_label_kind
from overtone.methods.base import Batch, CorpusInfo, TrainingDefaults, methods
from overtone.methods.cca import check_classes
from overtone.methods.two_tower import TwoTower, TwoTowerSettings, by_steps
from overtone.objectives import build_loss, loss_of_views, register_loss
from overtone.objectives.targets import has_label
from overtone.objectives.triplet import MARGIN, MINING, Mining

_LEAST_ROWS = 32
"""A smaller batch may well be of one class."""


class SupervisedTwoTowerSettings(TwoTowerSettings):
    """Two-tower methods with labels."""

    dropout: float | None = Field(0.3, ge=0, lt=1)
    """Share of hidden units switched off in a training step; null: none."""


class SupervisedTwoTower(TwoTower):
    """Two encoders under a metric-learning loss in which clips that share a class are positives of each other.

    Rows of one modality are anchors, those of the other the gallery, and the other way round; losses with class centres
    judge both by the same centres. In a batch, labelled rows take the places of unlabelled ones.

    A subclass names its loss in :meth:`choose_loss`. The module is ``loss``, and its parameters, if it has any, are
    trained like all others.
    """

    supervised = True
    works_on_parts = True
    settings: SupervisedTwoTowerSettings
    settings_type: ClassVar[type[Settings]] = SupervisedTwoTowerSettings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        self.loss = build_loss(*self.choose_loss(), classes=corpus.classes, embedding_dim=self.judged_dim)
        self.single = False

    @property
    def judged_dim(self) -> int:
        """Columns of what the loss judges."""
        return self.dim

    @abstractmethod
    def choose_loss(self) -> tuple[str, Mapping[str, Any]]:
        """The loss's name and settings."""

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """As many steps as validation found enough."""
        return by_steps(corpus, 400)

    @property
    def least_batch(self) -> int:
        """Rows enough for several classes."""
        return _LEAST_ROWS

    def on_train_start(self, train: Batch) -> None:
        """See whether the labels can be learnt from, and whether a row has one class at most."""
        check_classes(train)
        self.single = find_label_kind(self.gather_labels(train)) == "single"

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of the global batch."""
        first, second = (batch.gather(z) for z in self.encode(batch, batch.features))
        return {"loss": self.judge(first, second, self.gather_labels(batch))}

    def gather_labels(self, batch: Batch) -> Tensor:
        """(B,) class codes of a global batch where a row has one class at most, else (B, C) targets."""
        assert batch.labels is not None
        return batch.gather(batch.labels)

    def judge(self, first: Tensor, second: Tensor, labels: Tensor, negative_relief: Tensor | None = None) -> Tensor:
        """The loss, a scalar, of a global batch's (B, e) embeddings, row-aligned, with (B,) class codes or targets.

        ``negative_relief``, (B, B) in [0, 1], says how far each pair is spared from being a negative; None: not at all.

        Raises:
            InputError: The loss refuses the batch: it cannot take several labels, or all rows are of one class.
        """
        rows = labelled_rows(labels)
        first, second, labels = (part.index_select(0, rows) for part in (first, second, labels))
        if self.single and labels.dim() == 2:
            labels = labels.argmax(1)
        if negative_relief is not None:
            negative_relief = negative_relief.index_select(0, rows).index_select(1, rows)
        return loss_of_views(self.loss, (first, second), labels, negative_relief)


def labelled_rows(labels: Tensor) -> Tensor:
    """(n,) row numbers: the rows with a label in their order, repeated until there are n.

    Labels are (n,) class codes, -1 for none, or (n, C) targets, zeros for none.

    Shapes stay as they are, so that no device is waited for. Without any label it is one row again and again, which
    every loss refuses.

    Example:
        >>> labelled_rows(torch.tensor([-1, 1, 0, -1, 1]))
        tensor([1, 2, 4, 1, 2])
    """
    labelled = has_label(labels)
    order = torch.argsort(labelled, descending=True, stable=True)
    return order[torch.arange(len(labels), device=labels.device) % labelled.sum().clamp_min(1)]


class MetricLearningSettings(SupervisedTwoTowerSettings):
    """Settings of a chosen metric loss."""

    loss: str = "triplet"
    """A metric loss; `overtone methods --losses` lists them. In Python also any loss module."""
    loss_settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the loss that differ from its defaults, for example {margin: 0.3}."""

    @field_validator("loss", mode="before")
    @classmethod
    def _name_of_an_object(cls, loss: object) -> object:
        """A loss object goes by the name of its class: a run's settings are text."""
        return register_loss(loss) if isinstance(loss, nn.Module) else loss


@methods.register("metric")
class MetricLearning(SupervisedTwoTower):
    """Any metric-learning loss across the modalities: the one that ``loss`` names, class centres included.

    Source:
        The losses' own; see :func:`overtone.objectives.metric_losses`.
    """

    name = "metric"
    settings: MetricLearningSettings
    settings_type: ClassVar[type[Settings]] = MetricLearningSettings

    def choose_loss(self) -> tuple[str, Mapping[str, Any]]:
        """What the settings name."""
        return self.settings.loss, self.settings.loss_settings


class TripletSettings(SupervisedTwoTowerSettings):
    """Settings of the cross-modal triplet."""

    margin: float = Field(MARGIN, ge=0)
    """How much nearer than a negative a positive must be, in squared distance of unit rows."""
    mining: Mining = MINING
    """Which triplets: all, semi-hard (negative farther than the positive, within the margin) or batch-hard."""


@methods.register("triplet")
class Triplet(SupervisedTwoTower):
    """Triplets across the modalities: anchor in one, positive and negative in the other, in both directions.

    Source:
        Schroff, Kalenichenko & Philbin 2015, arXiv 1503.03832; Wang, Li & Lazebnik 2016, arXiv 1511.06078, across
        modalities.
    """

    name = "triplet"
    settings: TripletSettings
    settings_type: ClassVar[type[Settings]] = TripletSettings

    def choose_loss(self) -> tuple[str, Mapping[str, Any]]:
        """Triplets with the settings' margin and mining."""
        return "triplet", {"margin": self.settings.margin, "mining": self.settings.mining}


class SupervisedInfoNCESettings(SupervisedTwoTowerSettings):
    """Settings of supervised InfoNCE."""

    temperature: float = Field(0.1, gt=0)
    """Temperature of the softmax over the batch."""


@methods.register("supervised-infonce")
class SupervisedInfoNCE(SupervisedTwoTower):
    """Cross-modal InfoNCE in which all clips that share a class are positives, each against all negatives.

    Source:
        van den Oord, Li & Vinyals 2018, arXiv 1807.03748; Khosla et al. 2020, arXiv 2004.11362, for labels.
    """

    name = "supervised-infonce"
    settings: SupervisedInfoNCESettings
    settings_type = SupervisedInfoNCESettings

    def choose_loss(self) -> tuple[str, Mapping[str, Any]]:
        """InfoNCE with the settings' temperature."""
        return "infonce", {"temperature": self.settings.temperature}
