"""What the compiled search works on: plain arrays in named tuples, allocated once."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NODES, KIDS, LEAVES, PARENTS, FULL, WORK = range(6)
"""Places in :attr:`Memo.used`: how much of each arena is taken, whether one is full, and the work done so far."""

ZERO: Any = np.int64(0)
"""Zero as an int64. Numba compiles a function once more for a literal 0, and for each narrower kind of integer."""
DEEPEST = 16
"""Most tucks that the depth-first search may stack."""
_VISITED = 1 << 15
"""Graphs of equal score that the search remembers; a power of two."""
_ARENAS = (0.2, 0.4, 0.4)
"""Shares of the memory that go to nodes, to their children and to leaves."""


class Problem(NamedTuple):
    """What is asked; the search only reads it."""

    correlation: Array
    """(p, p) float64."""
    rows: float
    """Number of rows n behind the correlations."""
    penalty: float
    """What one parent costs, in units of the log-likelihood."""
    least: float
    """Squared partial correlation above which a further parent pays for itself: 1 - exp(-2 penalty / n)."""
    floor: float
    """Residual variance below which a variable counts as determined by others."""
    tolerance: float
    """Scores closer than this are equal: they differ by rounding."""
    cap: int
    """Most parents of a variable."""
    allowed: Array
    """(p, p) bool: ``allowed[y, x]`` says that x may be a parent of y."""
    before: Array
    """(p, p) bool: ``before[x, y]`` says that x stands before y in every order."""
    ordered: bool
    """Whether ``before`` holds anything."""
    required: Array
    """Parents that each variable must have, one after the other."""
    required_start: Array
    """(p + 1,) where those of each variable begin in ``required``."""
    zobrist: Array
    """(p,) random 64-bit words: a set of parents is hashed as the exclusive or of theirs."""


class Memo(NamedTuple):
    """The grow-shrink trees of all variables, in arenas.

    A node is a sequence of parents, added each time as the best of those inside the prefix; its children are the
    variables that improve on it, best first. A leaf is a node at which a prefix ended, with the parents that are left
    after shrinking. Nodes 0 to p-1 are the roots.
    """

    used: Array
    up: Array
    added: Array
    kids_start: Array
    """-1: not looked at yet."""
    kids_count: Array
    leaf_of: Array
    """-1: no prefix has ended here."""
    kid_variable: Array
    kid_node: Array
    """-1: not made yet."""
    score: Array
    key: Array
    """Hash of a leaf's parents."""
    parents_start: Array
    parents_count: Array
    parents: Array
    path: Array
    """(leaves, bytes) bit per variable: leaving the prefix, it would change the path that led here."""
    blockers: Array
    """(leaves, bytes) bit per variable: entering the prefix, it would change the path that led here."""


class Scratch(NamedTuple):
    """Room to compute in."""

    factor: Array
    """(cap + 1, p) rows of the Cholesky factor of the parents, continued to all variables."""
    variance: Array
    """(p,) residual variances given the parents so far."""
    covariance: Array
    """(p,) residual covariances with the variable whose parents are sought."""
    swept: Array
    """(cap + 2, cap + 2) for the regression on the parents."""
    path: Array
    candidate: Array
    gain: Array
    place: Array
    """(p,) positions, where a variable is tried at several of them."""
    ranked: Array
    with_leaf: Array
    without_leaf: Array
    own_leaf: Array
    mark: Array
    segment: Array
    old_order: Array
    """(levels, p) what each tuck of the depth-first search has overwritten."""
    old_leaf: Array
    old_span: Array
    old_total: Array
    old_key: Array
    edges: Array
    """(levels, room, 2) edges to be tucked at each level."""
    edges_count: Array
    edges_at: Array
    visited: Array
    visited_mark: Array
    visited_used: Array


class State(NamedTuple):
    """Where the search stands: an order, and one leaf per variable."""

    order: Array
    position: Array
    leaf: Array
    total: Array
    """(1,) sum of the leaves' scores."""
    key: Array
    """(1,) hash of the graph."""


def allocate_memo(p: int, memory: float, cap: int) -> Memo:
    """Trees without any node for p variables with at most ``cap`` parents, in ``memory`` bytes.

    The arenas are not touched before they are used, so the operating system hands out only what is needed.
    """
    width = (p + 7) // 8
    parents = min(cap, 24)
    sizes = (24.0, 6.0, 26.0 + 2.0 * width + 2.0 * parents)
    nodes, kids, leaves = (
        int(max(8 * p, min(share * memory / size, 2.0**31 - 1))) for share, size in zip(_ARENAS, sizes)
    )
    return Memo(
        used=np.zeros(6, np.int64),
        up=np.empty(nodes, np.int32),
        added=np.empty(nodes, np.int16),
        kids_start=np.empty(nodes, np.int64),
        kids_count=np.empty(nodes, np.int16),
        leaf_of=np.empty(nodes, np.int32),
        kid_variable=np.empty(kids, np.int16),
        kid_node=np.empty(kids, np.int32),
        score=np.empty(leaves, np.float64),
        key=np.empty(leaves, np.uint64),
        parents_start=np.empty(leaves, np.int64),
        parents_count=np.empty(leaves, np.int16),
        parents=np.empty(leaves * parents, np.int16),
        path=np.empty((leaves, width), np.uint8),
        blockers=np.empty((leaves, width), np.uint8),
    )


def allocate_scratch(p: int, cap: int, depth: int) -> Scratch:
    """Room for one search of p variables with at most ``cap`` parents and ``depth`` stacked tucks."""
    room = 2 * p * max(1, min(cap, 64))
    return Scratch(
        factor=np.empty((cap + 1, p)),
        variance=np.empty(p),
        covariance=np.empty(p),
        swept=np.empty((cap + 2, cap + 2)),
        path=np.empty(cap + 1, np.int64),
        candidate=np.empty(p, np.int64),
        gain=np.empty(p),
        place=np.empty(p, np.int64),
        ranked=np.empty(p, np.int64),
        with_leaf=np.empty(p, np.int32),
        without_leaf=np.empty(p, np.int32),
        own_leaf=np.empty(p + 1, np.int32),
        mark=np.zeros(p, np.bool_),
        segment=np.empty(p, np.int64),
        old_order=np.empty((depth, p), np.int64),
        old_leaf=np.empty((depth, p), np.int32),
        old_span=np.empty((depth, 2), np.int64),
        old_total=np.empty(depth),
        old_key=np.empty(depth, np.uint64),
        edges=np.empty((depth, room, 2), np.int64),
        edges_count=np.empty(depth, np.int64),
        edges_at=np.empty(depth, np.int64),
        visited=np.zeros(_VISITED, np.uint64),
        visited_mark=np.zeros(_VISITED, np.int64),
        visited_used=np.array([1, 0]),  # a mark of epoch 0 is none
    )


def allocate_state(p: int) -> State:
    """An order of p variables, not yet set."""
    return State(np.arange(p), np.arange(p), np.zeros(p, np.int32), total=np.zeros(1), key=np.zeros(1, np.uint64))


def least_correlation(penalty: float, rows: float) -> float:
    """The squared partial correlation from which on a parent pays: n/2 ln(1 / (1 - r²)) = penalty."""
    return -math.expm1(-2.0 * penalty / rows)
