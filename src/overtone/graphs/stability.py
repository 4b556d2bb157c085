"""How much of a graph comes back when the rows are drawn again."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from overtone.graphs.arrays import Bools, Floats
from overtone.graphs.edges import HalvesAgreement
from overtone.graphs.resampling import Resampler

_PENALTIES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""What the choice of the penalty by stability chooses from."""
_RESAMPLES = 20
"""Resamples that it judges each by, if no bootstrap is asked for."""


def consensus(presence: Floats, direction: Floats, threshold: float) -> tuple[Bools, Bools]:
    """The edges that enough samples agree on, directed and undirected, from (p, p) frequencies.

    An edge is kept from a frequency of ``threshold`` on. It is directed if that direction alone is as frequent, and
    more frequent than its reverse; directed edges that would close a cycle lose their direction.
    """
    kept = (presence >= threshold) & (presence > 0)
    directed = kept & (direction >= threshold) & (direction > direction.T)
    _, component = connected_components(csr_array(directed), directed=True, connection="strong")
    directed &= component[:, None] != component[None, :]
    return directed, kept & ~directed & ~directed.T


def repeatability(presence: Floats, samples: int) -> float:
    """Probability that an edge of one sample's graph is in another sample's graph.

    With θ the frequency of a pair over B samples: Σ θ (Bθ - 1)/(B - 1) / Σ θ; 1 for graphs without an edge.

    Example:
        >>> repeatability(np.array([[0, 1.0], [1.0, 0]]), 10), repeatability(np.array([[0, 0.1], [0.1, 0]]), 10)
        (1.0, 0.0)
    """
    total = presence.sum()
    if not total or samples < 2:
        return 1.0
    return float((presence * (samples * presence - 1)).sum() / (samples - 1) / total)


def choose_penalty(samples: Resampler) -> tuple[float, dict[str, float]]:
    """The penalty discount that is set; for "stability" the least at which the graphs of bootstrap samples agree.

    Agreement grows with the penalty, so the candidates are searched by halving.

    Returns:
        The penalty discount, and the agreement at those that were tried.
    """
    settings = samples.learner.settings
    if settings.penalty != "stability":
        return float(settings.penalty), {}
    count, low, high = min(settings.bootstrap, _RESAMPLES) or _RESAMPLES, 0, len(_PENALTIES) - 1
    tried: dict[str, float] = {}
    while low < high and not samples.clock.over():
        middle = (low + high) // 2
        presence, _, done = samples.frequencies(_PENALTIES[middle], count)
        agreement = tried[f"{_PENALTIES[middle]:g}"] = repeatability(presence, done)
        low, high = (low, middle) if agreement >= settings.stability else (middle + 1, high)
    return _PENALTIES[low], tried


def compare_halves(samples: Resampler, penalty: float, counted: Bools | None = None) -> HalvesAgreement:
    """How far the graphs of two halves of the rows agree, over the pairs of variables that count: (p, p), or all."""
    p = len(samples.moments.names)
    upper = np.triu(np.ones((p, p), bool) if counted is None else counted, 1)
    graphs = samples.halves(penalty, samples.learner.settings.halves)
    found = [(directed | directed.T | undirected)[upper] for directed, undirected in graphs]
    return agreement_of(np.array(found[: len(found) // 2 * 2]).reshape(-1, 2, int(upper.sum())))


def agreement_of(pairs: Bools) -> HalvesAgreement:
    """How far pairs of graphs agree: (splits, 2, m) says which of m possible edges each of the two has."""
    if not len(pairs):
        return HalvesAgreement(float("nan"), float("nan"), float("nan"), 0)
    sizes = pairs.sum(2)
    both = (pairs[:, 0] & pairs[:, 1]).sum(1)
    chance = sizes[:, 0] * sizes[:, 1] / pairs.shape[2]
    jaccard, expected = (shared / np.maximum(1e-12, sizes.sum(1) - shared) for shared in (both, chance))
    return HalvesAgreement(float(jaccard.mean()), float(expected.mean()), float(sizes.mean()), len(pairs))
