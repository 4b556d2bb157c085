"""Which pairs do not belong together: do the two halves of a clip lie in the same neighbourhood?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError, Progress, ProgressCallback
from overtone.features.neighbours import walk_weights

_SHIFTS = 16
"""How often every row is paired with another one, to see how wrong pairs rank."""
_BINS, _ROWS_PER_BIN = 20, 20
"""Bins of the histogram of ranks: at most so many, each with so many rows on average at least."""
_LEAST_ROWS = 3
_SURE = 2.0
"""Standard errors by which the lower half of a range must lack pairs to count as emptier than the upper half."""


@dataclass(frozen=True)
class PairAgreement:
    """How well the halves of each pair agree, and how many of the pairs are wrong.

    Attributes:
        ranks: (N,) in [0, 1]: the share of wrong pairs whose halves agree less. Wrong pairs have uniform ranks.
        wrong_share: Estimated share u of pairs that are wrong.
        wrong_share_error: Its standard error.
        chances: (N,) estimated probability that the pair is wrong, its local false discovery rate.
        recognised: Share of the right pairs that rank in the top tenth, beyond those wrong pairs that do. Where it is
            small, neighbourhoods say little about pairs, and a right pair may well have a large chance of being wrong.
    """

    ranks: Tensor
    wrong_share: float
    wrong_share_error: float
    chances: Tensor
    recognised: float


Against = Literal["own", "all"]
"""What a pair's agreement is compared with: the other pairs of its own two halves, or all other pairs."""

Tail = Literal["half", "flat"]
"""Ranks from which the share of wrong pairs is estimated: those below 1/2, or only as far up as they lie evenly."""


