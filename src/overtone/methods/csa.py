"""Canonical similarity analysis: CCA whose leading directions count in the cosine by their correlation."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.methods.base import CorpusInfo, methods
from overtone.methods.cca import CCA, CCASettings, flat

_DIRECTIONS = 12
"""Directions kept by default: chosen on held-out training rows, where 8 to 16 hardly differ."""


class CSASettings(CCASettings):
    """Settings of canonical similarity analysis."""

    dimensions: int | None = Field(None, ge=1)
    """Canonical directions kept, the strongest; null: 12, or all if there are fewer."""
    power: float = Field(1.0, ge=0)
    """A direction weighs its correlation to this power in the similarity."""


@methods.register("csa")
class CSA(CCA):
    r"""Cosines of the leading canonical coordinates, each direction weighted by its correlation.

    .. math:: s(x^a, x^v) = \sum_{k \le s} \rho_k^p \, \hat u_k \hat v_k, \qquad \hat u = u / \lVert u \rVert

    u and v are the whitened coordinates of the two clips, cut to s directions *before* they get unit length. ``cca``
    scales both clips' coordinates by ρ² and normalises *after* that: there weak directions cannot lower a clip's norm,
    here they do. Embeddings carry √ρ û; what they lack in length goes into one further coordinate for each modality, so
    that the cosine across the modalities is exactly s.

    Source:
        Li, Chinchali & Topcu, CSA: Data-efficient Mapping of Unimodal Features to Multimodal Features, ICLR 2025,
        arXiv 2410.07610; the ridge is ours, for corpora with more columns than rows.
    """

    name = "csa"
    settings: CSASettings
    settings_type = CSASettings

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """Dimensions by the widths of the features."""
        chosen = settings.model_dump()["dimensions"]
        most = min(corpus.shapes[0][-1], corpus.shapes[1][-1])
        return settings if chosen else settings.changed(dimensions=min(_DIRECTIONS, most))

    def embed(self, features: Tensor, modality: int) -> Tensor:
        """Weighted canonical coordinates and the two coordinates that fill up their length."""
        weights = self.projection.correlations.pow(self.settings.power / 2)
        rows = self.projection(flat(features), modality, 0.0) * weights
        rest = (1 - rows.square().sum(1, keepdim=True)).clamp_min(0).sqrt()
        padding = (rest, torch.zeros_like(rest))
        return torch.cat((rows, *(padding if modality == 0 else padding[::-1])), dim=1)
