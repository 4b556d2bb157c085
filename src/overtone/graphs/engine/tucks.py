"""Tucks of edges, and the depth-first search over them (GRaSP)."""

from __future__ import annotations

import numpy as np

from overtone.graphs.engine.compiling import compiled
from overtone.graphs.engine.insertion import mixed
from overtone.graphs.engine.tables import FULL, WORK, ZERO, Array, Memo, Problem, Scratch, State
from overtone.graphs.engine.trees import has, trace

COVERED, SINGULAR, ANY = 0, 1, 2
"""Which edges are tucked at the first level: GRaSP0, GRaSP1, GRaSP2."""
LOST, WORSE, EQUAL, BETTER = -1, 0, 1, 2
"""How a tuck ends; LOST: not allowed, or no memory, and nothing was changed."""


@compiled
def is_covered(problem: Problem, memo: Memo, state: State, x: int, y: int) -> bool:
    """Whether the parents of y are x and the parents of x."""
    upper, lower = state.leaf[x], state.leaf[y]
    return (
        memo.parents_count[lower] == memo.parents_count[upper] + 1
        and memo.key[lower] ^ problem.zobrist[x] == memo.key[upper]
    )


@compiled
def mark_ancestors(memo: Memo, scratch: Scratch, state: State, x: int, y: int) -> bool:
    """Mark y and its ancestors behind x; whether the edge from x is the only way to y."""
    first, singular = state.position[x], True
    for at in range(first, state.position[y] + 1):
        scratch.mark[state.order[at]] = False
    scratch.mark[y] = True
    for at in range(state.position[y], first, -1):
        u = state.order[at]
        if scratch.mark[u]:
            start = memo.parents_start[state.leaf[u]]
            for i in range(start, start + memo.parents_count[state.leaf[u]]):
                parent = memo.parents[i]
                if state.position[parent] > first:
                    scratch.mark[parent] = True
                elif parent == x and u != y:
                    singular = False
    return singular


@compiled
def may_overtake(problem: Problem, scratch: Scratch, state: State, first: int, last: int) -> bool:
    """Whether the marked ones may stand before the others of a segment."""
    if problem.ordered:
        for at in range(first, last):
            u = state.order[at]
            if not scratch.mark[u]:
                for behind in range(at + 1, last + 1):
                    m = state.order[behind]
                    if scratch.mark[m] and problem.before[u, m]:
                        return False
    return True


@compiled
def changes(memo: Memo, scratch: Scratch, state: State, u: int, old: Array, at: int) -> bool:
    """Whether the path of u notices what a tuck has done to its prefix; ``at`` is its old place in ``old``."""
    leaf = state.leaf[u]
    if scratch.mark[u]:  # those before it that are not marked are behind it now
        for i in range(at):
            if not scratch.mark[old[i]] and has(memo.path, leaf, old[i]):
                return True
    else:  # the marked ones behind it are before it now
        for i in range(at + 1, old.size):
            if scratch.mark[old[i]] and has(memo.blockers, leaf, old[i]):
                return True
    return False


@compiled
def tuck(problem: Problem, memo: Memo, scratch: Scratch, state: State, x: int, y: int, level: int, mode: int) -> bool:
    """Put y, with its ancestors that stand between, directly before x; False where that is not allowed.

    What is overwritten is kept for :func:`undo` under ``level``.
    """
    first, last = state.position[x], state.position[y]
    singular = mark_ancestors(memo, scratch, state, x, y)
    if (mode == SINGULAR and not singular) or not may_overtake(problem, scratch, state, first, last):
        return False
    length = last - first + 1
    old = scratch.old_order[level, :length]
    scratch.old_span[level, 0], scratch.old_span[level, 1] = first, length
    scratch.old_total[level], scratch.old_key[level] = state.total[0], state.key[0]
    for at in range(length):
        old[at] = state.order[first + at]
        scratch.old_leaf[level, at] = state.leaf[old[at]]
    front = first
    for marked in (True, False):
        for at in range(length):
            if scratch.mark[old[at]] == marked:
                state.order[front], state.position[old[at]] = old[at], front
                front += 1
    memo.used[WORK] += 4 * length + 50
    for at in range(length):
        u = old[at]
        if changes(memo, scratch, state, u, old, at):
            before = state.leaf[u]
            leaf = trace(problem, memo, scratch, u, state.position, state.position[u])
            if leaf < 0:
                undo(scratch, state, level)
                return False
            state.leaf[u] = leaf
            state.total[0] += memo.score[leaf] - memo.score[before]
            state.key[0] ^= mixed(memo.key[before], u) ^ mixed(memo.key[leaf], u)
    return True


@compiled
def undo(scratch: Scratch, state: State, level: int) -> None:
    """Take back the tuck of a level."""
    first, length = scratch.old_span[level, 0], scratch.old_span[level, 1]
    for at in range(length):
        u = scratch.old_order[level, at]
        state.order[first + at], state.position[u] = u, first + at
        state.leaf[u] = scratch.old_leaf[level, at]
    state.total[0], state.key[0] = scratch.old_total[level], scratch.old_key[level]


