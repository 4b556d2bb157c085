"""FuseMix: InfoNCE on mixtures of clips, the same two clips in the same proportion in both modalities."""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.methods.infonce import InfoNCE, InfoNCESettings

_QUANTILES = 4096
"""Values that a mixing coefficient can take, of equal probability."""


class FuseMixSettings(InfoNCESettings):
    """Settings of FuseMix."""

    mixing: float = Field(0.3, gt=0)
    """Parameter α of the coefficients' distribution, Beta(α, α); 1: uniform, smaller: mostly one of the two clips."""


@methods.register("fusemix")
class FuseMix(InfoNCE):
    r"""Symmetric cross-modal InfoNCE in which every clip of a batch is mixed with another one of it.

    .. math::
        \tilde x_i^m = \lambda x_i^m + (1 - \lambda) x_{\pi(i)}^m, \qquad
        \lambda \sim \operatorname{Beta}(\alpha, \alpha)

    One λ and one permutation π a batch serve both modalities m, so mixtures of the same index are still pairs.

    Source:
        Vouitsis et al., Data-Efficient Multimodal Fusion on a Single GPU, CVPR 2024, arXiv 2312.10144.
    """

    name = "fusemix"
    settings: FuseMixSettings
    settings_type = FuseMixSettings
    quantiles: Tensor

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        from scipy.stats import beta

        super().__init__(settings, corpus)
        middles = (torch.arange(_QUANTILES) + 0.5) / _QUANTILES
        alpha = self.settings.mixing
        values = torch.from_numpy(beta.ppf(middles.numpy(), alpha, alpha)).float()
        self.register_buffer("quantiles", values, persistent=False)

    def mix(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Both modalities' mixed features, this process's rows; partners come from the global batch."""
        size, device = max(batch.global_size, len(batch)), batch.features[0].device
        drawn = torch.randint(_QUANTILES, (1,), generator=batch.generator, device=device)
        share = self.quantiles[drawn]
        order = torch.randperm(size, generator=batch.generator, device=device)
        partners = order[batch.offset : batch.offset + len(batch)]
        first, second = (share * rows + (1 - share) * batch.gather(rows)[partners] for rows in batch.features)
        return first, second

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """InfoNCE of the global batch's mixtures, both directions."""
        return super().step(replace(batch, features=self.mix(batch)))
