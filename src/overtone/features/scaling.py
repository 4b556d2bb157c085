"""Scaling of features, fitted on train rows only and stored with the run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from overtone.core import InputError, unknown_name

ELEMENTS, ROWS, COLUMNS = ("root", "log"), ("l2", "tfidf"), ("center", "zscore", "minmax", "pca")
"""What the first, second and third part of a scaling may be."""
AUTO = "auto"
_PCA_KEEPS = 0.999
"""Share of the variance that principal directions keep; what is below is noise that unit variance would blow up."""
_LEAST_SHARE = 1e-4
"""Directions with a smaller share of the largest variance are not blown up any further by half whitening."""
_SAMPLE = 4096
"""Rows that directions are fitted on where there are more columns than that."""
_BLOCK = 1 << 22  # values converted to float64 at a time
_OLD_KINDS = ("none", "zscore", "minmax", "pca")


class Scaler:
    r"""A fitted scaling of the last axis: at most one step of each part, in this order, joined by ``+``.

    ==========  ==========  =========================================================================================
    part        step        what it does
    ==========  ==========  =========================================================================================
    elements    root        sign(x) √|x|: counts, histograms, energies
    \           log         sign(x) log(1 + |x|)
    rows        l2          unit length
    \           tfidf       times log((1 + N) / (1 + rows where the column is above 0)) + 1, then unit length
    columns     center      mean 0
    \           zscore      mean 0, standard deviation 1
    \           minmax      train minimum to 0, train maximum to 1
    \           pca         mean 0, principal directions of variance 1; nothing follows
    directions  svdK        the first K principal directions, with their variances (all that are needed for .999)
    \           halfK       the same, each divided by the square root of its standard deviation
    ==========  ==========  =========================================================================================

    ``none`` does nothing. ``root+zscore+svd100`` takes roots, then z-scores, then 100 directions. After ``center``,
    ``l2``, ``tfidf``, ``svdK`` and ``halfK`` one factor for all columns makes the mean square of an entry 1. A column
    that is constant on the train rows becomes 0 everywhere. Sequences (N, T, d) are scaled over all N·T steps alike.

    Args:
        spec: The steps.
        tensors: What was fitted; made by :meth:`fit`.

    Raises:
        InputError: There is no such step, or the steps are in another order.

    Example:
        >>> x = torch.tensor([[0.0, 7.0], [2.0, 7.0]])
        >>> Scaler.fit("zscore", x)(x).tolist()
        [[-1.0, 0.0], [1.0, 0.0]]
        >>> Scaler.fit("root+svd1", torch.tensor([[0.0, 9.0], [4.0, 9.0]]))(x).shape
        torch.Size([2, 1])
    """

    def __init__(self, spec: str, tensors: Mapping[str, Tensor] | None = None) -> None:
        self.kind = spec
        self._steps = _parse(spec)
        self.tensors = dict(tensors or {})

    @classmethod
    def fit(cls, kind: str, tensor: Tensor) -> Scaler:
        """Learn the scaling from train rows.

        Args:
            kind: The steps; ``auto`` is decided before, by :func:`~overtone.features.scaling_choice.choose_scalings`.
            tensor: (N, d) or (N, T, d) train rows, N >= 1.

        Raises:
            InputError: A step is unknown, there are no rows, or tfidf is to weigh negative values.
        """
        scaler = cls(kind)
        if kind == "none":
            return scaler
        rows = tensor.reshape(-1, tensor.shape[-1])
        if not len(rows):
            raise InputError("a scaler needs at least one row to be fitted on", got="none")
        _, by_row, by_column, directions = scaler._steps
        if by_row == "tfidf":
            if rows.min() < 0:
                raise InputError(
                    "tfidf weighs counts", got=f"a value of {rows.min():.4g}", fix="choose another scaling"
                )
            present = (rows > 0).sum(dim=0).double()
            scaler.tensors["idf"] = (torch.log((1 + len(rows)) / (1 + present)) + 1).float()
        rows = scaler._before_columns(rows)
        if by_column is None and by_row != "tfidf":
            by_column = "center"  # principal directions of rows with a mean would begin with that mean
        if by_column == "minmax":
            low, high = rows.amin(dim=0), rows.amax(dim=0)
            scaler.tensors |= {"centre": low, "scale": _inverse(high - low, low)}
        elif by_column is not None:
            centre = rows.mean(dim=0, dtype=torch.float64)
            scaler.tensors["centre"] = centre.float()
            if by_column == "zscore":
                spread = (_moment(rows, centre, square=False) / len(rows)).sqrt()
                scaler.tensors["scale"] = _inverse(spread, centre).float()
        if directions is not None:
            scaler._fit_directions(rows, *directions)
        elif by_column == "center" or by_column is None:
            scaler.tensors["factor"] = _to_unit(scaler(tensor))
        return scaler

    def _fit_directions(self, rows: Tensor, kind: str, most: int | None) -> None:
        """Principal directions, each divided by its standard deviation (pca), by that one's root (half), or not."""
        if kind == "pca":
            centre = rows.mean(dim=0, dtype=torch.float64)
        else:
            rows, centre = self._by_column(rows), torch.zeros(rows.shape[1], dtype=torch.float64)
        variances, vectors = _principal(rows, centre)
        share = variances.cumsum(0) / variances.sum().clamp_min(torch.finfo(torch.float64).tiny)
        kept = min(int((share < _PCA_KEEPS).sum()) + 1, len(variances), most or len(variances))
        variances, vectors = variances[:kept], vectors[:, :kept]
        # an eigenvector's sign is arbitrary: the largest entry is made positive, so that runs agree across machines
        signs = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True)).sign()
        if kind == "pca":
            scale = _inverse(variances.sqrt(), torch.zeros(kept, dtype=torch.float64))
        else:
            scale = half_whitening(variances) if kind == "half" else torch.ones_like(variances)
            size = (variances * scale.square()).mean().sqrt()
            scale = torch.where(size > 0, scale / size, 0.0)
        # laid out as a file gives it back: products of a transposed layout differ in the last bit
        self.tensors["directions"] = (vectors * signs * scale).float().contiguous()

    def __call__(self, tensor: Tensor) -> Tensor:
        """Scale (..., d) features; gives (..., d), or (..., k) where directions are taken."""
        if self.kind == "none":
            return tensor
        scaled = self._by_column(self._before_columns(tensor))
        if "directions" in self.tensors:
            scaled = scaled @ self.tensors["directions"].to(tensor.device)
        if "factor" in self.tensors:
            scaled = scaled * self.tensors["factor"].to(tensor.device)
        return scaled

    def _before_columns(self, tensor: Tensor) -> Tensor:
        """Elements and rows."""
        element, by_row, *_ = self._steps
        if element == "root":
            tensor = tensor.sign() * tensor.abs().sqrt()
        elif element == "log":
            tensor = tensor.sign() * tensor.abs().log1p()
        if by_row == "tfidf":
            tensor = tensor * self.tensors["idf"].to(tensor.device)
        return tensor if by_row is None else torch.nn.functional.normalize(tensor, dim=-1)

    def _by_column(self, tensor: Tensor) -> Tensor:
        """Centre and scale."""
        if "centre" in self.tensors:
            tensor = tensor - self.tensors["centre"].to(tensor.device)
        return tensor * self.tensors["scale"].to(tensor.device) if "scale" in self.tensors else tensor

    def state(self) -> dict[str, Tensor]:
        """Everything :meth:`from_state` needs, as tensors; ``spec`` holds the steps' letters."""
        return {"spec": torch.tensor(list(self.kind.encode()), dtype=torch.uint8), **self.tensors}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Scaler:
        """The scaler whose :meth:`state` this is; older ones hold a number, ``kind``, in the place of ``spec``."""
        spec = bytes(state["spec"].tolist()).decode() if "spec" in state else _OLD_KINDS[int(state["kind"])]
        return cls(spec, {name: tensor for name, tensor in state.items() if name not in ("spec", "kind")})


