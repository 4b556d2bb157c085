"""The whole search for one correlation matrix: climb, shake, climb again, and keep the best (iterated local search)."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from overtone.core import Progress, ProgressCallback
from overtone.graphs.arrays import Bools, Floats, Ints
from overtone.graphs.engine.engine import Engine, bic_penalty
from overtone.graphs.knowledge import Constraints
from overtone.graphs.settings import GraphSettings

Seed = np.random.SeedSequence | int

_MOST_PARENTS = 40
_SELDOM, _FAR = 4, 8
"""Every fourth shake moves eight times as many variables: small ones alone do not leave a wide local optimum."""
_DIGITS = 12
"""Correlations are rounded to so many digits, so that the order of the rows cannot be seen in them."""


class Clock:
    """A time budget in seconds that several searches share, and the progress callback that may stop them."""

    def __init__(self, seconds: float | None = None, progress: ProgressCallback | None = None) -> None:
        self.seconds, self.progress, self.label = seconds, progress, "search"
        self.begin, self.stopped = time.monotonic(), False

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begin

    @property
    def left(self) -> float | None:
        """Seconds that are left; None without a budget."""
        return None if self.seconds is None else max(1e-3, self.seconds - self.elapsed)

    def over(self, _score: float = 0.0) -> bool:
        """Whether it is time to stop."""
        self.stopped = self.stopped or (self.seconds is not None and self.elapsed > self.seconds)
        return self.stopped

    def silent(self) -> Clock:
        """A clock with the time that is left, which reports to nobody."""
        clock = Clock(self.left)
        clock.stopped = self.over()
        return clock

    def report(self, step: int, steps: int, score: float) -> None:
        """Say that so many steps are done."""
        values = {"score": score} if math.isfinite(score) else {}
        told = Progress(self.label, step, steps, "step", values, self.elapsed)
        if self.progress is not None and self.progress(told):
            self.stopped = True


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The best DAG that a search has come upon.

    Attributes:
        dag: (p, p) bool, [x, y]: x → y.
        order: (p,) the order of the variables.
        score: Sum over the variables of -n/2 · ln(residual variance) - penalty · parents.
        steps: Local optima looked at.
        complete: Whether the search came to its end within its time.
    """

    dag: Bools
    order: Ints
    score: float
    steps: int
    complete: bool


def search(
    correlation: Floats,
    rows: float,
    settings: GraphSettings,
    penalty: float,
    seed: Seed = 0,
    constraints: Constraints | None = None,
    clock: Clock | None = None,
) -> SearchResult:
    """Search the DAG with the greatest likelihood under a penalty discount, given (p, p) correlations of n rows.

    The variables are first brought into an order of their own, by how much they correlate with the others; so neither
    their names nor their columns' order plays a part.
    """
    p, clock = len(correlation), clock or Clock()
    rounded = np.round(correlation, _DIGITS)
    own = np.argsort(-np.round((rounded**2).sum(0), 9), kind="stable")
    rows = min(rows, settings.effective_rows or rows)
    engine = Engine(
        rounded[np.ix_(own, own)],
        rows=rows,
        penalty=bic_penalty(rows, p, penalty, settings.ebic),
        # never so many parents that a regression would leave no freedom
        cap=max(1, min(settings.max_parents or _MOST_PARENTS, p - 1, int(rows) // 3)),
        depth=settings.depth,
        mode=settings.mode,
        memory_mb=settings.memory_mb,
        constraints=None if constraints is None else constraints.permuted(own),
    )
    best, steps = _climb_and_shake(engine, settings, np.random.default_rng(seed), clock)
    engine.set_order(best)
    dag = np.zeros((p, p), bool)
    parents = engine.parents()
    dag[np.concatenate(parents), np.repeat(np.arange(p), [len(some) for some in parents])] = True
    back = np.argsort(own)
    return SearchResult(dag[np.ix_(back, back)], own[best], engine.score, steps, not clock.stopped)


def _climb_and_shake(
    engine: Engine, settings: GraphSettings, random: np.random.Generator, clock: Clock
) -> tuple[Ints, int]:
    """Local optima from each start and from shaken copies of the best; the best order, and their number."""
    best, score, step = np.arange(engine.p), -np.inf, 0
    steps = settings.starts + settings.ils_steps
    clock.report(0, steps, score)  # the first local optimum of many variables takes minutes
    while step < steps and not (step and clock.over()):
        if step == 0:
            order = np.arange(engine.p)
        elif step < settings.starts:
            order = random.permutation(engine.p)
        else:
            order = shaken(best, random, _FAR if (step - settings.starts) % _SELDOM == _SELDOM - 1 else 1)
        engine.set_order(repaired(order, engine.problem.before))
        engine.climb(random, clock.over)
        if engine.score > score + engine.problem.tolerance:
            best, score = engine.order, engine.score
        step += 1
        clock.report(step, steps, score)
    return best, step


def shaken(order: Ints, random: np.random.Generator, times: int = 1) -> Ints:
    """An order with about ln p of its variables, or ``times`` as many, put elsewhere."""
    p = len(order)
    moved = random.choice(p, min(p, max(1, times * round(np.log(p)))), replace=False)
    rest = np.delete(order, moved)
    return np.insert(rest, random.integers(0, len(rest) + 1, len(moved)), order[moved])


def repaired(order: Ints, before: Bools) -> Ints:
    """An order in which each variable stands behind those it must stand behind, otherwise as it was.

    Each goes directly behind the last of its predecessors; ``before`` is transitive, so those are placed already.
    """
    if not before.any():
        return order
    place = np.argsort(order)
    last = np.maximum(place, np.where(before, place[:, None], -1).max(0))
    return np.lexsort((before.sum(0), last))
