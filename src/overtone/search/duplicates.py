"""Near-duplicates: groups of clips that lie nearer to each other than chance puts neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import betaincinv
from torch import Tensor

from overtone.core import ProgressCallback
from overtone.core.documents import BESIDE, Document
from overtone.core.results import Record, Result
from overtone.search.clips import LEAST_CLIPS, Clip, ScaledClips, select_significant
from overtone.search.nearest import nearest_rows

NEIGHBOURS = 10
"""Neighbours of a clip of which the last one says how wide its neighbourhood is."""
_FIFTH = 5
_COPIED = 0.7
"""Least ratio of the dimension by the nearest neighbour to that by the fifth, unless most clips have a near copy."""
_DENSEST = 0.01
"""No neighbourhood counts as smaller than this quantile of them: a group of many copies is no dense region."""


@dataclass(frozen=True)
class DuplicateGroup(Document):
    """Clips that are near-duplicates of each other, directly or through others of the group.

    Attributes:
        clips: Two or more.
        distance: The largest distance from one of them to its nearest other one: 0 for exact copies, 2 for opposites.
        expected: How many clips have a neighbour by chance that is as near as the group's weakest link makes two, in a
            corpus of this size.
    """

    clips: tuple[Clip, ...]
    distance: float
    expected: float


@dataclass(frozen=True, repr=False)
class Duplicates(Document, Result):
    """All near-duplicates of a corpus.

    Attributes:
        modalities: What was compared: clips must be near in all of these.
        clips: N, number of clips.
        groups: The surest first.
        found: Clips in groups.
        expected: How many of them chance explains.
        share: The false discovery rate asked for: ``expected`` is at most this share of ``found``.
        dimension: Estimated intrinsic dimension of the corpus, which says how near neighbours come by chance.
        chances: (N,) probability that a clip's nearest neighbour is as near as it is if nothing was copied.
    """

    modalities: tuple[str, ...]
    clips: int
    groups: tuple[DuplicateGroup, ...]
    found: int
    expected: float
    share: float
    dimension: float
    chances: Tensor = field(default_factory=lambda: torch.empty(0), metadata=BESIDE)

    def headline(self) -> str:
        """How many clips are in how many groups, and how many of them chance explains."""
        where = " and ".join(self.modalities)
        found = f"{self.found:,} of {self.clips:,} clips in {len(self.groups):,} groups by {where}"
        return f"{found}, {self.expected:.3g} expected by chance"

    def iter_records(self) -> Iterator[Record]:
        """A row per clip in a group, the surest group first."""
        for number, group in enumerate(self.groups, 1):
            own = {"group": number, "distance": group.distance, "expected": group.expected}
            yield from (clip.to_record(own) for clip in group.clips)


def find_duplicates(clips: ScaledClips, share: float = 0.05, progress: ProgressCallback | None = None) -> Duplicates:
    r"""Find groups of near-duplicates, with a threshold from the data.

    If nothing was copied, the k nearest neighbours of a clip lie as in a space of some dimension m, filled evenly close
    to the clip. Then the ratio of the nearest one's distance to the k-th one's has the distribution

    .. math:: \Pr[d_1 / d_k \le x] = 1 - (1 - x^m)^{k - 1}

    with k = 10. Its median over all clips gives m. So every link between a clip and a neighbour has a probability under
    chance, and links are kept as long as chance explains at most ``share`` of the clips that have one. Linked clips
    form groups. Several modalities are compared together: unit rows side by side.

    Exact copies are certain: all of this is done with one clip of each, and the others join its group. Where most clips
    have a near copy, the nearest neighbour's distance says nothing about m. The fifth one's does: its ratio to the
    tenth has a median of about :math:`2^{-1/m}`. It is used where it gives a far larger m.

    A group of more than ten copies that all differ is found only if its clips lie nearer than neighbours anywhere else.

    Args:
        clips: What to look through.
        share: False discovery rate.
        progress: Called after each block of clips.

    Returns:
        The groups, and how many of their clips chance explains.

    Source:
        The ratio is that of Levina & Bickel, Maximum likelihood estimation of intrinsic dimension, NIPS 2004.
    """
    distinct, place = torch.unique(clips.first_copy, return_inverse=True)
    links = _Links.between(clips.joined()[distinct], share, progress)
    copied = torch.bincount(place)[place] > 1
    chances, closest = (torch.where(copied, 0.0, values[place]) for values in (links.chances, links.closest))
    expected = chances.clamp_max(links.threshold) * len(distinct)
    groups = _groups(clips, links.groups()[place], closest, expected)
    return Duplicates(
        modalities=clips.names,
        clips=len(clips),
        groups=tuple(groups),
        found=sum(len(one.clips) for one in groups),
        expected=links.threshold * len(distinct),
        share=share,
        dimension=links.dimension,
        chances=chances,
    )


@dataclass(frozen=True)
class _Links:
    """Links between n rows that all differ.

    Attributes:
        rows: (l, 2) which rows are linked.
        closest: (n,) distance to the nearest other row.
        chances: (n,) probability of so near a neighbour.
        threshold: The largest chance of a link.
        dimension: Of the space.
    """

    rows: Tensor
    closest: Tensor
    chances: Tensor
    threshold: float
    dimension: float

    @classmethod
    def between(cls, points: Tensor, share: float, progress: ProgressCallback | None) -> _Links:
        """Find the links of (n, d) rows; none among fewer than twelve, where no neighbourhood stands out."""
        n = len(points)
        if n < LEAST_CLIPS:
            far = torch.full((n,), torch.inf, dtype=torch.float64)
            return cls(torch.empty(0, 2, dtype=torch.long), far, torch.ones(n, dtype=torch.float64), 0.0, 0.0)
        near = nearest_rows(points, NEIGHBOURS, progress, "near-duplicates")
        chances, dimension = chances_of_nearness(near.distances)
        chosen = select_significant(chances[:, 0], share)
        threshold = float(chances[chosen, 0].max()) if chosen.any() else 0.0
        one, place = (chances <= threshold).nonzero().T if chosen.any() else torch.empty(2, 0, dtype=torch.long)
        rows = torch.stack([one, near.rows[one, place]], dim=1)
        return cls(rows, near.distances[:, 0], chances[:, 0], threshold, dimension)

    def groups(self) -> Tensor:
        """(n,) number of each row's group."""
        n, (one, other) = len(self.chances), self.rows.T.cpu().numpy()
        graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n, n))
        return torch.from_numpy(connected_components(graph, directed=False)[1].astype(np.int64))


