"""How much of a graph comes back when the rows are drawn again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from overtone.graphs.edges import HalvesAgreement
from overtone.graphs.moments import Moments
from overtone.graphs.resampling import Learner, bootstrap, search_samples
from overtone.graphs.search import Clock

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PENALTIES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""What the choice of the penalty by stability chooses from."""
_RESAMPLES = 20
"""Resamples that it judges each by, if no bootstrap is asked for."""


def consensus(presence: Floats, direction: Floats, threshold: float) -> tuple[Bools, Bools]:
    """The edges that enough samples agree on.

    An edge is kept from a frequency of ``threshold`` on. It is directed if that direction alone is as frequent, and
    more frequent than its reverse; directed edges that would close a cycle lose their direction.

    Args:
        presence: (p, p) frequencies of edges.
        direction: (p, p) frequencies of directed edges.
        threshold: The least frequency.

    Returns:
        directed: (p, p) bool.
        undirected: (p, p) bool, symmetric.
    """
    kept = (presence >= threshold) & (presence > 0)
    directed = kept & (direction >= threshold) & (direction > direction.T)
    _, component = connected_components(csr_array(directed), directed=True, connection="strong")
    directed &= component[:, None] != component[None, :]
    return directed, kept & ~directed & ~directed.T


def repeatability(presence: Floats, samples: int) -> float:
    """Probability that an edge of one sample's graph is in another sample's graph.

    With θ the frequency of a pair over B samples: Σ θ (Bθ - 1)/(B - 1) / Σ θ; 1 for graphs without an edge.

    Args:
        presence: (p, p) symmetric frequencies.
        samples: Number of samples B.

    Returns:
        A probability.

    Example:
        >>> repeatability(np.array([[0, 1.0], [1.0, 0]]), 10), repeatability(np.array([[0, 0.1], [0.1, 0]]), 10)
        (1.0, 0.0)
    """
    total = presence.sum()
    if not total or samples < 2:
        return 1.0
    return float((presence * (samples * presence - 1)).sum() / (samples - 1) / total)


def choose_penalty(learner: Learner, moments: Moments, clock: Clock) -> tuple[float, dict[str, float]]:
    """The penalty discount that is set; for "stability" the least at which the graphs of bootstrap samples agree.

    Agreement grows with the penalty, so the candidates are searched by halving.

    Args:
        learner: What searches; its settings say which agreement is enough.
        moments: The rows.
        clock: Time budget and progress.

    Returns:
        The penalty discount, and the agreement at those that were tried.
    """
    settings = learner.settings
    if settings.penalty != "stability":
        return float(settings.penalty), {}
    count, low, high = min(settings.bootstrap, _RESAMPLES) or _RESAMPLES, 0, len(PENALTIES) - 1
    tried: dict[str, float] = {}
    while low < high and not clock.over():
        middle = (low + high) // 2
        presence, _, done = bootstrap(learner, moments, PENALTIES[middle], count, clock)
        agreement = repeatability(presence, done)
        tried[f"{PENALTIES[middle]:g}"] = agreement
        low, high = (low, middle) if agreement >= settings.stability else (middle + 1, high)
    return PENALTIES[low], tried


def compare_halves(
    learner: Learner, moments: Moments, penalty: float, count: int, clock: Clock, counted: Bools | None = None
) -> HalvesAgreement:
    """How far the graphs of two halves of the rows agree.

    Args:
        learner: What searches.
        moments: The rows.
        penalty: The penalty discount.
        count: Random splits.
        clock: Time budget and progress.
        counted: (p, p) bool: pairs that count; all by default.

    Returns:
        The agreement.
    """
    random = np.random.default_rng(np.random.SeedSequence(learner.settings.random_state, spawn_key=(2,)))
    p = len(moments.names)
    upper = np.triu(np.ones((p, p), bool) if counted is None else counted, 1)
    samples = (half for _ in range(count) for half in moments.halve(random))
    found = [
        (directed | directed.T | undirected)[upper]
        for directed, undirected in search_samples(samples, 2 * count, learner, moments, penalty, clock, "halves")
    ]
    return agreement_of(np.array(found[: len(found) // 2 * 2]).reshape(-1, 2, int(upper.sum())))


def agreement_of(pairs: Bools) -> HalvesAgreement:
    """How far two graphs have the same edges, over several such pairs of graphs.

    Args:
        pairs: (splits, 2, m) bool: which of m possible edges each of the two graphs has.

    Returns:
        Means over the splits.
    """
    if not len(pairs):
        return HalvesAgreement(float("nan"), float("nan"), float("nan"), 0)
    sizes = pairs.sum(2)
    both = (pairs[:, 0] & pairs[:, 1]).sum(1)
    chance = sizes[:, 0] * sizes[:, 1] / pairs.shape[2]
    jaccard, expected = (shared / np.maximum(1e-12, sizes.sum(1) - shared) for shared in (both, chance))
    return HalvesAgreement(float(jaccard.mean()), float(expected.mean()), float(sizes.mean()), len(pairs))
