"""What training pairs are worth: which look wrong, and whether they are only learnt by heart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from overtone.evaluation.pairing import PairAgreement, pair_agreement
from overtone.evaluation.quick import mean_reciprocal_rank
from overtone.networks import CanonicalProjection

_CHUNK = 2048
"""Rows whose neighbourhoods are compared at a time."""
_LIKELY = 0.5
"""A pair is taken as wrong where this is likelier than not."""
_LEAST_SHARE = 0.18
"""Share of wrong pairs from which on a run trains without them: fewer cost nothing that could be measured."""
_LEAST_RECOGNISED = 0.7
"""Share of right pairs that must be recognised as such, surely: below it, weak pairs would be taken for wrong ones."""
_NAMED = 5
"""Pairs likeliest wrong that a summary names."""
_LEAST_ROWS = 50
"""Fewer rows have no neighbourhoods to speak of."""
_FOLDS = 4
"""One row in so many is held out to see what linear CCA learns by heart."""
_FITTED = 16384
"""Rows that this CCA sees at most."""
_WIDTH = 512
"""Columns, those of largest variance, that this CCA sees at most."""


@dataclass(frozen=True)
class PairCheck:
    """What the neighbourhoods say of the training pairs.

    Attributes:
        ids: Of the training pairs.
        agreement: Ranks of the pairs, the share of wrong ones and each one's chance of being wrong.
        wrong: (N,) bool, pairs that are likelier wrong than right.
        left_out: Whether the run trains without these.
        reason: In words.
        memorised: How much better linear CCA finds the partners of rows it was fitted on than of others
            (:func:`memorisation`).
    """

    ids: tuple[str, ...]
    agreement: PairAgreement
    wrong: Tensor
    left_out: bool
    reason: str
    memorised: float

    @property
    def wrong_share(self) -> float:
        """Share of wrong pairs that the run surely trains with, the estimate less two standard errors.

        Of pairs that stay where others are left out, the estimate is the mean of their chances of being wrong.
        """
        found, stay = self.agreement, ~self.wrong.to(self.agreement.chances.device)
        sure = max(0.0, found.wrong_share - 2.0 * found.wrong_share_error)
        if not self.left_out or not sure:
            return sure
        return sure / found.wrong_share * float(found.chances[stay].mean()) if stay.any() else 0.0

    def summary(self) -> dict[str, float | int | str | list[str]]:
        """What ``run.json`` says, with the ids of the pairs that are likeliest wrong."""
        return {
            "wrong_share": round(self.agreement.wrong_share, 4),
            "wrong_share_error": round(self.agreement.wrong_share_error, 4),
            "recognised": round(self.agreement.recognised, 4),
            "memorised": round(self.memorised, 4),
            "left_out": int(self.wrong.sum()) if self.left_out else 0,
            "likeliest": [name for name, _, _ in self.rows()[:_NAMED]],
            "reason": self.reason,
            "said": self.sentence(),
        }

    def sentence(self) -> str:
        """The estimated share of wrong pairs, which counts weak ones, too, and what follows."""
        number = int(self.wrong.sum())
        what = f"{number} of {len(self.ids)} are not trained on as pairs" if self.left_out else "all are kept"
        return f"at most about {self.agreement.wrong_share:.0%} ({self.reason}; {what})"

    def rows(self) -> list[tuple[str, float, float]]:
        """Id, rank and chance of being wrong of the pairs taken as wrong, likeliest first."""
        ranks, chances = self.agreement.ranks.tolist(), self.agreement.chances.tolist()
        found = self.wrong.nonzero()[:, 0].tolist()
        return sorted([(self.ids[row], ranks[row], chances[row]) for row in found], key=lambda row: (row[1], row[0]))


def check_pairs(first: Tensor, second: Tensor, ids: tuple[str, ...], keep: bool = False) -> PairCheck | None:
    """Look for wrong pairs among training rows, by :func:`~overtone.evaluation.pairing.pair_agreement`.

    A run trains without the pairs that are likelier wrong than right where their estimated share is large enough to
    cost something, and where right pairs are recognised: where the modalities have little in common, a right pair looks
    like a wrong one.

    Args:
        first: (N, d) or (N, T, d) scaled training rows of the first modality.
        second: Of the second.
        ids: N ids.
        keep: Only look, leave none out.

    Returns:
        None for fewer rows than have neighbourhoods.
    """
    if len(first) < _LEAST_ROWS:
        return None
    found = pair_agreement(first, second, rows=_CHUNK)
    wrong = (found.chances > _LIKELY).cpu()
    if found.wrong_share < _LEAST_SHARE:
        left_out, reason = False, "too few to cost anything"
    elif not _recognises(found):
        left_out, reason = False, "the modalities have too little in common to tell wrong pairs from weak ones"
    elif keep:
        left_out, reason = False, "as asked for"
    else:
        left_out, reason = bool(wrong.any()), "likelier wrong than right"
    right = ~wrong.to(first.device) if left_out else slice(None)
    return PairCheck(ids, found, wrong, left_out, reason, memorisation(first[right], second[right]))


def _recognises(found: PairAgreement) -> bool:
    """Whether there surely are right pairs, and enough of them are recognised: both less two standard errors."""
    right = 1.0 - found.wrong_share
    if right <= 2.0 * found.wrong_share_error:
        return False
    top = float((found.ranks > 0.9).double().mean())
    error: float = (top * (1.0 - top) / len(found.ranks)) ** 0.5 / right
    return found.recognised - 2.0 * error >= _LEAST_RECOGNISED


def memorisation(first: Tensor, second: Tensor) -> float:
    r"""How far pairs are learnt by heart: the reciprocal rank of partners, rows fitted on over rows held out.

    .. math:: \frac{\mathrm{MRR}(\text{rows that linear CCA was fitted on})}{\mathrm{MRR}(\text{rows held out})}

    One row in four is held out; both are ranked among as many rows. About 1 where what the modalities share is the same
    for other rows; 2 and more where a linear map already learns single pairs.

    Args:
        first: (N, d) or (N, T, d) scaled rows of the first modality.
        second: Of the second.
    """
    every = -(-len(first) // _FITTED)
    sides = [_widest(rows[::every].flatten(1)) for rows in (first, second)]
    projection = CanonicalProjection((sides[0].shape[1], sides[1].shape[1])).to(first.device)
    held_out = torch.arange(len(sides[0]), device=first.device) % _FOLDS == 0
    projection.fit(sides[0][~held_out], sides[1][~held_out], ridge=1.0)
    embedded = [projection(rows, side, 1.0) for side, rows in enumerate(sides)]
    size = min(int(held_out.sum()), _CHUNK)
    ranked = [(part.nonzero()[:, 0])[:: max(1, int(part.sum()) // size)][:size] for part in (~held_out, held_out)]
    known, new = (mean_reciprocal_rank(embedded[0][rows], embedded[1][rows]) for rows in ranked)
    return known / new


def _widest(rows: Tensor) -> Tensor:
    """The columns of largest variance."""
    return rows if rows.shape[1] <= _WIDTH else rows[:, rows.var(0).topk(_WIDTH).indices.sort().values]
