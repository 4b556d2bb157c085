"""DCCA: two networks whose embeddings correlate, linear CCA on top."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from overtone.methods.base import Batch, CorpusInfo, TrainingDefaults, methods
from overtone.methods.two_tower import CANONICAL_ROWS, TwoTower, TwoTowerSettings, by_steps, check_batch
from overtone.objectives.canonical import canonical_loss


class DCCASettings(TwoTowerSettings):
    """Settings of DCCA."""

    dropout: float | None = Field(0.3, ge=0, lt=1)
    """Share of hidden units switched off in a training step; null: none."""
    projection: Literal["none", "canonical"] = "canonical"
    """What embed returns: linear CCA of the network's outputs, or the outputs, which are not comparable as such."""
    canonical_ridge: float = Field(0.1, ge=0)
    """Ridge of the batch covariances, as a share of the mean variance."""
    canonical_power: Literal["rho", "rho2"] = "rho2"
    """Whether correlations or their squares are maximised."""


@methods.register("dcca")
class DCCA(TwoTower):
    """Deep canonical correlation analysis, with linear CCA fitted on the training embeddings.

    Source:
        Andrew, Arora, Bilmes & Livescu, ICML 2013.
    """

    name = "dcca"
    settings: DCCASettings
    settings_type = DCCASettings
    usual_dim = 16  # more of them fit the training pairs one by one

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """Few steps: the loss soon fits the training pairs one by one."""
        return by_steps(corpus, 200, learning_rate=1e-3)

    @property
    def least_batch(self) -> int:
        """Rows enough for the batch's correlations."""
        return CANONICAL_ROWS * self.dim

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One minus the mean (squared) canonical correlation of the global batch."""
        check_batch(max(len(batch), batch.global_size), self.dim)
        first, second = (batch.gather(z) for z in self.encode(batch, batch.features))
        loss = canonical_loss(first, second, self.settings.canonical_ridge, self.settings.canonical_power)
        return {"loss": loss}
