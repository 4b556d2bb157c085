"""Mismatched pairs: clips whose two halves do not belong together."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback
from overtone.core.documents import BESIDE, Document
from overtone.evaluation.pairing import pair_agreement
from overtone.search.clips import Clip, ScaledClips

_RESTART = 0.1
"""Walks shorter than those of training: wrong pairs are few, and a nearer neighbourhood tells them better."""


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


@dataclass(frozen=True)
class Mismatches(Document):
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
    ranks: Tensor = field(default_factory=lambda: torch.empty(0), metadata=BESIDE)


def find_mismatched(clips: ScaledClips, share: float = 0.5, progress: ProgressCallback | None = None) -> Mismatches:
    """Find clips whose halves lie in different neighbourhoods, without training.

    :func:`~overtone.evaluation.pairing.pair_agreement` gives each pair its rank among wrong pairs and the probability
    that it is wrong. Pairs are listed by rank, as long as at most ``share`` of the list is expected to be right.

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
    found = pair_agreement(first, second, restart=_RESTART, against="all", progress=progress)
    order = found.ranks.argsort(stable=True)
    right = (1.0 - found.chances[order]).cumsum(0)
    listed = (right <= share * torch.arange(1, len(order) + 1, device=right.device)).nonzero().flatten()
    count = int(listed[-1]) + 1 if len(listed) and found.wrong_share > 0 else 0
    mismatches = [
        Mismatch(clips.clips[row], float(found.ranks[row]), float(found.chances[row])) for row in order[:count].tolist()
    ]
    return Mismatches(
        modalities=clips.names,
        clips=len(clips),
        mismatches=tuple(mismatches),
        expected=float(right[count - 1]) if count else 0.0,
        share=share,
        wrong_share=found.wrong_share,
        wrong_share_error=found.wrong_share_error,
        recognised=found.recognised,
        ranks=found.ranks,
    )
