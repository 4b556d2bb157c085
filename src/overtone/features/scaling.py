"""Scaling of features, fitted on train rows only and stored with the run."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from overtone.core import InputError, unknown_name

KINDS = ("none", "zscore", "minmax", "pca")
_PCA_KEEPS = 0.999
"""Share of the variance that ``pca`` keeps; what is below is noise that unit variance would blow up."""

_BLOCK = 1 << 22  # values converted to float64 at a time


class Scaler:
    """A fitted scaling ``(x - centre) * scale`` or ``(x - centre) @ directions`` of the last axis.

    ========  ==========================================================================================
    kind      what it does
    ========  ==========================================================================================
    none      nothing
    zscore    mean 0, standard deviation 1 per column
    minmax    train minimum to 0, train maximum to 1 per column
    pca       centred, rotated to principal directions, each of variance 1; keeps .999 of the variance
    ========  ==========================================================================================

    A column that is constant on the train rows becomes 0 everywhere. Sequences (N, T, d) are scaled over all their
    N·T steps alike.

    Args:
        kind: One of :data:`KINDS`.
        tensors: ``centre`` (d,), and ``scale`` (d,) or ``directions`` (d, k); made by :meth:`fit`.

    Raises:
        InputError: There is no such kind.

    Example:
        >>> x = torch.tensor([[0.0, 7.0], [2.0, 7.0]])
        >>> Scaler.fit("zscore", x)(x).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, kind: str, tensors: Mapping[str, Tensor] | None = None) -> None:
        if kind not in KINDS:
            raise unknown_name("scaling", kind, KINDS)
        self.kind = kind
        self.tensors = dict(tensors or {})

    @classmethod
    def fit(cls, kind: str, tensor: Tensor) -> Scaler:
        """Learn the scaling from train rows.

        Args:
            kind: One of :data:`KINDS`.
            tensor: (N, d) or (N, T, d) train rows, N >= 1.

        Returns:
            The fitted scaler.

        Raises:
            InputError: The kind is unknown or there are no rows.
        """
        if kind not in KINDS:
            raise unknown_name("scaling", kind, KINDS)
        if kind == "none":
            return cls(kind)
        rows = tensor.reshape(-1, tensor.shape[-1])
        if not len(rows):
            raise InputError("a scaler needs at least one row to be fitted on", got="none")
        if kind == "minmax":
            low, high = rows.amin(dim=0), rows.amax(dim=0)
            return cls(kind, {"centre": low, "scale": _inverse(high - low, low)})
        centre = rows.mean(dim=0, dtype=torch.float64)
        if kind == "zscore":
            spread = (_moment(rows, centre, square=False) / len(rows)).sqrt()
            return cls(kind, {"centre": centre.float(), "scale": _inverse(spread, centre).float()})
        # laid out as a file gives it back: products of a transposed layout differ in the last bit
        directions = _principal(rows, centre).float().contiguous()
        return cls(kind, {"centre": centre.float(), "directions": directions})

    def __call__(self, tensor: Tensor) -> Tensor:
        """Scale (..., d) features; gives (..., d), with ``pca`` (..., k)."""
        if self.kind == "none":
            return tensor
        centred = tensor - self.tensors["centre"].to(tensor.device)
        if "directions" in self.tensors:
            return centred @ self.tensors["directions"].to(tensor.device)
        return centred.mul_(self.tensors["scale"].to(tensor.device))

    def state(self) -> dict[str, Tensor]:
        """Everything :meth:`from_state` needs, as tensors."""
        return {"kind": torch.tensor(KINDS.index(self.kind)), **self.tensors}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Scaler:
        """The scaler whose :meth:`state` this is."""
        return cls(KINDS[int(state["kind"])], {name: tensor for name, tensor in state.items() if name != "kind"})


def _inverse(spread: Tensor, level: Tensor) -> Tensor:
    """1/spread, and 0 for a column whose spread is rounding noise of its level."""
    constant = spread <= 1e-6 * level.abs()
    return torch.where(constant | (spread <= 0), 0.0, 1.0 / torch.where(spread > 0, spread, 1.0))


def _moment(rows: Tensor, centre: Tensor, *, square: bool) -> Tensor:
    """Sum over the rows of the squared deviations, (d,), or of their outer products, (d, d), in float64 by blocks."""
    total = torch.zeros(2 * centre.shape if square else centre.shape, dtype=torch.float64)
    for block in torch.split(rows, max(1, _BLOCK // max(1, rows.shape[1]))):
        deviation = block.double() - centre
        total += deviation.T @ deviation if square else deviation.square().sum(dim=0)
    return total


def _principal(rows: Tensor, centre: Tensor) -> Tensor:
    """(d, k) principal directions, each divided by the standard deviation along it."""
    variances, directions = torch.linalg.eigh(_moment(rows, centre, square=True) / len(rows))
    variances, directions = variances.flip(0).clamp_min(0), directions.flip(1)
    share = variances.cumsum(0) / variances.sum().clamp_min(torch.finfo(torch.float64).tiny)
    kept = min(int((share < _PCA_KEEPS).sum()) + 1, len(variances))
    # the sign of an eigenvector is arbitrary: the largest entry is made positive, so that runs agree across machines
    directions = directions[:, :kept]
    scale = _inverse(variances[:kept].sqrt(), torch.zeros(kept, dtype=torch.float64))
    signs = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)).sign()
    result: Tensor = directions * signs * scale
    return result
