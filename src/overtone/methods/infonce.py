"""InfoNCE: a clip's true counterpart is its one positive."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, TrainingDefaults, methods
from overtone.methods.two_tower import TwoTower, TwoTowerSettings, by_steps
from overtone.objectives.soft_infonce import infonce


class InfoNCESettings(TwoTowerSettings):
    """Settings of InfoNCE."""

    temperature: float = Field(0.2, gt=0)
    """Temperature of the softmax over the batch."""
    dropout: float | None = Field(0.5, ge=0, lt=1)
    """Share of hidden units switched off in a training step; null: none."""


@methods.register("infonce")
class InfoNCE(TwoTower):
    """Symmetric cross-modal InfoNCE on whole features.

    Source:
        van den Oord, Li & Vinyals 2018, arXiv 1807.03748.
    """

    name = "infonce"
    settings: InfoNCESettings
    settings_type: ClassVar[type[Settings]] = InfoNCESettings

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """Few steps: the loss soon fits the training pairs one by one."""
        return by_steps(corpus, 200)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """InfoNCE of the global batch, both directions."""
        first, second = (batch.gather(z) for z in self.encode(batch, batch.features))
        return {"loss": infonce(first, second, self.settings.temperature, batch.apart())}
