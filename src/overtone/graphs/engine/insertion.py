"""Insertion of one variable at its best place in the order (BOSS)."""

from __future__ import annotations

import numpy as np

from overtone.graphs.engine.compiling import compiled
from overtone.graphs.engine.tables import FULL, WORK, ZERO, Array, Memo, Problem, Scratch, State
from overtone.graphs.engine.trees import has, trace


@compiled
def mixed(key: np.uint64, variable: int) -> np.uint64:
    """One variable's part in the hash of a graph (the finaliser of splitmix64)."""
    word = np.uint64(key) + np.uint64(variable + 1) * np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@compiled
def sum_up(memo: Memo, state: State) -> None:
    """Score and hash of the graph from its leaves."""
    total, key = 0.0, np.uint64(0)
    for y in range(state.leaf.size):
        total += memo.score[state.leaf[y]]
        key ^= mixed(memo.key[state.leaf[y]], y)
    state.total[0], state.key[0] = total, key


@compiled
def set_order(problem: Problem, memo: Memo, scratch: Scratch, state: State, order: Array) -> bool:
    """Take an order and trace every variable; False where the memo is full."""
    for at in range(order.size):
        state.order[at] = order[at]
        state.position[order[at]] = at
    for at in range(order.size):
        leaf = trace(problem, memo, scratch, order[at], state.position, at)
        if leaf < 0:
            return False
        state.leaf[order[at]] = leaf
    sum_up(memo, state)
    return True


@compiled
def slots(problem: Problem, scratch: Scratch, v: int) -> tuple[int, int]:
    """First and last slot of v among the others that keeps what must stand before what."""
    others = problem.allowed.shape[0] - 1
    low, high = 0, others
    if problem.ordered:
        for at in range(others):
            if problem.before[scratch.ranked[at], v]:
                low = at + 1
        for at in range(others - 1, -1, -1):
            if problem.before[v, scratch.ranked[at]]:
                high = at
    return low, high


@compiled
def weigh(problem: Problem, memo: Memo, scratch: Scratch, state: State, v: int) -> bool:
    """Leaves of all others with and without v in their prefix, and of v in every slot; False where the memo is full.

    Only variables whose path v was on, or would get onto, are traced.
    """
    p, here = state.order.size, state.position[v]
    ranked, place = scratch.ranked, scratch.place
    rank = 0
    for at in range(p):
        if state.order[at] != v:
            ranked[rank] = state.order[at]
            place[state.order[at]] = rank
            rank += 1
    place[v] = p
    own = trace(problem, memo, scratch, v, place, ZERO)
    if own < 0:
        return False
    scratch.own_leaf[0] = own
    for at in range(p - 1):
        w = ranked[at]
        now = state.leaf[w]
        other = now
        if at < here:
            if has(memo.blockers, now, v):
                place[v] = -1
                other = trace(problem, memo, scratch, w, place, at)
                place[v] = p
            scratch.without_leaf[at], scratch.with_leaf[at] = now, other
        else:
            if has(memo.path, now, v):
                other = trace(problem, memo, scratch, w, place, at)
            scratch.without_leaf[at], scratch.with_leaf[at] = other, now
        if other < 0:
            return False
        if has(memo.blockers, own, w):
            own = trace(problem, memo, scratch, v, place, at + 1)
            if own < 0:
                return False
        scratch.own_leaf[at + 1] = own
    memo.used[WORK] += 8 * p
    return True


@compiled
def insert(problem: Problem, memo: Memo, scratch: Scratch, state: State, v: int) -> bool:
    """Move v to the slot of the greatest score; whether that is an improvement."""
    p, here = state.order.size, state.position[v]
    if not weigh(problem, memo, scratch, state, v):
        return False
    low, high = slots(problem, scratch, v)
    # With v in slot s, those behind it have it in their prefix: sum up the difference from the end.
    gained, best, best_slot, now = 0.0, -np.inf, here, 0.0
    for slot in range(p - 1, -1, -1):
        if slot < p - 1:
            gained += memo.score[scratch.with_leaf[slot]] - memo.score[scratch.without_leaf[slot]]
        score = gained + memo.score[scratch.own_leaf[slot]]
        if slot == here:
            now = score
        if low <= slot <= high and score > best:
            best, best_slot = score, slot
    if best_slot == here or best <= now + problem.tolerance:
        return False
    for at in range(p - 1):
        w = scratch.ranked[at]
        behind = at >= best_slot
        state.leaf[w] = scratch.with_leaf[at] if behind else scratch.without_leaf[at]
        state.position[w] = at + 1 if behind else at
        state.order[state.position[w]] = w
    state.order[best_slot], state.position[v] = v, best_slot
    state.leaf[v] = scratch.own_leaf[best_slot]
    return True


@compiled
def boss(problem: Problem, memo: Memo, scratch: Scratch, state: State, turn: Array, cursor: Array, work: int) -> bool:
    """Insert variables in turn until none of them moves any more (True), or ``work`` is done (False: call again).

    ``turn`` says whose turn it is; ``cursor``, kept between calls, is the next turn and how many turns nothing moved.
    """
    p, end = state.order.size, memo.used[WORK] + work
    while cursor[1] < p and memo.used[WORK] < end and memo.used[FULL] == 0:
        moved = insert(problem, memo, scratch, state, turn[cursor[0] % p])
        cursor[0] += 1
        cursor[1] = 0 if moved else cursor[1] + 1
    sum_up(memo, state)
    return cursor[1] >= p
