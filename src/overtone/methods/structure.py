"""STRUCTURE: InfoNCE that keeps each modality's own neighbourhoods, at several scales."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from overtone.methods.base import Batch, methods
from overtone.methods.cca import flat
from overtone.methods.infonce import InfoNCE, InfoNCESettings
from overtone.objectives.soft_infonce import infonce

_LEAST = 1e-12
"""Below it a probability counts as this much, so that logarithms and their gradients stay finite."""


def neighbourhood_divergence(features: Tensor, embeddings: Tensor, temperature: float, levels: int) -> Tensor:
    r"""How far the neighbourhoods of a batch's embeddings are from those of its features.

    .. math::
        P(X) = \operatorname{softmax}(\bar X \bar X^\top / \tau), \qquad
        R = \frac1L \sum_{l=1}^L \frac1l \operatorname{JS}\big(P(X)^l, P(Z)^l\big)

    X̄ are rows of unit length less their mean, the softmax and the Jensen-Shannon divergence are those of each row, and
    the power l of P is where a random walk over neighbours is after l steps.

    Args:
        features: X, (n, d); no gradient.
        embeddings: Z, (n, e).
        temperature: τ > 0.
        levels: L >= 1.

    Returns:
        Scalar in [0, log 2], mean over the rows; 0 if all neighbourhoods are the same.

    Source:
        Gröger, Wen, Le & Brbić, With Limited Data for Multimodal Alignment, Let the STRUCTURE Guide You, NeurIPS 2025,
        arXiv 2506.16895.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        wanted, found = (_neighbours(rows, temperature) for rows in (features.detach(), embeddings))
        total, walked = embeddings.new_zeros((), dtype=found.dtype), (wanted, found)
        for level in range(1, levels + 1):
            total = total + _jensen_shannon(*walked) / level
            walked = walked[0] @ wanted, walked[1] @ found
        return total / levels


def _neighbours(rows: Tensor, temperature: float) -> Tensor:
    rows = F.normalize(rows if rows.dtype == torch.float64 else rows.float(), dim=1)
    rows = rows - rows.mean(0)
    return (rows @ rows.mT / temperature).softmax(1)


def _jensen_shannon(first: Tensor, second: Tensor) -> Tensor:
    first, second = first.clamp_min(_LEAST), second.clamp_min(_LEAST)
    middle = (0.5 * (first + second)).log()
    return 0.5 * (first * (first.log() - middle) + second * (second.log() - middle)).sum(1).mean()


class StructureSettings(InfoNCESettings):
    """Settings of STRUCTURE."""

    structure_weight: float = Field(3.0, ge=0)
    """Weight of the regulariser beside InfoNCE; 0 switches it off."""
    structure_temperature: float = Field(0.05, gt=0)
    """Temperature of the neighbourhoods, for features and embeddings alike."""
    levels: int = Field(1, ge=1)
    """Scales: up to how many steps of a walk over neighbours are compared."""
    structure_warmup: float = Field(0.1, ge=0, le=1)
    """Share of training in which the regulariser's weight rises linearly from 0."""


@methods.register("structure")
class Structure(InfoNCE):
    """Symmetric cross-modal InfoNCE, and :func:`neighbourhood_divergence` of each modality from its own features.

    Source:
        Gröger et al., NeurIPS 2025, arXiv 2506.16895; the choice of layers is left out, as features have one.
    """

    name = "structure"
    settings: StructureSettings
    settings_type = StructureSettings

    @classmethod
    def ablations(cls) -> dict[str, dict[str, Any]]:
        """Without the regulariser it is InfoNCE."""
        return {"no-structure": {"structure_weight": 0.0}}

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """InfoNCE plus the divergence of neighbourhoods, both of the global batch."""
        s = self.settings
        first, second = (batch.gather(z) for z in self.encode(batch, batch.features))
        contrast = infonce(first, second, s.temperature, batch.apart())
        if s.structure_weight == 0:
            return {"loss": contrast}
        apart = [
            neighbourhood_divergence(batch.gather(flat(x)), z, s.structure_temperature, s.levels)
            for x, z in zip(batch.features, (first, second))
        ]
        structure = torch.stack(apart).mean()
        risen = min(1.0, batch.progress / s.structure_warmup) if s.structure_warmup else 1.0
        return {"loss": contrast + s.structure_weight * risen * structure, "contrast": contrast, "structure": structure}
