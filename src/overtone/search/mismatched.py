"""Mismatched pairs: clips whose two halves do not belong together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback
from overtone.core.documents import BESIDE, Document
from overtone.core.results import Record, Result
from overtone.evaluation.pairing import pair_agreement
from overtone.search.clips import Clip, ScaledClips, select_significant

_RESTART = 0.1
"""Walks shorter than those of training: wrong pairs are few, and a nearer neighbourhood tells them better."""
_LEAST_RECOGNISED, _SURELY_RECOGNISED = 0.5, 0.8
"""Share of the right pairs that must stand out: where most do not, a low rank says nothing about a pair. The larger one
holds where many pairs look wrong, as weakly related ones would."""
_MANY_WRONG, MOST_WRONG = 0.3, 0.9
"""Share of wrong pairs that is many, and that at which too few right ones are left to tell what these look like."""
_BEYOND_CHANCE = 0.05
"""Largest false discovery rate where single pairs cannot be judged."""
LOWEST = 0.05
"""Pairs ranking below this are counted in :attr:`Mismatches.lowest`."""


@dataclass(frozen=True)
class Mismatch(Document):
    """A clip whose halves probably do not belong together.

    Attributes:
        clip: Which one.
        rank: Share of wrong pairs whose halves agree less: a right pair's is near 1.
        chance: Estimated probability that the pair is wrong.
    """

    clip: Clip
    rank: float
    chance: float


@dataclass(frozen=True, repr=False)
class Mismatches(Document, Result):
    """The mismatched pairs of a corpus.

    Attributes:
        modalities: The two.
        clips: N, number of clips.
        mismatches: The surest first.
        expected: How many of these pairs are expected to be right after all.
        share: The false discovery rate asked for: ``expected`` is at most this share of the mismatches.
        wrong_share: Estimated share of wrong pairs among all clips.
        wrong_share_error: Its standard error.
        recognised: Share of the right pairs that can be told from wrong ones, see
            :class:`~overtone.evaluation.pairing.PairAgreement`.
        judged: Whether single pairs can be judged, see :func:`find_mismatched`. If not, ``mismatches`` are the pairs
            that agree less than wrong pairs do, of which chance explains ``expected``, and ``wrong_share`` is an upper
            bound.
        lowest: Number of pairs that rank in the lowest twentieth; by chance a twentieth of wrong pairs does.
        ranks: (N,) rank of every clip.
    """

    modalities: tuple[str, ...]
    clips: int
    mismatches: tuple[Mismatch, ...]
    expected: float
    share: float
    wrong_share: float
    wrong_share_error: float
    recognised: float
    judged: bool = True
    lowest: int = 0
    ranks: Tensor = field(default_factory=lambda: torch.empty(0), metadata=BESIDE)

    def headline(self) -> str:
        """How many pairs look mismatched, and the estimated share of wrong ones."""
        bound = "" if self.judged else "at most "
        share = f"{bound}{self.wrong_share:.1%} of all pairs wrong"
        return f"{len(self.mismatches):,} of {self.clips:,} pairs, {self.expected:.3g} of them right by chance; {share}"

    def iter_records(self) -> Iterator[Record]:
        """A row per mismatched pair, the surest first."""
        return (one.clip.to_record({"rank": one.rank, "chance": one.chance}) for one in self.mismatches)


def find_mismatched(clips: ScaledClips, share: float = 0.5, progress: ProgressCallback | None = None) -> Mismatches:
    """Find clips whose halves lie in different neighbourhoods, without training.

    :func:`~overtone.evaluation.pairing.pair_agreement` gives each pair its rank among wrong pairs and the probability
    that it is wrong. Pairs are listed by rank, as long as at most ``share`` of the list is expected to be right.

    Where fewer than half of the right pairs stand out, no pair can be judged: weak pairs then look like wrong ones. The
    same holds where over 30 % of all pairs look wrong and fewer than four fifths of the others stand out, and where
    over 90 % look wrong. Then only pairs that agree less than wrong pairs do by chance are listed: those whose rank,
    taken as a p-value, is significant at a false discovery rate of at most 0.05.

    A trained embedding ranks pairs as well, but it has learnt from the wrong ones, too, and puts them near each other:
    its ranks would say nothing about how many there are.

    Args:
        clips: Clips of two modalities.
        share: False discovery rate; by default a list of which half may be right, to be looked through by a person.
        progress: Called after each chunk of clips.

    Returns:
        The pairs, and how many of all pairs are wrong.

    Raises:
        InputError: There is one modality only.
    """
    if len(clips.views) != 2:
        what = "mismatched pairs need two modalities"
        raise InputError(what, got=", ".join(clips.names), fix="bring the other modality")
    first, second = clips.views.values()
    found = pair_agreement(first, second, restart=_RESTART, against="all", tail="flat", progress=progress)
    order = found.ranks.argsort(stable=True)
    needed = _SURELY_RECOGNISED if found.wrong_share > _MANY_WRONG else _LEAST_RECOGNISED
    judged = found.recognised >= needed and found.wrong_share <= MOST_WRONG
    if judged:
        by_chance = (1.0 - found.chances[order]).cumsum(0)
        listed = (by_chance <= share * torch.arange(1, len(order) + 1, device=order.device)).nonzero().flatten()
        count = int(listed[-1]) + 1 if len(listed) and found.wrong_share > 0 else 0
    else:
        by_chance = found.ranks[order] * len(order)
        count = int(select_significant(found.ranks, min(share, _BEYOND_CHANCE)).sum())
    mismatches = [
        Mismatch(clips.clips[row], float(found.ranks[row]), float(found.chances[row])) for row in order[:count].tolist()
    ]
    return Mismatches(
        modalities=clips.names,
        clips=len(clips),
        mismatches=tuple(mismatches),
        expected=float(by_chance[count - 1]) if count else 0.0,
        share=share,
        wrong_share=found.wrong_share,
        wrong_share_error=found.wrong_share_error,
        recognised=found.recognised,
        judged=judged,
        lowest=int((found.ranks < LOWEST).sum()),
        ranks=found.ranks,
    )