@compiled
def add_edge(scratch: Scratch, level: int, x: int, y: int) -> None:
    """Note an edge to be tucked at a level, as long as there is room."""
    count = scratch.edges_count[level]
    if count < scratch.edges.shape[1]:
        scratch.edges[level, count, 0], scratch.edges[level, count, 1] = x, y
        scratch.edges_count[level] = count + 1


@compiled
def collect(problem: Problem, memo: Memo, scratch: Scratch, state: State, level: int) -> None:
    """The covered edges into and out of the variables whose parents the tuck of the level above has changed."""
    scratch.edges_count[level], scratch.edges_at[level] = 0, 0
    for at in range(scratch.old_span[level - 1, 1]):
        u = scratch.old_order[level - 1, at]
        leaf = state.leaf[u]
        if memo.key[leaf] == memo.key[scratch.old_leaf[level - 1, at]]:
            continue
        start = memo.parents_start[leaf]
        for i in range(start, start + memo.parents_count[leaf]):
            parent = memo.parents[i] + ZERO
            if is_covered(problem, memo, state, parent, u):
                add_edge(scratch, level, parent, u)
        for behind in range(state.position[u] + 1, state.order.size):
            child = state.order[behind]
            if has(memo.path, state.leaf[child] + ZERO, u) and is_covered(problem, memo, state, u, child):
                add_edge(scratch, level, u, child)


@compiled
def is_new(scratch: Scratch, key: int, rest: int) -> bool:
    """Whether a graph of equal score has not been looked at with ``rest`` or more tucks to go; notes it."""
    size = scratch.visited.size
    if 2 * scratch.visited_used[1] > size:
        forget_visited(scratch)
    epoch, at = scratch.visited_used[0], np.int64(key & np.uint64(size - 1))
    while scratch.visited_mark[at] >> 8 == epoch:
        if scratch.visited[at] == key:
            if (scratch.visited_mark[at] & 255) >= rest:
                return False
            break
        at = (at + 1) & (size - 1)
    if scratch.visited_mark[at] >> 8 != epoch:
        scratch.visited_used[1] += 1
    scratch.visited[at], scratch.visited_mark[at] = key, (epoch << 8) | rest
    return True


@compiled
def forget_visited(scratch: Scratch) -> None:
    """Forget all graphs looked at, by starting a new epoch."""
    scratch.visited_used[0] += 1
    scratch.visited_used[1] = 0


@compiled
def attempt(
    problem: Problem, memo: Memo, scratch: Scratch, state: State, x: int, y: int, level: int, mode: int, goal: float
) -> int:
    """Tuck one edge and say how the score compares with ``goal``; anything but EQUAL and BETTER is undone."""
    if mode == COVERED and not is_covered(problem, memo, state, x, y):
        return LOST
    if not tuck(problem, memo, scratch, state, x, y, level, mode):
        return LOST
    if state.total[0] > goal + problem.tolerance:
        return BETTER
    if state.total[0] >= goal - problem.tolerance:
        return EQUAL
    undo(scratch, state, level)
    return WORSE


@compiled
def climb(problem: Problem, memo: Memo, scratch: Scratch, state: State, x: int, y: int, mode: int, depth: int) -> bool:
    """Depth-first search that begins with one edge: over equal scores to a better one, or back to where it began."""
    goal, level = state.total[0], ZERO
    scratch.edges_count[0], scratch.edges_at[0] = 0, 0
    add_edge(scratch, level, x, y)
    while level >= 0:
        at = scratch.edges_at[level]
        if at == scratch.edges_count[level] or memo.used[FULL] != 0:
            level -= 1
            if level >= 0:
                undo(scratch, state, level)
            continue
        scratch.edges_at[level] = at + 1
        tail, head = scratch.edges[level, at, 0], scratch.edges[level, at, 1]
        found = attempt(problem, memo, scratch, state, tail, head, level, COVERED if level else mode, goal)
        if found == BETTER:
            return True
        if found == EQUAL:
            if level + 1 < depth and is_new(scratch, state.key[0], depth - level - 1):
                level += 1
                collect(problem, memo, scratch, state, level)
            else:
                undo(scratch, state, level)
    return False


@compiled
def grasp(
    problem: Problem,
    memo: Memo,
    scratch: Scratch,
    state: State,
    turn: Array,
    cursor: Array,
    mode: int,
    depth: int,
    work: int,
) -> bool:
    """Tuck the edges into each variable in turn until none leads to a better order, as :func:`boss` inserts.

    ``mode`` says which edges count at the first level: COVERED, SINGULAR or ANY; deeper ones are covered. ``depth`` is
    the most tucks in a row.
    """
    p, end = state.order.size, memo.used[WORK] + work
    parents = scratch.segment
    while cursor[1] < p and memo.used[WORK] < end and memo.used[FULL] == 0:
        y = turn[cursor[0] % p]
        start, count = memo.parents_start[state.leaf[y]], memo.parents_count[state.leaf[y]]
        for i in range(count):
            parents[i] = memo.parents[start + i]
        better = False
        for i in range(count):
            if climb(problem, memo, scratch, state, parents[i], y, mode, depth):
                better = True
                break
        if better:
            forget_visited(scratch)
            cursor[1] = 0
        else:  # also where the memory was full: the same turn again could fill it again, for ever
            cursor[0] += 1
            cursor[1] += 1
    return cursor[1] >= p
