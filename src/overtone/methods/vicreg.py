"""VICReg across modalities: counterparts agree, while every dimension keeps its variance and its own content."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, TrainingDefaults, methods
from overtone.methods.two_tower import TwoTower, TwoTowerSettings, by_steps
from overtone.networks import Encoder
from overtone.objectives.weighting import weighted_sum


def vicreg_terms(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    r"""Invariance, variance and covariance of a batch of counterparts.

    .. math::
        \text{invariance} &= \tfrac{1}{nd} \sum_i \lVert z_i^a - z_i^v \rVert^2 \\
        \text{variance} &= \tfrac{1}{2d} \sum_m \sum_k \max\big(0, 1 - \sqrt{C^m_{kk} + \varepsilon}\big) \\
        \text{covariance} &= \tfrac1d \sum_m \sum_{k \ne l} (C^m_{kl})^2

    Cᵐ is the covariance of modality m, with divisor n − 1; ε = 1e-4.

    Args:
        first: (n, d), n >= 2, not normalised.
        second: (n, d); row i is the counterpart of row i.

    Returns:
        The three terms, scalars >= 0.

    Source:
        Bardes, Ponce & LeCun, VICReg, ICLR 2022, arXiv 2105.04906.
    """
    first, second = (rows if rows.dtype == torch.float64 else rows.float() for rows in (first, second))
    with torch.autocast(first.device.type, enabled=False):
        centred = [rows - rows.mean(0) for rows in (first, second)]
        covariances = [rows.mT @ rows / (len(rows) - 1) for rows in centred]
        spreads = [(c.diagonal() + 1e-4).sqrt() for c in covariances]
        shared = [(c - c.diagonal().diag()).square().sum() / len(c) for c in covariances]
        return {
            "invariance": F.mse_loss(first, second),
            "variance": 0.5 * (F.relu(1 - spreads[0]).mean() + F.relu(1 - spreads[1]).mean()),
            "covariance": shared[0] + shared[1],
        }


class VICRegSettings(TwoTowerSettings):
    """Settings of VICReg."""

    invariance_weight: float = Field(25.0, ge=0)
    """Weight of the distance of counterparts."""
    variance_weight: float = Field(25.0, ge=0)
    """Weight of the hinge that keeps each dimension's standard deviation at 1."""
    covariance_weight: float = Field(1.0, ge=0)
    """Weight of the squared covariances between dimensions."""
    expander_width: int = Field(0, ge=0)
    """Units of the expander, the network between embedding and loss (published: thousands); 0: none."""
    expander: Literal["shared", "own"] = "shared"
    """One for both modalities or one each."""


@methods.register("vicreg")
class VICReg(TwoTower):
    """VICReg: no negatives; collapse is prevented by variance and covariance within each modality.

    Source:
        Bardes, Ponce & LeCun, ICLR 2022, arXiv 2105.04906.
    """

    name = "vicreg"
    settings: VICRegSettings
    settings_type = VICRegSettings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        width = self.settings.expander_width
        self.expanders = nn.ModuleList(
            Encoder((self.dim,), width, width, 1, self.settings.activation, 0.0)
            for _ in range(0 if not width else 1 if self.settings.expander == "shared" else 2)
        )

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """Twice the steps of InfoNCE: without negatives it overfits later."""
        return by_steps(corpus, 400)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The three terms of the global batch and their weighted sum."""
        s = self.settings
        views = [batch.gather(z) for z in self.encode(batch, batch.features)]
        if self.expanders:
            views = [self.expanders[min(side, len(self.expanders) - 1)](z) for side, z in enumerate(views)]
        weights = {"invariance": s.invariance_weight, "variance": s.variance_weight, "covariance": s.covariance_weight}
        terms = {name: term for name, term in vicreg_terms(*views).items() if weights[name] > 0}
        return {"loss": weighted_sum(terms, weights), **terms}