def pair_agreement(
    first: Tensor,
    second: Tensor,
    edges: int = 10,
    restart: float = 0.03,
    rows: int = 4096,
    against: Against = "own",
    tail: Tail = "half",
    progress: ProgressCallback | None = None,
) -> PairAgreement:
    r"""Estimate for each pair whether its halves belong together, from neighbourhoods alone, without training.

    Random walks with restart on the neighbour graph of each modality give every row a neighbourhood: its
    :func:`~overtone.features.neighbours.walk_weights`. If pair i is right, its neighbourhoods in the two modalities
    hold the same clips. So with

    .. math:: C_{ij} = \cos(W^a_i, W^v_j), \qquad
        r_{ij} = \tfrac12 \Pr_k[C_{ik} < C_{ij}] + \tfrac12 \Pr_k[C_{kj} < C_{ij}]

    (ties count half) the rank of pair i is the share of wrong pairs (k, l), k ≠ l, that have a smaller r than (i, i);
    with ``against="all"``, that have a smaller C. It is uniform for a wrong pair and near 1 for most right ones. The
    share of wrong pairs is Storey's estimate u = 2 Pr[rank < 1/2], and the chance that a pair is wrong u / h(rank), h
    being the density of all ranks: a histogram, made rising by isotonic regression. (Where many wrong pairs are tied,
    both are taken relative to what ranks of wrong pairs do.)

    Storey's estimate counts right pairs that rank below 1/2 as wrong ones. They show as a density of ranks that rises
    below 1/2 already, where wrong pairs alone would be spread evenly. With ``tail="flat"`` the bound 1/2 is halved as
    long as the ranks below it are significantly fewer in the lower half than in the upper half.

    Args:
        first: (N, d) or (N, T, d) rows of the first modality, scaled so that cosines mean something.
        second: The same clips in the second modality.
        edges: Edges that each row proposes in its neighbour graph.
        restart: Probability that a walk ends at a step.
        rows: Most rows compared at a time, O(rows²) memory and O(N rows²) time. Row i belongs to chunk i modulo the
            number of chunks, so that each chunk is spread over the corpus.
        against: ``own`` allows for halves that agree with nothing much and finds more where many pairs are wrong;
            ``all`` finds more where few are.
        tail: Whether wrong pairs are counted below rank 1/2, or only as far up as ranks lie evenly.
        progress: Called after each chunk.

    Raises:
        InputError: The modalities differ in their number of rows, or there are fewer than 3.

    Source:
        Storey, A direct approach to false discovery rates, JRSS B 2002; Efron, Large-Scale Inference, 2010, for local
        false discovery rates.

    Example:
        >>> points = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
        >>> pair_agreement(points, points).wrong_share
        0.0
    """
    if len(first) != len(second) or len(first) < _LEAST_ROWS:
        raise InputError(
            "pairs to compare", got=f"{len(first)} and {len(second)} rows", valid=f"as many of both, {_LEAST_ROWS} up"
        )
    chunks = -(-len(first) // rows)
    ranks = torch.empty(len(first), dtype=torch.float64, device=first.device)
    of_wrong, begun = [], time.perf_counter()
    for chunk in range(chunks):
        agreement = _agreement(first[chunk::chunks], second[chunk::chunks], edges, restart)
        ranks[chunk::chunks], wrong_ranks = _ranks(agreement, against)
        of_wrong.append(wrong_ranks)
        if progress is not None:
            seconds = time.perf_counter() - begun
            progress(Progress("pairs compared", chunk + 1, chunks, unit="chunk", seconds=seconds))
    wrong_ranks = torch.cat(of_wrong)
    bound = 0.5 if tail == "half" else _flat_below(ranks, wrong_ranks)
    low, low_wrong = _share_below(ranks, bound), _share_below(wrong_ranks, bound)
    wrong = min(1.0, low / low_wrong) if low_wrong else float(low > 0)
    top, top_wrong = 1.0 - _share_below(ranks, 0.9), 1.0 - _share_below(wrong_ranks, 0.9)
    return PairAgreement(
        ranks=ranks,
        wrong_share=wrong,
        wrong_share_error=(low * (1.0 - low) / len(ranks)) ** 0.5 / max(low_wrong, bound),
        chances=_chances(ranks, wrong_ranks, wrong),
        recognised=max(0.0, (top - wrong * top_wrong) / (1.0 - wrong)) if wrong < 1 else 0.0,
    )


def _share_below(ranks: Tensor, bound: float) -> float:
    """Share of ranks below a bound."""
    return float((ranks < bound).double().mean())


def _flat_below(ranks: Tensor, wrong_ranks: Tensor) -> float:
    """The bound below which ranks are spread as those of wrong pairs are: 1/2, halved until they are."""
    bound = 0.5
    while (low := _share_below(ranks, bound)) and (low_wrong := _share_below(wrong_ranks, bound)):
        count, share = low * len(ranks), _share_below(wrong_ranks, bound / 2) / low_wrong
        lacking = count * share - _share_below(ranks, bound / 2) * len(ranks)
        if lacking <= _SURE * (count * share * (1.0 - share)) ** 0.5:
            break
        bound /= 2
    return bound


def _agreement(first: Tensor, second: Tensor, edges: int, restart: float) -> Tensor:
    """(n, n) cosines of each row's neighbourhood in the first modality with each one's in the second."""
    walks = []
    for part in (first, second):
        unit = F.normalize(part.flatten(1).float(), dim=1)
        walks.append(F.normalize(walk_weights(unit @ unit.T, edges, restart), dim=1))
    return walks[0] @ walks[1].T


def _ranks(agreement: Tensor, against: Against) -> tuple[Tensor, Tensor]:
    """(n,) share of wrong pairs whose halves agree less than those of each row, and the same of (m,) wrong pairs."""
    n = len(agreement)
    columns = agreement.T.contiguous()
    own = torch.arange(n, device=agreement.device)

    def score(column: Tensor) -> Tensor:
        return agreement[own, column] if against == "all" else _shares(agreement, columns, own, column)

    shifts = torch.linspace(1, n - 1, min(_SHIFTS, n - 1)).long().tolist()
    wrong = torch.cat([score((own + shift) % n) for shift in shifts]).sort().values

    def rank(scores: Tensor) -> Tensor:
        below, upto = (torch.searchsorted(wrong, scores, right=right) for right in (False, True))
        return (below + upto).double() / (2 * len(wrong))

    return rank(score(own)), rank(wrong)


def _shares(agreement: Tensor, columns: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """(n,) mean of the shares of its row and its column that the entry (row, column) exceeds; ties count half."""
    entry = agreement[row, column][:, None]
    below = sum((side < entry).sum(1) + (side <= entry).sum(1) - 1 for side in (agreement, columns[column]))
    return torch.as_tensor(below).double() / (4 * (len(agreement) - 1))


def _chances(ranks: Tensor, wrong_ranks: Tensor, wrong: float) -> Tensor:
    """(N,) share of wrong pairs among those of each rank: wrong / density relative to wrong pairs', at most 1."""
    from sklearn.isotonic import isotonic_regression  # takes a second

    bins = max(1, min(_BINS, len(ranks) // _ROWS_PER_BIN))

    def place(values: Tensor) -> Tensor:
        return (values * bins).long().clamp_max(bins - 1)

    found, expected = (
        np.bincount(place(values).cpu().numpy(), minlength=bins) / len(values) for values in (ranks, wrong_ranks)
    )
    possible = expected > 0  # a rank that no wrong pair has
    density = np.full(bins, np.inf)
    density[possible] = isotonic_regression(found[possible] / expected[possible], sample_weight=expected[possible])
    ratio = torch.from_numpy(density).to(ranks.device)[place(ranks)]
    return (wrong / ratio.clamp_min(1e-12)).clamp_max(1.0)
