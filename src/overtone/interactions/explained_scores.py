"""Scores of each class after what the other events of a clip explain: sharper than scores that are only unmixed."""

from __future__ import annotations

import torch
from torch import Tensor

_COUNTED = 0.5
"""How far chances of other events count, against their share of all clips: they rest on the same scores."""
_RIDGE = 0.01
"""Of the regression of scores on events, as a share of the mean variance of events."""
_FLOOR = 1e-3
"""Variance that is added to that of the noise in every direction, as a share of the mean variance."""
_FLAT = 1e-9
"""Share of what the clearest class stands out by, below which a class does not stand out at all."""
_CELLS = 1 << 20
"""Entries of a block of rows."""


def explain_scores(scores: Tensor, chances: Tensor) -> Tensor:
    r"""Read off each class how far it is there, given how likely every other class is.

    The scores of a clip are a mixture, :math:`s = b + \sum_j e_j B_j + \varepsilon`, of what every event that is there,
    :math:`e_j = 1`, does to all scores, and of noise of covariance Σ, which scores share. With the chances q of events,

    .. math:: B = \Bigl(\sum_n \operatorname{E}[e e^\top]\Bigr)^{-1} \sum_n q_n s_n^\top, \qquad
        \Sigma = \frac1N \sum_n \operatorname{E}\bigl[(s_n - B^\top e)(s_n - B^\top e)^\top\bigr],

    e and s less their means. What the other events explain is taken away, and what is left is looked at in the
    direction in which class c stands out most from noise and from the events that are not known for sure,

    .. math:: x_{nc} = \frac{B_c K (s_n - b - \sum_{j \ne c} m_{nj} B_j)}{B_c K B_c^\top}, \qquad
        K = \bigl(\Sigma + B^\top \operatorname{diag}(v) B\bigr)^{-1}.

    Chances of other events count by half, :math:`m_{nj} = (q_{nj} + \pi_j) / 2` with the share π of clips that have
    the event, and v is the mean of :math:`\pi (1 - \pi)` and of the variance that chances leave: they were read off
    the same scores, and would confirm themselves.

    Args:
        scores: (N, C) of one modality, about linear in events (logits).
        chances: (N, C) chances that events show in it.

    Returns:
        (N, C) in float32: about 0 where the event is absent and 1 where it is there, but for a shift of each class.

    Source:
        A factorial model with one mean-field step (Ghahramani & Jordan 1997), by matched filters.

    Example:
        >>> make = torch.Generator().manual_seed(0)
        >>> events = (torch.rand(2000, 3, generator=make) < 0.2).float()
        >>> shared = 3 * torch.randn(2000, 1, generator=make)  # the same noise in all three scores
        >>> scores = 4 * events + shared + torch.randn(2000, 3, generator=make) / 2
        >>> found = explain_scores(scores, 0.8 * events + 0.04)
        >>> [bool(part[events > 0].mean() - part[events == 0].mean() > 4 * part[events == 0].std())
        ...  for part in (scores / 4, found)]
        [False, True]
    """
    rows, classes = scores.shape
    step = max(1, _CELLS // classes)
    blocks = [slice(start, start + step) for start in range(0, rows, step)]
    both = torch.zeros(2 * classes, 2 * classes, dtype=torch.float64)
    sums, left = torch.zeros(2 * classes, dtype=torch.float64), torch.zeros(classes, dtype=torch.float64)
    for block in blocks:
        part = torch.cat([chances[block], scores[block]], 1).double()
        both += part.T @ part
        sums += part.sum(0)
        left += (part[:, :classes] * (1 - part[:, :classes])).sum(0)
    means, left = sums / rows, left / rows
    both = both / rows - means[:, None] * means
    share, events, mixed = means[:classes], both[:classes, :classes] + left.diag(), both[:classes, classes:]
    mixing = torch.linalg.solve(_with_ridge(events, _RIDGE), mixed)
    noise = both[classes:, classes:] - mixing.T @ mixed - mixed.T @ mixing + mixing.T @ events @ mixing
    unsure = _COUNTED * left + (1 - _COUNTED) * share * (1 - share)
    filters = torch.linalg.solve(_with_ridge(noise + mixing.T @ (unsure[:, None] * mixing), _FLOOR), mixing.T)
    overlap = mixing @ filters
    height = overlap.diagonal().clamp_min(max(_FLAT * float(overlap.diagonal().max()), 1e-30))
    others = (overlap - overlap.diagonal().diag()) / height
    filters = filters / height
    found = torch.empty_like(scores, dtype=torch.float32)
    for block in blocks:
        company = _COUNTED * (chances[block].double() - share)
        found[block] = ((scores[block].double() - means[classes:]) @ filters - company @ others).float()
    return found


def _with_ridge(matrix: Tensor, share: float) -> Tensor:
    """The matrix and, on its diagonal, a share of the diagonal's mean."""
    add = share * matrix.diagonal().mean().clamp_min(1e-12)
    return matrix + add * torch.eye(len(matrix), dtype=matrix.dtype)
