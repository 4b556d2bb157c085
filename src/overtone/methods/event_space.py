"""The space of a student of events: unit vectors whose cosine adds up what labels and event chances say."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_QUANTILE = 0.999
"""Squared lengths up to this quantile of the training rows fit into the unit ball; longer ones are cut."""


class Padding(nn.Module):
    r"""Rows of probabilities p as unit vectors whose cosine across the modalities is :math:`p^\top p' / s`.

    .. math::
        z = \left[\, \tilde p,\ \sqrt{1 - \lVert \tilde p \rVert^2},\ 0 \,\right] \text{ in the first modality}, \qquad
        z' = \left[\, \tilde p',\ 0,\ \sqrt{1 - \lVert \tilde p' \rVert^2} \,\right] \text{ in the second}, \qquad
        \tilde p = V^\top p / \sqrt s

    s is the 99.9 % quantile of the training rows' squared lengths; longer rows are cut to unit length. V is the
    identity, or, where there are more classes than columns, the leading eigenvectors of the second moments of the
    training rows, which lose least of all inner products together.

    Args:
        classes: C.
        columns: Most columns r of the part without the padding.
    """

    scale: Tensor
    basis: Tensor

    def __init__(self, classes: int, columns: int) -> None:
        super().__init__()
        self.columns = min(classes, columns)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("basis", torch.eye(classes, self.columns))

    @property
    def width(self) -> int:
        """Columns with the padding."""
        return self.columns + 2

    @torch.no_grad()
    def fit(self, first: Tensor, second: Tensor) -> None:
        """Fit scale and basis on (n, C) probabilities of the training rows of both modalities."""
        rows = torch.cat([first, second]).float()
        if self.columns < rows.shape[1]:
            moments = rows.double().mT @ rows.double()
            self.basis.copy_(torch.linalg.eigh(moments).eigenvectors.flip(1)[:, : self.columns])
            rows = rows @ self.basis
        lengths = rows.square().sum(1).sort().values
        self.scale.copy_(lengths[math.ceil(_QUANTILE * (len(lengths) - 1))].clamp_min(1e-12))

    def forward(self, probabilities: Tensor, modality: int) -> Tensor:
        """(n, C) probabilities of modality 0 or 1 to (n, r + 2) unit vectors."""
        z = probabilities.float() @ self.basis / self.scale.sqrt()
        z = z / z.square().sum(1, keepdim=True).clamp_min(1.0).sqrt()
        rest = (1.0 - z.square().sum(1, keepdim=True)).clamp_min(0.0).sqrt()
        nothing = torch.zeros_like(rest)
        return torch.cat([z, rest, nothing] if modality == 0 else [z, nothing, rest], 1)


def blend(base: Tensor, events: Tensor, weight: Tensor | float) -> Tensor:
    """(n, a + b) unit rows of (n, a) and (n, b) unit rows, whose cosine is (1 − w) times one plus w times the other.

    Example:
        >>> base, events = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> z = blend(base, events, 0.36)
        >>> round(float(z @ blend(base, -events, 0.36).mT), 6)
        0.28
    """
    w = torch.as_tensor(weight, dtype=base.dtype, device=base.device)
    return torch.cat([(1 - w).sqrt() * base, w.sqrt() * events], 1)