def chances_of_nearness(distances: Tensor) -> tuple[Tensor, float]:
    """How likely neighbours are as near as they are if nothing was copied, as :func:`find_duplicates` says.

    Args:
        distances: (n, k) distances of rows to their k = 10 nearest, ascending, float64.

    Returns:
        (n, k) probabilities, and the dimension of the space.
    """
    radius = distances[:, -1:]
    radius = radius.clamp_min(float(radius[radius > 0].quantile(_DENSEST)) if (radius > 0).any() else 1.0)
    dimension = _dimension(distances)
    powers = (distances / radius).clamp_max(1.0) ** dimension
    return -torch.expm1((distances.shape[1] - 1) * torch.log1p(-powers)), dimension


def _dimension(distances: Tensor) -> float:
    """The dimension at which the median ratio of the nearest distance to the k-th is what chance makes it."""
    by_nearest, by_fifth = (_dimension_by(distances, j) for j in (1, _FIFTH))
    return by_fifth if by_nearest < _COPIED * by_fifth else by_nearest


def _dimension_by(distances: Tensor, j: int) -> float:
    """The dimension m at which the median of (d_j / d_k)^m is that of the beta distribution with j and k - j."""
    ratios = distances[:, j - 1] / distances[:, -1].clamp_min(1e-300)
    median = min(max(float(ratios.median()), 1e-9), 1 - 1e-9)
    return math.log(betaincinv(j, NEIGHBOURS - j, 0.5)) / math.log(median)


def _groups(clips: ScaledClips, group: Tensor, closest: Tensor, expected: Tensor) -> list[DuplicateGroup]:
    """The groups of two and more clips, the surest first, by the chances of their links."""
    order = group.argsort(stable=True)
    sizes = torch.bincount(group)
    found = []
    for members in torch.split(order, sizes.tolist()):
        if len(members) > 1:
            names = tuple(clips.clips[row] for row in members.tolist())
            found.append(DuplicateGroup(names, float(closest[members].max()), float(expected[members].max())))
    return sorted(found, key=lambda one: (one.expected, one.distance, -len(one.clips)))
