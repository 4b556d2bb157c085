"""Graphs of samples of the rows: bootstrap samples and halves, in one process or several."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from overtone.graphs.cpdag import cpdag
from overtone.graphs.moments import Moments
from overtone.graphs.search import Clock, SearchResult, Seed
from overtone.graphs.settings import GraphSettings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Edges = tuple[Bools, Bools]
"""Directed and undirected edges of one graph, (p, p) each."""

AHEAD = 2
"""Tasks a process that are made before they are needed; each holds a matrix."""


class FittedGraph(NamedTuple):
    """What a learner returns: the result of its last search, and the correlations that were searched."""

    result: SearchResult
    correlation: Floats


class Learner(Protocol):
    """Turns the covariance of some rows into a graph; it travels to other processes, so it holds no rows."""

    settings: GraphSettings
    forbidden: Bools | None

    def __call__(self, covariance: Floats, rows: float, penalty: float, seed: Seed, clock: Clock) -> FittedGraph:
        """Find the graph of one sample."""


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
    for directed, undirected in search_resamples(learner, moments, penalty, count, clock):
        arrows += directed
        lines += undirected
        done += 1
    share = 1 / max(1, done)
    return (arrows + arrows.T + lines) * share, arrows * share, done


def search_resamples(learner: Learner, moments: Moments, penalty: float, count: int, clock: Clock) -> Iterator[Edges]:
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
    return search_samples(samples, count, learner, moments, penalty, clock, "bootstrap")


def search_samples(
    samples: Iterator[Floats], count: int, learner: Learner, moments: Moments, penalty: float, clock: Clock, label: str
) -> Iterator[Edges]:
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

    def tasks() -> Iterator[_Task]:
        for weights, seed in zip(samples, seeds):
            if clock.over():
                return
            yield _Task(learner, *moments.covariance(weights), penalty, seed, clock.left)

    clock.label = label
    for done, graph in enumerate(_spread(tasks(), learner.settings.processes), 1):
        clock.report(done, count, float("nan"))
        if clock.over() and clock.seconds is not None:
            return  # this one may have been cut short
        yield graph


@dataclass(frozen=True, eq=False)
class _Task:
    """One sample to be searched, in whatever process."""

    learner: Learner
    covariance: Floats
    rows: float
    penalty: float
    seed: Seed
    seconds: float | None

    def __call__(self) -> Edges:
        """The sample's directed and undirected edges."""
        fitted = self.learner(self.covariance, self.rows, self.penalty, self.seed, Clock(self.seconds))
        return cpdag(fitted.result.dag, self.learner.forbidden)


def _spread(tasks: Iterator[_Task], processes: int) -> Iterator[Edges]:
    """Results of tasks in their order, done one after the other or by several processes with few of them waiting."""
    if processes == 1:
        yield from (task() for task in tasks)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy locks of threads that others have started
    pool = ProcessPoolExecutor(processes, mp_context=context)
    waiting: deque[Future[Edges]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(task))
            if len(waiting) >= AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(cancel_futures=True)
