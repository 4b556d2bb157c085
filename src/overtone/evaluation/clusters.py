"""How large the clusters are that two modalities share: read off how fast their neighbours' agreement grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.features.neighbour_search import search_rows

_LARGEST = 512
"""Most neighbours that are compared."""
_FACTOR = 4
"""Agreement at a size is compared with that at a quarter of it and at four times as many neighbours."""
_ENTRIES = 2**23
"""Comparisons held at a time."""
LEAST_ROWS = 64
"""Rows from which on the smallest size, 8, is compared with four times as many neighbours among half of the rows."""


@dataclass(frozen=True)
class ClusterSize:
    """At which size neighbourhoods stop growing alike in two modalities.

    Attributes:
        size: Rows of a cluster, within a factor of 2: where the bend is surest.
        bend: How sharply the agreement bends there; 0 without clusters.
        error: Standard error of the bend over rows.
        neighbours: Numbers of neighbours at which the modalities were compared.
        agreement: Agreement beyond chance at each of them, in [0, 1]; 0 is chance.
    """

    size: int
    bend: float
    error: float
    neighbours: tuple[int, ...]
    agreement: tuple[float, ...]

    @property
    def sure_bend(self) -> float:
        """The bend less two standard errors, at least 0."""
        return max(0.0, self.bend - 2.0 * self.error)

    @property
    def is_largest(self) -> bool:
        """Whether no larger size was looked at, so that clusters may be larger still."""
        return self.size * _FACTOR >= self.neighbours[-1]


def cluster_size(first: Tensor, second: Tensor, queries: int = 2048) -> ClusterSize:
    r"""Estimate how many rows a cluster has that both modalities share, without labels.

    The agreement of two modalities at k neighbours, by cosine, is the share of a row's k nearest that are the same in
    both, corrected for chance:

    .. math:: \kappa_k = \frac{o_k - c_k}{1 - c_k}, \qquad
        o_k = \frac1{kN} \sum_i |\mathcal N^a_k(i) \cap \mathcal N^v_k(i)|, \qquad c_k = \frac{k}{N - 1}

    Within a cluster it is chance which members are nearest, so the agreement grows with k until k reaches the cluster's
    size; beyond it there is little left to agree on, and it stays or falls. Without clusters it follows a power of k.
    So the sign of clusters is a *bend* on logarithmic axes, and the size is where it is:

    .. math:: b_k = \log \kappa_k - \tfrac12 (\log \kappa_{k/4} + \log \kappa_{4k})

    k takes powers of √2 from 8 up to an eighth of the rows, at most 128. The size has the largest bend less two
    standard errors.

    Args:
        first: (N, d) or (N, T, d) rows of the first modality, scaled so that cosines mean something.
        second: The same clips in the second modality.
        queries: At most so many rows, evenly spread, are asked for their neighbours among all rows.

    Raises:
        InputError: The modalities differ in their number of rows, or there are fewer than 64.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> centres = torch.randn(40, 16, generator=generator).repeat_interleave(12, dim=0)
        >>> views = [centres + 0.7 * torch.randn(480, 16, generator=generator) for _ in range(2)]
        >>> found = cluster_size(*views)
        >>> found.size, found.sure_bend > 0.5
        (11, True)
    """
    if len(first) != len(second) or len(first) < LEAST_ROWS:
        raise InputError(
            "rows to compare", got=f"{len(first)} and {len(second)} rows", valid=f"as many of both, {LEAST_ROWS} up"
        )
    rows = len(first)
    sizes = [k for k in (round(2 ** (i / 2)) for i in range(2, 19)) if k <= min(_LARGEST, rows // 2)]
    counts = torch.tensor(sizes, dtype=torch.float64, device=first.device)
    chance = counts / (rows - 1)
    beyond = (_shared(first, second, sizes, queries) / counts - chance) / (1.0 - chance)
    agreement = beyond.mean(0).clamp_min(1e-6)
    step = 2 * round(math.log2(_FACTOR))  # places in the list, which doubles every two
    before, at, after = (slice(i, len(sizes) - 2 * step + i) for i in (0, step, 2 * step))
    bends = agreement[at].log() - 0.5 * (agreement[before].log() + agreement[after].log())
    relative = beyond / agreement  # the delta method: of a logarithm of a mean
    errors = (relative[:, at] - 0.5 * (relative[:, before] + relative[:, after])).std(0) / len(beyond) ** 0.5
    best = int((bends - 2.0 * errors).argmax())
    return ClusterSize(
        size=sizes[step + best],
        bend=float(bends[best]),
        error=float(errors[best]),
        neighbours=tuple(sizes),
        agreement=tuple(agreement.tolist()),
    )


def _shared(first: Tensor, second: Tensor, sizes: list[int], queries: int) -> Tensor:
    """(Q, S) number of neighbours that each asked row has in both modalities, among its 2, 3, 4, ... nearest."""
    rows, most = len(first), sizes[-1]
    asked = torch.linspace(0, rows - 1, min(rows, queries), device=first.device).long()
    units = [F.normalize(part.flatten(1).float(), dim=1) for part in (first, second)]
    lists = [search_rows(unit, asked, most).long() for unit in units]
    counts = torch.tensor(sizes, device=first.device)
    found = []
    for near, other in zip(*(torch.split(part, max(1, _ENTRIES // (most * len(sizes)))) for part in lists)):
        rows_there, rank_there = other.sort(1)
        place = torch.searchsorted(rows_there, near).clamp_max(most - 1)
        common = rows_there.gather(1, place) == near
        farther = torch.maximum(rank_there.gather(1, place), torch.arange(most, device=first.device))
        farther = torch.where(common, farther, most)  # both have a row among k if its farther rank is below k
        found.append((farther[:, :, None] < counts).sum(1))
    return torch.cat(found).double()
