"""Outliers: clips that are far from all others, in one modality or the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from overtone.core import ProgressCallback
from overtone.core.documents import BESIDE, Document
from overtone.core.results import Record, Result
from overtone.search.clips import Clip, ScaledClips, select_significant
from overtone.search.nearest import nearest_rows

_NEIGHBOURS = 10
_ONE_SIGMA = 0.6827
"""Share of a normal distribution within one standard deviation of its mean."""


@dataclass(frozen=True)
class Outlier(Document):
    """A clip far from all others.

    Attributes:
        clip: Which one.
        modality: In which modality it is farther out.
        distance: Distance to its tenth nearest neighbour there, as a multiple of the median clip's.
        expected: How many clips are as far out by chance, in a corpus of this size.
    """

    clip: Clip
    modality: str
    distance: float
    expected: float


@dataclass(frozen=True, repr=False)
class Outliers(Document, Result):
    """All outliers of a corpus.

    Attributes:
        modalities: Where was looked.
        clips: N, number of clips.
        outliers: The farthest first.
        expected: How many of them chance explains.
        share: The false discovery rate asked for: ``expected`` is at most this share of the outliers.
        chances: (N,) probability that a clip is as far out as it is if distances were log-normal.
    """

    modalities: tuple[str, ...]
    clips: int
    outliers: tuple[Outlier, ...]
    expected: float
    share: float
    chances: Tensor = field(default_factory=lambda: torch.empty(0), metadata=BESIDE)

    def headline(self) -> str:
        """How many clips are outliers, and how many of them chance explains."""
        return f"{len(self.outliers):,} of {self.clips:,} clips, {self.expected:.3g} expected by chance"

    def iter_records(self) -> Iterator[Record]:
        """A row per outlier, the farthest first."""
        for one in self.outliers:
            own = {"modality": one.modality, "distance": one.distance, "expected": one.expected}
            yield one.clip.to_record(own)


def find_outliers(clips: ScaledClips, share: float = 0.05, progress: ProgressCallback | None = None) -> Outliers:
    r"""Find clips whose neighbours are farther away than those of ordinary clips.

    A clip's score in a modality is the distance d to its tenth nearest neighbour. Ordinary clips are taken to have
    normally distributed :math:`\ln d`, with the median of all clips as its mean. Its standard deviation is the 68 %
    quantile of the distances from the median, on the side where this is larger: a few outliers change neither, and
    clips of a thinly populated region, of which there are many, are none.

    Of several modalities the less probable distance counts, its probability times their number (Bonferroni).

    Args:
        clips: What to look through.
        share: False discovery rate.
        progress: Called after each block of clips.

    Returns:
        The outliers, and how many of them chance explains.

    Source:
        Ramaswamy, Rastogi & Shim, Efficient algorithms for mining outliers from large data sets, SIGMOD 2000.
    """
    k = min(_NEIGHBOURS, len(clips) - 1)
    found = [
        nearest_rows(rows, k, progress, f"outliers in {name}").distances[:, -1] for name, rows in clips.views.items()
    ]
    scores = [_standardise(distances) for distances in found]
    every = torch.stack([0.5 * torch.erfc(z / 2**0.5) for z, _ in scores], dim=1)
    lowest, side = every.min(dim=1)
    chances = (lowest * len(scores)).clamp_max(1.0)
    chosen = select_significant(chances, share)
    rows = chosen.nonzero().flatten()
    rows = rows[chances[rows].argsort(stable=True)]
    outliers = [
        Outlier(
            clip=clips.clips[row],
            modality=clips.names[int(side[row])],
            distance=float(scores[int(side[row])][1][row]),
            expected=float(chances[row]) * len(clips),
        )
        for row in rows.tolist()
    ]
    expected = float(chances[rows].max()) * len(clips) if len(rows) else 0.0
    return Outliers(clips.names, len(clips), tuple(outliers), expected, share, chances)


def _standardise(distances: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) standard scores of the logarithms of distances, and the distances as multiples of their median."""
    logs = distances.clamp_min(1e-300).log()
    middle = logs.quantile(0.5)
    spread = 1e-6
    for side in (middle - logs[logs < middle], logs[logs > middle] - middle):
        spread = max(spread, float(side.quantile(_ONE_SIGMA)) if len(side) else 0.0)
    return (logs - middle) / spread, (logs - middle).exp()
