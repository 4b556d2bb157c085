"""The term that InfoNCE, N-pair, ArcFace and CCL share: a positive against all of its anchor's negatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from overtone.objectives.base import LossResult, TermCounts

OUT_OF_REACH = -1e30
"""Takes the place of a logit without weight, or of its logarithm: below any other, and finite, so it has a gradient."""

NEGLIGIBLE = 80.0
"""A share of e^−80 of a sum is below all rounding; smaller ones only cost time, for processors underflow slowly."""


def log_sum_exp(logits: Tensor, weights: Tensor) -> Tensor:
    r"""(n, 1) weighted log-sum-exp of the rows of (n, m) logits, with weights in [0, 1] that get no gradient.

    .. math:: \log \sum_j w_j e^{t_j}

    A row without weight has about −1e30, and no gradient.
    """
    apply: Callable[[Tensor, Tensor], Tensor] = _LogSumExp.apply  # PyTorch leaves it without types
    return apply(logits, weights)


class _LogSumExp(torch.autograd.Function):
    """Keeps nothing but what it was given: the shares, which are the gradient, are computed again on the way back."""

    @staticmethod
    def forward(logits: Tensor, weights: Tensor) -> Tensor:
        reachable = weights.ceil().sub_(1.0).mul_(-OUT_OF_REACH).add_(logits)
        highest = reachable.amax(1, keepdim=True)
        total = reachable.sub_(highest).clamp_min_(-NEGLIGIBLE).exp_().mul_(weights).sum(1, keepdim=True)
        return highest + total.clamp_min_(torch.finfo(total.dtype).tiny).log_()

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        logits, weights, found = ctx.saved_tensors
        return gradient * weights * (logits - found).clamp(-NEGLIGIBLE, NEGLIGIBLE).exp(), None


def against_negatives(
    favourable: Tensor, adverse: Tensor, positive: Tensor, negative: Tensor, active_threshold: float
) -> LossResult:
    r"""Mean over positive pairs of how badly each does against its anchor's negatives.

    .. math::
        \ell_{ij} = -\log \frac{e^{s_{ij}}}{e^{s_{ij}} + \sum_k N_{ik} e^{t_{ik}}}
                  = \operatorname{softplus}\Big(\log \sum_k N_{ik} e^{t_{ik}} - s_{ij}\Big), \qquad
        \ell = \frac{\sum_{ij} P_{ij} \ell_{ij}}{\sum_{ij} P_{ij}}

    Positives of one anchor do not compete with each other. The sum over negatives is taken once for each anchor, so
    that memory is O(n m), however many positives there are. Terms are anchors that have a positive and a negative.

    Args:
        favourable, positive: (n, k) logits s of pairs as positives, and their weights P.
        adverse, negative: (n, m) logits t of pairs as negatives, and their weights N: of the same pairs, unless
            positives have a margin or are known to be few.
        active_threshold: An anchor is active while the mean gradient coefficient of its positives, 1 − p, is above.
    """
    kept = (positive.sum(1) > 0) & (negative.sum(1) > 0)
    positive = positive * kept[:, None]
    deficit = log_sum_exp(adverse, negative) - favourable
    loss = (positive * F.softplus(deficit)).sum() / positive.sum()
    with torch.no_grad():
        coefficient = (positive * deficit.sigmoid()).sum(1)
        active = (coefficient > active_threshold * positive.sum(1)).sum()
        total = kept.sum()
    return LossResult(loss, TermCounts(active, total, len(kept) - total, len(kept)))
