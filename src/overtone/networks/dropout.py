"""Dropout that takes its chances from random bytes: on a CPU the library's own spends most of its time drawing them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Module):
    """Zeroes entries with probability p in [0, 1) and scales the others by 1 / (1 − p).

    On a CPU one draw of 64 bits serves eight entries, so p is rounded to a multiple of 1/256; the scale is that of the
    rounded p, so the mean is kept exactly. Elsewhere PyTorch's own dropout is used.

    Args:
        p: Share of entries zeroed.

    Source:
        Srivastava et al. 2014, Journal of Machine Learning Research 15.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, entries: Tensor) -> Tensor:
        """Any shape to the same shape; the identity in evaluation mode."""
        threshold = min(255, round(256 * self.p))
        if not self.training or threshold == 0:
            return entries
        if entries.device.type != "cpu":
            return F.dropout(entries, self.p)
        n = entries.numel()
        draws = torch.empty((n + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = (draws.view(torch.uint8)[:n] >= threshold).view(entries.shape)
        return entries * kept.to(entries.dtype).mul_(256 / (256 - threshold))
