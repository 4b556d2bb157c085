"""How much of a graph comes back when the rows are drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from overtone.graphs.cpdag import cpdag
from overtone.graphs.moments import Moments
from overtone.graphs.processes import spread
from overtone.graphs.search import Clock, Found
from overtone.graphs.settings import GraphSettings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PENALTIES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""What the choice of the penalty by stability chooses from."""
RESAMPLES = 20
"""Resamples that it judges each by, if no bootstrap is asked for."""


class Sought(NamedTuple):
    """What a learner has found: the DAG, and the correlations that it was found in."""

    found: Found
    correlation: Floats


class Learner(Protocol):
    """Turns the covariance of some rows into a graph; it travels to other processes, so it holds no rows."""

    settings: GraphSettings
    forbidden: Bools | None

    def __call__(self, covariance: Floats, rows: float, penalty: float, seed: Any, clock: Clock) -> Sought:
        """Find the graph of one sample."""


@dataclass(frozen=True, eq=False)
class Task:
    """One sample to be searched, in whatever process."""

    learner: Learner
    covariance: Floats
    rows: float
    penalty: float
    seed: Any
    seconds: float | None

    def __call__(self) -> tuple[Bools, Bools]:
        """The sample's directed and undirected edges."""
        found = self.learner(self.covariance, self.rows, self.penalty, self.seed, Clock(self.seconds)).found
        return cpdag(found.dag, self.learner.forbidden)


def graphs_of(
    samples: Iterator[Floats], count: int, learner: Learner, moments: Moments, penalty: float, clock: Clock, label: str
) -> Iterator[tuple[Bools, Bools]]:
    """The graphs of weighted samples, in their order, until the time is over.

    Args:
        samples: (B,) weights of the blocks, one after the other.
        count: How many there are, for the reports.
        learner: What searches.
        moments: The rows.
        penalty: The penalty discount.
        clock: Time budget and progress.
        label: What is being done, for the reports.

    Yields:
        Directed and undirected edges.
    """
    seeds = np.random.SeedSequence(learner.settings.random_state, spawn_key=(1,)).spawn(count)

    def tasks() -> Iterator[Callable[[], tuple[Bools, Bools]]]:
        for weights, seed in zip(samples, seeds):
            if clock.over():
                return
            yield Task(learner, *moments.covariance(weights), penalty, seed, clock.left)

    clock.label = label
    for done, graph in enumerate(spread(tasks(), learner.settings.processes), 1):
        clock.report(done, count, float("nan"))
        if clock.over() and clock.seconds is not None:
            return  # this one may have been cut short
        yield graph


def bootstrap(
    learner: Learner, moments: Moments, penalty: float, count: int, clock: Clock
) -> tuple[Floats, Floats, int]:
    """Frequencies of edges over bootstrap samples of the rows.

    Args:
        learner: What searches.
        moments: The rows.
        penalty: The penalty discount.
        count: Number of samples.
        clock: Time budget and progress.

    Returns:
        presence: (p, p) symmetric share of samples in which two variables are adjacent.
        direction: (p, p), [x, y]: share of samples with a directed edge x → y.
        done: Samples that were searched to the end; fewer than asked for where the time was over.
    """
    p, done = len(moments.names), 0
    arrows, lines = np.zeros((p, p)), np.zeros((p, p))
    for directed, undirected in resampled(learner, moments, penalty, count, clock):
        arrows += directed
        lines += undirected
        done += 1
    share = 1 / max(1, done)
    return (arrows + arrows.T + lines) * share, arrows * share, done


def resampled(
    learner: Learner, moments: Moments, penalty: float, count: int, clock: Clock
) -> Iterator[tuple[Bools, Bools]]:
    """The graphs of bootstrap samples of the rows.

    Args:
        learner: What searches.
        moments: The rows.
        penalty: The penalty discount.
        count: Number of samples.
        clock: Time budget and progress.

    Returns:
        Directed and undirected edges, one sample after the other until the time is over.
    """
    random = np.random.default_rng(np.random.SeedSequence(learner.settings.random_state, spawn_key=(0,)))
    samples = (moments.draw(random) for _ in range(count))
    return graphs_of(samples, count, learner, moments, penalty, clock, "bootstrap")


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
    """The least penalty discount at which the graphs of bootstrap samples agree.

    Agreement grows with the penalty, so the candidates are searched by halving.

    Args:
        learner: What searches; its settings say which agreement is enough.
        moments: The rows.
        clock: Time budget and progress.

    Returns:
        The penalty discount, and the agreement at those that were tried.
    """
    settings = learner.settings
    count, low, high = min(settings.bootstrap, RESAMPLES) or RESAMPLES, 0, len(PENALTIES) - 1
    tried: dict[str, float] = {}
    while low < high and not clock.over():
        middle = (low + high) // 2
        presence, _, done = bootstrap(learner, moments, PENALTIES[middle], count, clock)
        agreement = repeatability(presence, done)
        tried[f"{PENALTIES[middle]:g}"] = agreement
        low, high = (low, middle) if agreement >= settings.stability else (middle + 1, high)
    return PENALTIES[low], tried


def halves(
    learner: Learner, moments: Moments, penalty: float, count: int, clock: Clock, counted: Bools | None = None
) -> dict[str, float]:
    """How far the graphs of two halves of the rows agree.

    Args:
        learner: What searches.
        moments: The rows.
        penalty: The penalty discount.
        count: Random splits.
        clock: Time budget and progress.
        counted: (p, p) bool: pairs that count; all by default.

    Returns:
        ``jaccard`` (edges that both halves have, over those that one has; mean over the splits), ``random`` (the same
        for random graphs with as many edges), ``edges`` (mean of a half), ``splits``.
    """
    random = np.random.default_rng(np.random.SeedSequence(learner.settings.random_state, spawn_key=(2,)))
    p = len(moments.names)
    upper = np.triu(np.ones((p, p), bool) if counted is None else counted, 1)
    samples = (half for _ in range(count) for half in moments.halve(random))
    found = [
        (directed | directed.T | undirected)[upper]
        for directed, undirected in graphs_of(samples, 2 * count, learner, moments, penalty, clock, "halves")
    ]
    return agreement(np.array(found[: len(found) // 2 * 2]).reshape(-1, 2, int(upper.sum())))


def agreement(pairs: Bools) -> dict[str, float]:
    """How far two graphs have the same edges, over several such pairs of graphs.

    Args:
        pairs: (splits, 2, m) bool: which of m possible edges each of the two graphs has.

    Returns:
        ``jaccard``, ``random``, ``edges`` and ``splits``, as :func:`halves` says.
    """
    if not len(pairs):
        return {"jaccard": float("nan"), "random": float("nan"), "edges": float("nan"), "splits": 0}
    sizes = pairs.sum(2)
    both = (pairs[:, 0] & pairs[:, 1]).sum(1)
    chance = sizes[:, 0] * sizes[:, 1] / pairs.shape[2]
    jaccard, expected = (shared / np.maximum(1e-12, sizes.sum(1) - shared) for shared in (both, chance))
    figures = {"jaccard": jaccard.mean(), "random": expected.mean(), "edges": sizes.mean()}
    return {name: float(value) for name, value in figures.items()} | {"splits": len(pairs)}
