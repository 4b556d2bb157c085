"""Which training pairs look wrong, and whether a run trains without them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from overtone.evaluation.pairing import PairAgreement, pair_agreement

_CHUNK = 2048
"""Rows whose neighbourhoods are compared at a time."""
_LIKELY = 0.5
"""A pair is taken as wrong where this is likelier than not."""
_LEAST_SHARE = 0.08
"""Share of wrong pairs from which on a run trains without them: fewer cost nothing that could be measured."""
_LEAST_RECOGNISED = 0.55
"""Share of right pairs that must be recognised as such: below it, weak pairs would be taken for wrong ones."""
_LEAST_ROWS = 50
"""Fewer rows have no neighbourhoods to speak of."""


@dataclass(frozen=True)
class PairCheck:
    """What the neighbourhoods say of the training pairs.

    Attributes:
        ids: Of the training pairs.
        agreement: Ranks of the pairs, the share of wrong ones and each one's chance of being wrong.
        wrong: (N,) bool, pairs that are likelier wrong than right.
        left_out: Whether the run trains without these.
        reason: In words.
    """

    ids: tuple[str, ...]
    agreement: PairAgreement
    wrong: Tensor
    left_out: bool
    reason: str

    def summary(self) -> dict[str, float | int | str]:
        """What ``run.json`` says."""
        return {
            "wrong_share": round(self.agreement.wrong_share, 4),
            "wrong_share_error": round(self.agreement.wrong_share_error, 4),
            "recognised": round(self.agreement.recognised, 4),
            "left_out": int(self.wrong.sum()) if self.left_out else 0,
            "reason": self.reason,
        }

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
    elif found.recognised < _LEAST_RECOGNISED:
        left_out, reason = False, "the modalities have too little in common to tell wrong pairs from weak ones"
    elif keep:
        left_out, reason = False, "as asked for"
    else:
        left_out, reason = bool(wrong.any()), "likelier wrong than right"
    return PairCheck(ids, found, wrong, left_out, reason)