def scalers_state(scalers: Mapping[str, Scaler]) -> dict[str, Tensor]:
    """The tensors of several scalers, each under ``MODALITY/``."""
    return {f"{name}/{key}": value for name, scaler in scalers.items() for key, value in scaler.state().items()}


def scalers_from(tensors: Mapping[str, Tensor], modalities: Sequence[str], path: Path) -> dict[str, Scaler]:
    """The scalers whose :func:`scalers_state` this is, in the order of the modalities; ``path`` is for messages.

    Raises:
        InputError: They are damaged, or of other modalities.
    """
    states: dict[str, dict[str, Tensor]] = {}
    for place, tensor in tensors.items():
        name, _, key = place.rpartition("/")
        states.setdefault(name, {})[key] = tensor
    if states.keys() != set(modalities):
        raise InputError(f"{path}: not the scalers of this run", got=", ".join(states), valid=", ".join(modalities))
    try:
        return {name: Scaler.from_state(states[name]) for name in modalities}
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        what = f"{path}: not scalers ({str(error).splitlines()[0]})"
        raise InputError(what, fix="take a whole copy of the run") from None


def half_whitening(variances: Tensor) -> Tensor:
    """(k,) factors v^(-1/4) of directions of variances v, the first being the largest: halfway to variances of 1."""
    share = variances / variances[0].clamp_min(torch.finfo(variances.dtype).tiny)
    return share.clamp_min(_LEAST_SHARE).pow(-0.25)


