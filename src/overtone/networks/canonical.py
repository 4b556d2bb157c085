"""Linear canonical correlation analysis in closed form: a projection fitted on rows, applied to others."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError


class CanonicalProjection(nn.Module):
    r"""Linear CCA with a ridge: fitted in closed form, then a linear map per modality.

    .. math::
        T = S_{aa}^{-1/2} S_{av} S_{vv}^{-1/2} = U \operatorname{diag}(\rho) V^\top, \qquad
        z_a = \operatorname{diag}(\rho^p)\, U^\top S_{aa}^{-1/2} (x_a - \mu_a)

    with :math:`S + r \frac{\operatorname{tr} S}{d} I` for S. The power p > 0 lets a direction count in cosines by how
    strongly the modalities agree in it; p = 0 is the plain, whitened form.

    Args:
        widths: (d_a, d_v).
        dimensions: Canonical directions kept, at most min(d_a, d_v); None keeps all.

    Raises:
        InputError: More dimensions are asked for than there are.

    Source:
        Hotelling 1936; Vinod 1976 for the ridge.
    """

    mean_first: Tensor
    mean_second: Tensor
    map_first: Tensor
    map_second: Tensor
    correlations: Tensor

    def __init__(self, widths: tuple[int, int], dimensions: int | None = None) -> None:
        super().__init__()
        most = min(widths)
        if dimensions is not None and dimensions > most:
            raise InputError(
                "more canonical dimensions than the narrower modality has columns", got=dimensions, valid=f"1 to {most}"
            )
        kept = dimensions or most
        for side, width in zip(("first", "second"), widths):
            self.register_buffer(f"mean_{side}", torch.zeros(width))
            self.register_buffer(f"map_{side}", torch.zeros(width, kept))
        self.register_buffer("correlations", torch.zeros(kept))

    @torch.no_grad()
    def fit(self, first: Tensor, second: Tensor, ridge: float, labels: Tensor | None = None) -> None:
        r"""Fit on (n, d_a) and (n, d_v) rows, in float64: on pairs of the same clip, or on all pairs of a class.

        With labels Y, (n, C) targets in [0, 1] or (n,) class codes for their one-hot rows, a pair (i, j) of any two
        clips weighs :math:`w_{ij} = \sum_c Y_{ic} Y_{jc}`, the classes that they share; a row of zeros, or of code -1,
        is left out. No pair is ever listed, for sums over pairs are sums over classes:

        .. math::
            \sum_{ij} w_{ij} x_i^a (x_j^v)^\top = (Y^\top X_a)^\top (Y^\top X_v), \qquad
            \sum_{ij} w_{ij} x_i x_i^\top = X^\top \operatorname{diag}(Y Y^\top 1) X

        Rows that are not finite give a projection that is not finite. ``ridge`` is r of the class.

        Source:
            For labels: Rasiwasia, Mahajan, Mahadevan & Aggarwal, Cluster Canonical Correlation Analysis, AISTATS 2014.
        """
        first, second = first.double(), second.double()
        classes = labels.double() if labels is not None and labels.dim() == 2 else labels
        weights = _pair_weights(classes) if classes is not None else torch.ones_like(first[:, 0])
        total = weights.sum()
        means = weights @ first / total, weights @ second / total
        first, second = first - means[0], second - means[1]
        if not (first.isfinite().all() and second.isfinite().all()):
            for buffer in self.buffers():
                buffer.fill_(torch.nan)
            return
        widths = first.shape[1], second.shape[1]
        (first, span), (second, other_span) = _within_span(first), _within_span(second)
        left = _inverse_root((first.mT * weights) @ first / total, ridge, widths[0])
        right = _inverse_root((second.mT * weights) @ second / total, ridge, widths[1])
        a, v = (first, second) if classes is None else (class_sums(classes, first), class_sums(classes, second))
        u, rho, vh = torch.linalg.svd(left @ (a.mT @ v / total) @ right, full_matrices=False)
        kept = min(len(self.correlations), len(rho))  # beyond the rows' span nothing correlates
        for buffer in (self.map_first, self.map_second, self.correlations):
            buffer.zero_()
        self.mean_first.copy_(means[0])
        self.mean_second.copy_(means[1])
        maps = left @ u[:, :kept], right @ vh.mT[:, :kept]
        self.map_first[:, :kept] = maps[0] if span is None else span @ maps[0]
        self.map_second[:, :kept] = maps[1] if other_span is None else other_span @ maps[1]
        self.correlations[:kept] = rho[:kept].clamp(0.0, 1.0).to(self.correlations.dtype)

    def forward(self, features: Tensor, modality: int, power: float) -> Tensor:
        """(n, d) rows of modality 0 or 1 to (n, k) unit-length coordinates, scaled by correlation ** power."""
        centre, matrix = (self.mean_first, self.map_first) if modality == 0 else (self.mean_second, self.map_second)
        with torch.autocast(features.device.type, enabled=False):
            return F.normalize((features.float() - centre) @ matrix * self.correlations.pow(power), dim=1)


def _pair_weights(classes: Tensor) -> Tensor:
    """(n,) float64: in how many pairs each row is, of (n, C) targets or (n,) class codes."""
    if classes.dim() == 2:
        return classes @ classes.sum(0)
    known = classes >= 0
    return torch.where(known, torch.bincount(classes[known])[classes.clamp_min(0)], 0).double()


def class_sums(classes: Tensor, rows: Tensor) -> Tensor:
    """Sums of the rows of each class.

    Args:
        classes: (n, C) targets, or (n,) class codes, -1 for none.
        rows: (n, d).

    Returns:
        (C, d) sums, each row weighted by its target; of codes C is the highest one plus 1.
    """
    if classes.dim() == 2:
        return classes.mT @ rows
    known = classes >= 0
    return rows.new_zeros(int(classes.max()) + 1, rows.shape[1]).index_add_(0, classes[known], rows[known])


def _within_span(rows: Tensor) -> tuple[Tensor, Tensor | None]:
    """Coordinates of few (n, d) rows, n far below d, in the space that they span, and its (d, n) axes; else the rows.

    A covariance has no other directions than these, so a problem in d dimensions becomes one in n.
    """
    if 2 * len(rows) >= rows.shape[1]:
        return rows, None
    axes = torch.linalg.svd(rows, full_matrices=False).Vh.mT
    return rows @ axes, axes


def _inverse_root(covariance: Tensor, ridge: float, width: int) -> Tensor:
    """Symmetric inverse square root of a covariance with a ridge in proportion to the mean variance of d columns."""
    mean = covariance.diagonal().mean() if len(covariance) == width else covariance.trace() / width
    values, vectors = torch.linalg.eigh(covariance)
    loaded = values.clamp_min(0.0) + ridge * mean
    # directions without variance contain no information; a floor keeps them finite
    root: Tensor = (vectors * loaded.clamp_min(1e-10 * mean + 1e-30).rsqrt()) @ vectors.mT
    return root
