"""Near-duplicates: groups of clips that lie nearer to each other than chance puts neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from overtone.core import InputError, ProgressCallback
from overtone.core.documents import BESIDE, Document
from overtone.search.clips import Clip, ScaledClips, select_significant
from overtone.search.nearest import Nearest, nearest_rows

_NEIGHBOURS = 10
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


@dataclass(frozen=True)
class Duplicates(Document):
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


def find_duplicates(clips: ScaledClips, share: float = 0.05, progress: ProgressCallback | None = None) -> Duplicates:
    r"""Find groups of near-duplicates, with a threshold from the data.

    If nothing was copied, the k nearest neighbours of a clip lie as in a space of some dimension m, filled evenly close
    to the clip. Then the ratio of the nearest one's distance to the k-th one's has the distribution

    .. math:: \Pr[d_1 / d_k \le x] = 1 - (1 - x^m)^{k - 1}

    with k = 10. Its median over all clips gives m; a few copies do not move it. So every link between a clip and a
    neighbour has a probability under chance, and links are kept as long as chance explains at most ``share`` of the
    clips that have one. Linked clips form groups. Several modalities are compared together: unit rows side by side.

    A group of more than ten copies that all differ is found only if its clips lie nearer than neighbours anywhere else.

    Args:
        clips: What to look through.
        share: False discovery rate.
        progress: Called after each block of clips.

    Returns:
        The groups, and how many of their clips chance explains.

    Raises:
        InputError: More than half of the clips are exact copies.

    Source:
        The ratio is that of Levina & Bickel, Maximum likelihood estimation of intrinsic dimension, NIPS 2004.
    """
    points = clips.joined()
    k = min(_NEIGHBOURS, len(points) - 1)
    near = nearest_rows(points, k, progress, "near-duplicates")
    radius = near.distances[:, -1:]
    radius = radius.clamp_min(float(radius[radius > 0].quantile(_DENSEST)) if (radius > 0).any() else 1.0)
    dimension = _dimension(near, k)
    powers = (near.distances / radius).clamp_max(1.0) ** dimension
    links = -torch.expm1((k - 1) * torch.log1p(-powers))
    chances = links[:, 0]
    chosen = select_significant(chances, share)
    threshold = float(chances[chosen].max()) if chosen.any() else -1.0
    group = _components(clips.first_copy, near, links <= threshold)
    groups = _groups(clips, group, near, chances.clamp_max(max(0.0, threshold)))
    return Duplicates(
        modalities=clips.names,
        clips=len(clips),
        groups=tuple(groups),
        found=sum(len(one.clips) for one in groups),
        expected=max(0.0, threshold) * len(clips),
        share=share,
        dimension=dimension,
        chances=chances,
    )


def _dimension(near: Nearest, k: int) -> float:
    """The dimension at which the median ratio of the nearest distance to the k-th is what chance makes it."""
    ratios = near.distances[:, 0] / near.distances[:, -1].clamp_min(1e-300)
    median = float(ratios.median())
    if median == 0:
        raise InputError("more than half of the clips are exact copies", fix="drop the copies first: compare the rows")
    return math.log(-math.expm1(math.log(0.5) / (k - 1))) / math.log(min(median, 1 - 1e-9))


def _components(first_copy: Tensor, near: Nearest, linked: Tensor) -> Tensor:
    """(N,) number of each clip's group; copies are linked however many there are."""
    n, k = near.rows.shape
    one = torch.arange(n)[:, None].expand(n, k)[linked.cpu()].numpy()
    other = near.rows[linked].cpu().numpy()
    one, other = np.concatenate([one, np.arange(n)]), np.concatenate([other, first_copy.numpy()])
    graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n, n))
    return torch.from_numpy(connected_components(graph, directed=False)[1].astype(np.int64))


def _groups(clips: ScaledClips, group: Tensor, near: Nearest, chances: Tensor) -> list[DuplicateGroup]:
    """The groups of two and more clips, the surest first, by the chances of their links."""
    order = group.argsort(stable=True)
    sizes = torch.bincount(group)
    found = []
    for members in torch.split(order, sizes.tolist()):
        if len(members) > 1:
            distance = float(near.distances[members, 0].max())
            expected = float(chances[members].max()) * len(clips)
            found.append(DuplicateGroup(tuple(clips.clips[row] for row in members.tolist()), distance, expected))
    return sorted(found, key=lambda one: (one.expected, one.distance, -len(one.clips)))