def check_scaling(spec: str) -> str:
    """The specification itself, if ``auto`` or one, or two with a comma between, can be read.

    Raises:
        InputError: It cannot.
    """
    parts = split_scaling(spec)
    for part in parts:
        if part != AUTO:
            _parse(part)
    return ",".join(parts)


def split_scaling(spec: str, modalities: int | None = None) -> list[str]:
    """One specification for each of so many modalities: ``zscore`` for all, ``zscore,tfidf+svd100`` one by one."""
    parts = [part.strip() for part in spec.split(",")]
    wanted = modalities or max(1, min(2, len(parts)))
    if len(parts) not in (1, wanted):
        raise InputError(
            f"scaling {spec!r} names {len(parts)} modalities", valid=f"one for all, or {wanted} with commas"
        )
    return parts * wanted if modalities and len(parts) == 1 else parts


Steps = tuple[str | None, str | None, str | None, tuple[str, int | None] | None]


def _parse(spec: str) -> Steps:
    """Element, row and column step, and how directions are whitened and how many are kept."""
    if spec == "none":
        return None, None, None, None
    rest = spec.split("+")

    def take(names: tuple[str, ...]) -> str | None:
        return rest.pop(0) if rest and rest[0] in names else None

    element, by_row, by_column = take(ELEMENTS), take(ROWS), take(COLUMNS)
    directions: tuple[str, int | None] | None = None
    if by_column == "pca":
        by_column, directions = "center", ("pca", None)
    elif rest and (match := re.fullmatch(r"(svd|half)([1-9]\d*)", rest[0])):
        directions = match[1], int(match[2])
        rest.pop(0)
    if rest:
        steps = (*ELEMENTS, *ROWS, *COLUMNS, "none", AUTO, "svd100", "half100")
        if rest[0] not in steps and not re.fullmatch(r"(svd|half)[1-9]\d*", rest[0]):
            raise unknown_name("scaling", rest[0], steps)
        order = f"{' or '.join(ELEMENTS)}; {' or '.join(ROWS)}; {', '.join(COLUMNS)}; svdK or halfK with a number K"
        raise InputError(f"scaling {spec!r}: {rest[0]!r} cannot stand there", valid=f"in this order: {order}")
    return element, by_row, by_column, directions


def _to_unit(rows: Tensor) -> Tensor:
    """The factor that makes the mean square of an entry 1; 1 where all are 0."""
    square = rows.double().square().mean()
    return torch.where(square > 0, square.clamp_min(1e-300).rsqrt(), 1.0).float()


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


def _principal(rows: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Variances, (d,) falling, and (d, d) principal directions; where columns outnumber rows, (n,) and (d, n).

    Of more than ``_SAMPLE`` columns the products of at most as many rows, evenly spread, are taken.
    """
    width = rows.shape[1]
    if width > _SAMPLE and len(rows) > _SAMPLE:
        rows = rows[torch.linspace(0, len(rows) - 1, _SAMPLE).long()]
    if width <= len(rows):
        variances, vectors = torch.linalg.eigh(_moment(rows, centre, square=True) / len(rows))
        return variances.flip(0).clamp_min(0), vectors.flip(1)
    deviation = rows.double() - centre
    variances, vectors = torch.linalg.eigh(deviation @ deviation.T / len(rows))
    variances, vectors = variances.flip(0).clamp_min(0), vectors.flip(1)
    real = variances > 1e-12 * variances[0].clamp_min(torch.finfo(torch.float64).tiny)
    variances, vectors = variances[real], vectors[:, real]
    if not len(variances):
        return torch.zeros(1, dtype=torch.float64), torch.zeros(width, 1, dtype=torch.float64)
    return variances, deviation.T @ vectors / (variances * len(rows)).sqrt()
