"""Which scaling each modality gets: the one in which the two modalities' neighbours agree most, without labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core.worker_counts import one_thread
from overtone.features.scaling import AUTO, Scaler, half_whitening, split_scaling

_NEIGHBOURS = 10
_SAMPLE, _SAMPLE_WIDE, _WIDE = 2000, 1000, 1000
"""Rows, evenly spread, on which neighbours are compared; fewer where a modality has more than so many columns."""
_LEAST_ROWS = 50
"""Below this many rows neighbours say too little, and the first form is taken."""
_SPARSE = 0.5
"""Share of zeros among values that are never negative, from which on a column is a count that may be weighed."""
_USUAL = 100
"""Principal directions that the forms are compared with."""
_DIRECTIONS = (32, 64, 200, 400)
_ROWS_PER_DIRECTION = 8
"""Training rows for each direction at least: with more directions than that a network learns rows by heart."""


@dataclass(frozen=True)
class ScalingChoice:
    """What was chosen for a modality.

    Attributes:
        spec: Steps of :class:`~overtone.features.scaling.Scaler`.
        reason: Why, in a sentence.
        agreement: Steps tried to how many times more neighbours the modalities share than by chance.
    """

    spec: str
    reason: str
    agreement: dict[str, float]


def fit_scalers(
    scaling: str, modalities: Mapping[str, Tensor], pairs: Mapping[str, Tensor] | None = None
) -> tuple[dict[str, Scaler], dict[str, ScalingChoice]]:
    """Fit one scaler a modality, after choosing where ``scaling`` is ``auto``.

    Args:
        scaling: One specification for all modalities, or two with a comma between.
        modalities: Name to (N, d) or (N, T, d) train rows, in order; of different N only if ``pairs`` are given.
        pairs: The same of the rows that all modalities have, among which neighbours are compared; None: all.

    Returns:
        Name to scaler, and name to choice for those that were chosen.
    """
    specs = dict(zip(modalities, split_scaling(scaling, len(modalities))))
    with one_thread():  # near ties must not be decided by the number of threads
        chosen = choose_scalings(pairs or modalities) if AUTO in specs.values() else {}
    chosen = {name: chosen[name] for name, spec in specs.items() if spec == AUTO}
    specs |= {name: choice.spec for name, choice in chosen.items()}
    return {name: Scaler.fit(specs[name], rows) for name, rows in modalities.items()}, chosen


def choose_scalings(modalities: Mapping[str, Tensor]) -> dict[str, ScalingChoice]:
    r"""Choose a scaling for each of two modalities by the agreement of their neighbours.

    A scaling decides which rows are near each other. Where it is right, rows near in one modality are near in the
    other as well. So every form of one modality is compared with every form of the other by their *agreement*

    .. math:: \frac{N}{k^2} \cdot \frac1N \sum_i |\mathcal N_a(i) \cap \mathcal N_b(i)|

    over the k = 10 nearest by cosine: 1 is chance. A form's score is its mean over the other modality's forms. The
    first form in this order is kept unless a later one is ahead by more than its standard error: tfidf (sparse counts
    only), z-scores, centring, roots, roots and z-scores, unit rows, roots in unit rows; each in principal directions,
    as they are and half whitened. Then the number of directions is chosen alike, at most one for every 8 rows.

    Args:
        modalities: Name to (N, d) or (N, T, d) train rows; of a single one, neighbours cannot be compared.

    Returns:
        Name to choice.
    """
    wide = max(part.shape[-1] for part in modalities.values()) > _WIDE
    rows = {name: _sampled(part, _SAMPLE_WIDE if wide else _SAMPLE) for name, part in modalities.items()}
    count = min(len(part) for part in modalities.values())
    most = max(32, count // _ROWS_PER_DIRECTION)
    if len(rows) != 2 or count < _LEAST_ROWS:
        why = "one modality only" if len(rows) != 2 else f"{count} rows are too few to compare neighbours"
        return {name: ScalingChoice("zscore", f"the usual one: {why}", {}) for name in rows}
    forms = {name: _forms(part, most) for name, part in rows.items()}
    compared = _Neighbours(rows, most)
    left, right = forms.values()
    shared = {(a, b): compared.shared(a, b) for a in left for b in right}
    scores = (
        {a: torch.stack([shared[a, b] for b in right]).mean(0) for a in left},
        {b: torch.stack([shared[a, b] for a in left]).mean(0) for b in right},
    )
    best = _first_best(scores[0]), _first_best(scores[1])
    choices = {}
    for side, (name, score) in enumerate(zip(rows, scores)):
        sized = {
            form: compared.shared(*((form, best[1]) if side == 0 else (best[0], form)))
            for form in _sizes(best[side], rows[name].shape[-1], most)
        }
        chosen = _first_best(sized)
        agreement = {str(form): compared.lift(hits) for form, hits in {**sized, **score}.items()}
        low, high = min(agreement.values()), max(agreement.values())
        reason = (
            f"of {len(agreement)} forms tried, whose neighbours are shared with the other modality "
            f"{low:.1f} to {high:.1f} times as often as by chance"
        )
        choices[name] = ScalingChoice(str(chosen), reason, agreement)
    return choices


@dataclass(frozen=True)
class _Form:
    """A base (row and column steps), and how many directions of it are taken, half whitened or not."""

    base: str
    directions: int
    half: bool = False

    def __str__(self) -> str:
        return f"{self.base}+{'half' if self.half else 'svd'}{self.directions}"


class _Neighbours:
    """The nearest rows of two modalities in every form; each base is fitted once."""

    def __init__(self, rows: Mapping[str, Tensor], most: int) -> None:
        self.rows, self.most = list(rows.values()), max(most, _USUAL)
        self.coordinates: dict[tuple[int, str], Tensor] = {}
        self.nearest: dict[tuple[int, _Form], Tensor] = {}

    def shared(self, first: _Form, second: _Form) -> Tensor:
        """(n,) how many neighbours each row has in both modalities, in these forms."""
        one, other = self._near(0, first), self._near(1, second)
        return (one[:, :, None] == other[:, None, :]).sum((1, 2)).float()

    def lift(self, shared: Tensor) -> float:
        """Mean number of shared neighbours as a multiple of chance."""
        return round(float(shared.mean()) * (len(shared) - 1) / _NEIGHBOURS**2, 3)

    def _near(self, side: int, form: _Form) -> Tensor:
        """(n, 10) nearest rows by cosine."""
        if (side, form) not in self.nearest:
            if (side, form.base) not in self.coordinates:
                scaler = Scaler.fit(f"{form.base}+svd{self.most}", self.rows[side])
                self.coordinates[side, form.base] = scaler(self.rows[side])
            taken = self.coordinates[side, form.base][..., : form.directions]
            if form.half:
                taken = taken * half_whitening(taken.flatten(0, -2).double().square().mean(0)).float()
            unit = F.normalize(taken.flatten(1), dim=1)
            self.nearest[side, form] = (unit @ unit.T).fill_diagonal_(-torch.inf).topk(_NEIGHBOURS, dim=1).indices
        return self.nearest[side, form]


def _sampled(rows: Tensor, most: int) -> Tensor:
    """At most so many rows, evenly spread, on the host."""
    if len(rows) > most:
        rows = rows[torch.linspace(0, len(rows) - 1, most).long()]
    return rows.cpu()


def _forms(rows: Tensor, most: int) -> list[_Form]:
    """Forms to compare, the usual ones first."""
    counts = bool(rows.min() >= 0) and float((rows == 0).float().mean()) > _SPARSE
    bases = [*(["tfidf"] if counts else []), "zscore", "center", "root", "root+zscore", "l2", "root+l2"]
    return [_Form(base, min(_USUAL, most), half) for base in bases for half in (False, True)]


def _sizes(form: _Form, width: int, most: int) -> list[_Form]:
    """The form, and the same with other numbers of directions."""
    others = [size for size in _DIRECTIONS if size <= most and size < width]
    return [form, *(replace(form, directions=size) for size in others)]


def _first_best(scores: Mapping[_Form, Tensor]) -> _Form:
    """The first form, unless a later one is ahead by more than the standard error of the difference of (n,) scores."""
    best = next(iter(scores))
    for form, score in scores.items():
        ahead = score - scores[best]
        if ahead.mean() > ahead.std() / len(ahead) ** 0.5:
            best = form
    return best
