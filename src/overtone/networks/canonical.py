"""Linear canonical correlation analysis in closed form: a projection fitted on rows, applied to others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError

_ENTRIES = 2**24
"""Entries of a modality that are held in float64 at a time."""


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
        classes = labels.double() if labels is not None and labels.dim() == 2 else labels
        weights = _pair_weights(classes) if classes is not None else first.new_ones(len(first), dtype=torch.float64)
        total = weights.sum()
        means = _weighted_sum(first, weights) / total, _weighted_sum(second, weights) / total
        if not (means[0].isfinite().all() and means[1].isfinite().all()):
            for buffer in self.buffers():
                buffer.fill_(torch.nan)
            return
        views = _View.of(first, means[0]), _View.of(second, means[1])
        inside, outside, across = _covariances(views, weights, classes)
        left = _inverse_root(inside / total, ridge, first.shape[1])
        right = _inverse_root(outside / total, ridge, second.shape[1])
        u, rho, vh = torch.linalg.svd(left @ (across / total) @ right, full_matrices=False)
        kept = min(len(self.correlations), len(rho))  # beyond the rows' span nothing correlates
        for buffer in (self.map_first, self.map_second, self.correlations):
            buffer.zero_()
        self.mean_first.copy_(means[0])
        self.mean_second.copy_(means[1])
        maps = left @ u[:, :kept], right @ vh.mT[:, :kept]
        for into, view, found in zip((self.map_first, self.map_second), views, maps):
            into[:, :kept] = found if view.axes is None else view.axes @ found
        self.correlations[:kept] = rho[:kept].clamp(0.0, 1.0).to(self.correlations.dtype)

    def forward(self, features: Tensor, modality: int, power: float) -> Tensor:
        """(n, d) rows of modality 0 or 1 to (n, k) unit-length coordinates, scaled by correlation ** power."""
        centre, matrix = (self.mean_first, self.map_first) if modality == 0 else (self.mean_second, self.map_second)
        with torch.autocast(features.device.type, enabled=False):
            found = (features.float() - centre) @ matrix * self.correlations.pow(power)
            return F.normalize(found.double(), dim=1).float()  # in which the squares of huge rows are no infinity


def _pair_weights(classes: Tensor) -> Tensor:
    """(n,) float64: in how many pairs each row is, of (n, C) targets or (n,) class codes."""
    if classes.dim() == 2:
        return classes @ classes.sum(0)
    known = classes >= 0
    return torch.where(known, torch.bincount(classes[known])[classes.clamp_min(0)], 0).double()


def class_sums(classes: Tensor, rows: Tensor, count: int | None = None) -> Tensor:
    """Sums of the rows of each class.

    Args:
        classes: (n, C) targets, or (n,) class codes, -1 for none.
        rows: (n, d).
        count: C for codes; None: the highest one plus 1.

    Returns:
        (C, d) sums, each row weighted by its target.
    """
    if classes.dim() == 2:
        return classes.mT @ rows
    known = classes >= 0
    count = int(classes.max()) + 1 if count is None else count
    return rows.new_zeros(count, rows.shape[1]).index_add_(0, classes[known], rows[known])


@dataclass(frozen=True)
class _View:
    """Rows of one modality before they are centred.

    Where rows are few, n far below d, ``axes`` holds the (d, n) axes of the space that they span: a covariance has no
    other directions than these, so a problem in d dimensions becomes one in n.
    """

    rows: Tensor
    mean: Tensor
    axes: Tensor | None

    @classmethod
    def of(cls, rows: Tensor, mean: Tensor) -> _View:
        """A view, with its axes where rows are few."""
        few = 2 * len(rows) < rows.shape[1]
        axes = torch.linalg.svd(rows.double() - mean, full_matrices=False).Vh.mT if few else None
        return cls(rows, mean, axes)

    def centred(self, part: slice) -> Tensor:
        """Some rows in float64, centred, along the axes."""
        rows = self.rows[part].double() - self.mean
        return rows if self.axes is None else rows @ self.axes


def _parts(rows: Tensor) -> list[slice]:
    """Where blocks of rows begin and end, each small in float64."""
    size = max(1, _ENTRIES // rows.shape[1])
    return [slice(start, start + size) for start in range(0, len(rows), size)]


def _weighted_sum(rows: Tensor, weights: Tensor) -> Tensor:
    """(d,) float64."""
    return torch.stack([weights[part] @ rows[part].double() for part in _parts(rows)]).sum(0)


def _covariances(views: tuple[_View, _View], weights: Tensor, classes: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted sums of outer products: within either view, and across over pairs, with classes all pairs of a class."""
    first, second = views
    count = None if classes is None or classes.dim() == 2 else int(classes.max()) + 1
    found: list[Tensor] = []
    for part in _parts(max(first.rows, second.rows, key=lambda rows: rows.shape[1])):
        a, v, w = first.centred(part), second.centred(part), weights[part]
        sums = [(a.mT * w) @ a, (v.mT * w) @ v]
        if classes is None:
            sums.append(a.mT @ v)
        else:
            sums += [class_sums(classes[part], a, count), class_sums(classes[part], v, count)]
        found = [so_far + more for so_far, more in zip(found, sums)] if found else sums
    return found[0], found[1], found[2] if classes is None else found[2].mT @ found[3]


def _inverse_root(covariance: Tensor, ridge: float, width: int) -> Tensor:
    """Symmetric inverse square root of a covariance with a ridge in proportion to the mean variance of d columns."""
    mean = covariance.diagonal().mean() if len(covariance) == width else covariance.trace() / width
    values, vectors = torch.linalg.eigh(covariance)
    loaded = values.clamp_min(0.0) + ridge * mean
    # directions without variance contain no information; a floor keeps them finite
    root: Tensor = (vectors * loaded.clamp_min(1e-10 * mean + 1e-30).rsqrt()) @ vectors.mT
    return root
