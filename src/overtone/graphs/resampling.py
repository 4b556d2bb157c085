"""Graphs of samples of the rows: bootstrap samples and halves, in one process or several."""

from __future__ import annotations

import multiprocessing
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from overtone.core.worker_counts import copying
from overtone.graphs.arrays import Bools, Floats
from overtone.graphs.cpdag import cpdag
from overtone.graphs.knowledge import Constraints
from overtone.graphs.moments import Moments, correlation_of
from overtone.graphs.search import Clock, SearchResult, Seed, search
from overtone.graphs.settings import GraphSettings

Edges = tuple[Bools, Bools]
"""Directed and undirected edges of one graph, (p, p) each."""

_AHEAD = 2
"""Tasks a process that are made before they are needed; each holds a matrix."""


class FittedGraph(NamedTuple):
    """What a learner returns: the result of its last search, and the correlations that were searched."""

    result: SearchResult
    correlation: Floats


class Learner:
    """Turns the covariance of some rows into a graph; it travels to other processes, so it holds no rows.

    Args:
        settings: How to search.
        constraints: Background knowledge.
        shrinkage: Share of its variance that every variable gets on top, for variables that may be the same.
    """

    def __init__(
        self, settings: GraphSettings, constraints: Constraints | None = None, *, shrinkage: float = 0.0
    ) -> None:
        self.settings, self.constraints, self.shrinkage = settings, constraints, shrinkage
        self.forbidden = None if constraints is None else constraints.forbidden

    def __call__(self, covariance: Floats, rows: float, penalty: float, seed: Seed, clock: Clock) -> FittedGraph:
        """Find the graph of one sample."""
        correlation = correlation_of(self.shrink(covariance))
        return FittedGraph(self.search(correlation, rows, penalty, seed, clock), correlation)

    def shrink(self, covariance: Floats) -> Floats:
        """The covariance with the shrinkage on its diagonal."""
        return covariance * (1 + self.shrinkage * np.eye(len(covariance)))

    def search(
        self,
        correlation: Floats,
        rows: float,
        penalty: float,
        seed: Seed,
        clock: Clock,
        settings: GraphSettings | None = None,
    ) -> SearchResult:
        """Search given correlations, with other settings where they are given."""
        return search(correlation, rows, settings or self.settings, penalty, seed, self.constraints, clock)


@dataclass(frozen=True, eq=False)
class Resampler:
    """Graphs of samples of rows, one after the other, until the time is over.

    Attributes:
        learner: What searches; its settings have the seed of the samples and the number of processes.
        moments: The rows.
        clock: Time budget and progress.
    """

    learner: Learner
    moments: Moments
    clock: Clock

    def bootstrap(self, penalty: float, count: int) -> Iterator[Edges]:
        """The graphs of bootstrap samples, under a penalty discount."""
        random = np.random.default_rng(seed_for(self.learner.settings, 0))
        return self._search((self.moments.draw(random) for _ in range(count)), count, penalty, "bootstrap")

    def halves(self, penalty: float, splits: int) -> Iterator[Edges]:
        """The graphs of both halves of random splits, split by split."""
        random = np.random.default_rng(seed_for(self.learner.settings, 2))
        samples = (half for _ in range(splits) for half in self.moments.halve(random))
        return self._search(samples, 2 * splits, penalty, "halves")

    def frequencies(self, penalty: float, count: int) -> tuple[Floats, Floats, int]:
        """Frequencies of edges over bootstrap samples.

        Returns:
            presence: (p, p) symmetric share of samples in which two variables are adjacent.
            direction: (p, p), [x, y]: share of samples with a directed edge x → y.
            done: Samples that were searched to the end; fewer than ``count`` where the time was over.
        """
        p, done = len(self.moments.names), 0
        arrows, lines = np.zeros((2, p, p))
        for directed, undirected in self.bootstrap(penalty, count):
            arrows += directed
            lines += undirected
            done += 1
        share = 1 / max(1, done)
        return (arrows + arrows.T + lines) * share, arrows * share, done

    def _search(self, samples: Iterator[Floats], count: int, penalty: float, label: str) -> Iterator[Edges]:
        """The graphs of ``count`` samples, each the (B,) weights of the blocks of rows."""
        seeds, clock = seed_for(self.learner.settings, 1).spawn(count), self.clock

        def tasks() -> Iterator[_Task]:
            for weights, seed in zip(samples, seeds):
                if clock.over():
                    return
                yield _Task(self.learner, *self.moments.covariance(weights), penalty, seed, clock.left)

        clock.label = label
        for done, graph in enumerate(_spread(tasks(), self.learner.settings.processes), 1):
            clock.report(done, count, float("nan"))
            if clock.over() and clock.seconds is not None:
                return  # this one may have been cut short
            yield graph


def seed_for(settings: GraphSettings, purpose: int) -> np.random.SeedSequence:
    """The seed of a purpose: 0 for bootstrap samples, 1 for the searches of samples, 2 for halves."""
    return np.random.SeedSequence(settings.random_state, spawn_key=(purpose,))


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
    # as in core/workers.py: copies need no second run of the script, which may have no guard around its calls
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context)
    waiting: deque[Future[Edges]] = deque()
    try:
        for task in tasks:
            with copying():
                waiting.append(pool.submit(task))
            if len(waiting) >= _AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
