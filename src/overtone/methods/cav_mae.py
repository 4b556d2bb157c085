"""CAV-MAE style: masked reconstruction and InfoNCE on the same masked embeddings."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from overtone.methods.base import Batch, CorpusInfo, TrainingDefaults, methods
from overtone.methods.two_tower import MaskedTwoTower, MaskedTwoTowerSettings, by_steps
from overtone.objectives.soft_infonce import infonce
from overtone.objectives.weighting import weighted_sum


class CAVMAESettings(MaskedTwoTowerSettings):
    """Settings of the CAV-MAE style baseline."""

    temperature: float = Field(0.2, gt=0)
    """Temperature of the softmax over the batch."""
    contrast_weight: float = Field(1.0, ge=0)
    """Weight of the InfoNCE term; 0 switches it off."""
    dropout: float | None = Field(0.5, ge=0, lt=1)
    """Share of hidden units switched off in a training step; null: none."""
    reconstruction_weight: float = Field(0.1, ge=0)
    """Weight of the masked reconstruction; 0 switches it off."""


@methods.register("cav-mae")
class CAVMAE(MaskedTwoTower):
    """Contrastive masked autoencoder of feature rows: one positive per clip, embeddings of masked features.

    Source:
        Gong et al. 2023, arXiv 2210.07839, carried over from patches to feature rows.
    """

    name = "cav-mae"
    settings: CAVMAESettings
    settings_type = CAVMAESettings

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """Half the steps of HSC-MAE, where validation found it best."""
        return by_steps(corpus, 400)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """InfoNCE of the gathered masked embeddings plus reconstruction of this process's rows."""
        s = self.settings
        hidden, masks = self.mask(batch)
        embeddings = self.encode(batch, hidden)
        terms: dict[str, Tensor] = {}
        weights = {"contrast": s.contrast_weight, "reconstruction": s.reconstruction_weight}
        if s.contrast_weight > 0:
            terms["contrast"] = infonce(
                batch.gather(embeddings[0]), batch.gather(embeddings[1]), s.temperature, batch.apart()
            )
        if s.reconstruction_weight > 0:
            terms["reconstruction"] = self.reconstruction(batch, embeddings, masks)
        return {"loss": weighted_sum(terms, weights), **terms}
