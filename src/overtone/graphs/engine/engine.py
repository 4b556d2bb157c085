"""One search: its memory, and the compiled moves as methods that give way to the clock."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from overtone.graphs.engine.compiling import announced
from overtone.graphs.engine.insertion import boss, set_order
from overtone.graphs.engine.tables import (
    DEEPEST,
    FULL,
    NODES,
    Array,
    Problem,
    allocate_memo,
    allocate_scratch,
    allocate_state,
    least_correlation,
)
from overtone.graphs.engine.tucks import grasp
from overtone.graphs.knowledge import Constraints

_CHUNK = 20_000_000
"""Units of work between two looks at the clock: some hundredths of a second."""
_ROUNDING = 1e-11
"""Scores are sums of rows/2 · log variance: how far rounding moves them, per row."""
_FLOOR = 1e-8
"""Residual variance of a standardised variable that counts as none."""

Ints = NDArray[np.int64]
Pause = Callable[[float], bool]
"""Called between two chunks of work with the score; whether to stop."""


class Engine:
    """The search over orders of one correlation matrix, with everything that it remembers.

    Args:
        correlation: (p, p) correlation matrix, float64.
        rows: Number of rows n behind it.
        penalty: What one parent costs, in units of the log-likelihood: :func:`bic_penalty`.
        cap: Most parents of a variable.
        depth: Most tucks in a row.
        mode: Which edges are tucked: 0 covered, 1 singular, 2 any.
        memory_mb: Memory of the trees; when it is full they are forgotten and grown again.
        constraints: Background knowledge.
    """

    def __init__(
        self,
        correlation: NDArray[np.float64],
        *,
        rows: float,
        penalty: float,
        cap: int,
        depth: int = 3,
        mode: int = 2,
        memory_mb: int = 512,
        constraints: Constraints | None = None,
    ) -> None:
        p = len(correlation)
        self.p, self.mode, self.depth = p, mode, min(depth, DEEPEST)
        known = constraints or Constraints(*np.zeros((3, p, p), bool))
        children, parents = np.nonzero(known.required.T)
        cap = max(cap, int(known.required.sum(0).max(initial=0)))
        self.problem = Problem(
            correlation=np.ascontiguousarray(correlation, dtype=np.float64),
            rows=float(rows),
            penalty=float(penalty),
            least=least_correlation(penalty, rows),
            floor=_FLOOR,
            tolerance=1e-8 + _ROUNDING * rows,
            cap=cap,
            allowed=~known.forbidden.T & ~np.eye(p, dtype=bool),
            before=np.ascontiguousarray(known.before),
            ordered=bool(known.before.any()),
            required=parents.astype(np.int64),
            required_start=np.searchsorted(children, np.arange(p + 1)).astype(np.int64),
            # Fixed words: a hash decides only which graphs count as seen, and must be the same in every process.
            zobrist=np.random.default_rng(0).integers(1, 2**63, p, dtype=np.uint64),
        )
        self.memo = allocate_memo(p, memory_mb * 2.0**20, cap)
        self.scratch = allocate_scratch(p, cap, self.depth)
        self.state = allocate_state(p)
        self.forget()

    @property
    def score(self) -> float:
        """Score of the present order: Σ over its variables of -n/2 · ln(residual variance) - penalty · parents."""
        return float(self.state.total[0])

    @property
    def order(self) -> Ints:
        """The present order."""
        return self.state.order.copy()

    def forget(self) -> None:
        """Cut all trees down to their roots."""
        self.memo.used[:] = 0
        self.memo.used[NODES] = self.p
        self.memo.up[: self.p] = self.memo.added[: self.p] = -1
        self.memo.kids_start[: self.p] = self.memo.leaf_of[: self.p] = -1

    def set_order(self, order: Array) -> None:
        """Take an order, a (p,) permutation; MemoryError if its trees do not fit into the memory."""
        with announced():
            if not set_order(self.problem, self.memo, self.scratch, self.state, order):
                self.forget()
                if not set_order(self.problem, self.memo, self.scratch, self.state, order):
                    raise MemoryError("the trees of one order do not fit into the memory that the search was given")

    def climb(self, random: np.random.Generator, pause: Pause) -> bool:
        """Insert and tuck, in random turns, until neither helps any more; whether it came to that before a pause."""
        turn, cursor = random.permutation(self.p), np.zeros(2, np.int64)
        with announced():
            while not boss(self.problem, self.memo, self.scratch, self.state, turn, cursor, _CHUNK):
                if self._waits(pause):
                    return False
            cursor[:] = 0
            move = (turn, cursor, self.mode, self.depth)
            while not grasp(self.problem, self.memo, self.scratch, self.state, *move, _CHUNK):
                if self._waits(pause):
                    return False
        return True

    def parents(self) -> list[Ints]:
        """Parents of each variable in the present order."""
        memo, leaves = self.memo, self.state.leaf
        starts, counts = memo.parents_start[leaves], memo.parents_count[leaves]
        return [memo.parents[start : start + count].astype(np.int64) for start, count in zip(starts, counts)]

    def _waits(self, pause: Pause) -> bool:
        if self.memo.used[FULL]:
            self.forget()
            self.set_order(self.order)
        return pause(self.score)


def bic_penalty(rows: float, p: int, discount: float, gamma: float) -> float:
    """What a parent costs in units of the log-likelihood: c/2 · ln n + γ · ln p, for n rows of p variables.

    Args:
        rows: Number of rows n.
        p: Number of variables.
        discount: The penalty discount c; 1 is plain BIC.
        gamma: Weight γ of the extended BIC's share; 0 is none.

    Example:
        >>> round(bic_penalty(1000, 50, 2.0, 0.0), 3)
        6.908
    """
    return 0.5 * discount * math.log(rows) + gamma * math.log(p)
