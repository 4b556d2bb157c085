"""Grow-shrink trees: the best parents of a variable inside a prefix, remembered for the whole run."""

from __future__ import annotations

import math

import numpy as np

from overtone.graphs.engine.compiling import compiled
from overtone.graphs.engine.tables import FULL, KIDS, LEAVES, NODES, PARENTS, WORK, ZERO, Array, Memo, Problem, Scratch


@compiled
def has(bits: Array, row: int, variable: int) -> bool:
    """Whether a variable's bit is set in a row of bits."""
    return (bits[row, variable >> 3] >> (variable & 7)) & 1 == 1


@compiled
def new_node(memo: Memo, up: int, variable: int) -> int:
    """A node below ``up``; -1 and a flag where there is no room."""
    node = memo.used[NODES]
    if node >= memo.up.size:
        memo.used[FULL] = 1
        return -1
    memo.used[NODES] = node + 1
    memo.up[node] = up
    memo.added[node] = variable
    memo.kids_start[node] = -1
    memo.leaf_of[node] = -1
    return node


@compiled
def regress(problem: Problem, scratch: Scratch, y: int, known: int, depth: int) -> None:
    """Residual variances and covariances with y, of all variables, given the first ``depth`` variables of the path.

    One row of the Cholesky factor per variable of the path; the first ``known`` rows are there already.
    """
    p = problem.allowed.shape[0]
    correlation, factor = problem.correlation, scratch.factor
    variance, covariance = scratch.variance, scratch.covariance
    if known == 0:
        for b in range(p):
            variance[b] = correlation[b, b]
            covariance[b] = correlation[y, b]
    for row in range(known, depth):
        parent = scratch.path[row]
        new = factor[row]
        for b in range(p):
            new[b] = correlation[parent, b]
        for above in range(row):
            share, old = factor[above, parent], factor[above]
            for b in range(p):
                new[b] -= share * old[b]
        scale = 1.0 / math.sqrt(max(variance[parent], problem.floor))
        for b in range(p):
            new[b] *= scale
        own = new[y]
        for b in range(p):
            covariance[b] -= own * new[b]
            variance[b] -= new[b] * new[b]


@compiled
def sort_by_gain(candidate: Array, gain: Array, count: int) -> None:
    """Sort candidates by falling gain, in place (heapsort); equal ones by number, so that the order is one."""
    for start in range(count // 2 - 1, -1, -1):
        sift(candidate, gain, start, count)
    for end in range(count - 1, 0, -1):
        candidate[0], candidate[end] = candidate[end], candidate[0]
        gain[0], gain[end] = gain[end], gain[0]
        sift(candidate, gain, ZERO, end)


@compiled
def sift(candidate: Array, gain: Array, start: int, end: int) -> None:
    """Let the entry at ``start`` sink in a heap whose top is the last in order."""
    at = start
    while 2 * at + 1 < end:
        kid = 2 * at + 1
        if kid + 1 < end and later(candidate, gain, kid + 1, kid):
            kid += 1
        if not later(candidate, gain, kid, at):
            return
        candidate[at], candidate[kid] = candidate[kid], candidate[at]
        gain[at], gain[kid] = gain[kid], gain[at]
        at = kid


@compiled
def later(candidate: Array, gain: Array, first: int, second: int) -> bool:
    """Whether the entry at ``first`` comes behind the one at ``second``."""
    if gain[first] != gain[second]:
        return gain[first] < gain[second]
    return candidate[first] > candidate[second]


@compiled
def expand(problem: Problem, memo: Memo, scratch: Scratch, y: int, node: int, depth: int) -> bool:
    """Give a node its children: the variables that pay as a further parent, best first; False without room."""
    p = problem.allowed.shape[0]
    count, own = ZERO, scratch.variance[y]
    if depth < problem.cap and own > problem.floor:
        allowed = problem.allowed[y]
        for b in range(p):
            rest = scratch.variance[b]
            if allowed[b] and rest > problem.floor:
                gain = scratch.covariance[b] * scratch.covariance[b] / (rest * own)
                if gain > problem.least:
                    scratch.candidate[count] = b
                    scratch.gain[count] = gain
                    count += 1
    start = memo.used[KIDS]
    if start + count > memo.kid_variable.size:
        memo.used[FULL] = 1
        return False
    sort_by_gain(scratch.candidate, scratch.gain, count)
    for at in range(count):
        memo.kid_variable[start + at] = scratch.candidate[at]
        memo.kid_node[start + at] = -1
    memo.used[KIDS] = start + count
    memo.kids_start[node] = start
    memo.kids_count[node] = count
    memo.used[WORK] += p * (depth + 4)
    return True


@compiled
def sweep(matrix: Array, at: int, size: int) -> None:
    """Sweep a symmetric matrix on one index: done on all predictors it leaves regression and residual variance."""
    pivot = matrix[at, at]
    for i in range(size):
        if i != at:
            share = matrix[i, at] / pivot
            for j in range(size):
                if j != at:
                    matrix[i, j] -= share * matrix[at, j]
    for i in range(size):
        if i != at:
            matrix[i, at] /= pivot
            matrix[at, i] /= pivot
    matrix[at, at] = -1.0 / pivot


@compiled
def unsweep(matrix: Array, at: int, size: int) -> None:
    """Take a predictor out again: the inverse of :func:`sweep`."""
    sweep(matrix, at, size)
    for i in range(size):
        if i != at:
            matrix[i, at] = -matrix[i, at]
            matrix[at, i] = -matrix[at, i]


@compiled
def shrink(problem: Problem, scratch: Scratch, y: int, depth: int, kept: int) -> tuple[float, int]:
    """Drop parents of the path while that helps, always the one that is missed least; the first ``kept`` must stay.

    Returns:
        The score, and how many parents are left; they are the first of ``scratch.candidate``.
    """
    matrix, path, chosen = scratch.swept, scratch.path, scratch.candidate
    for i in range(depth):
        chosen[i] = path[i]
        matrix[depth, i] = matrix[i, depth] = problem.correlation[path[i], y]
        for j in range(depth):
            matrix[i, j] = problem.correlation[path[i], path[j]]
    matrix[depth, depth] = problem.correlation[y, y]
    for i in range(depth):
        if matrix[i, i] > problem.floor:
            sweep(matrix, i, depth + 1)
        else:  # a required parent that the others determine
            chosen[i] = -1 - path[i]
    rest = max(matrix[depth, depth], problem.floor)
    worth = math.exp(2.0 * problem.penalty / problem.rows)
    while True:
        least, drop = rest * worth, ZERO - 1
        for i in range(kept, depth):
            if chosen[i] >= 0:
                without = rest - matrix[i, depth] * matrix[depth, i] / matrix[i, i]
                if without <= least:
                    least, drop = without, i
        if drop < 0:
            break
        unsweep(matrix, drop, depth + 1)
        rest = max(matrix[depth, depth], problem.floor)
        chosen[drop] = -1 - path[drop]
    left = 0
    for i in range(depth):
        if chosen[i] >= 0 or i < kept:
            chosen[left] = path[i]
            left += 1
    return -0.5 * problem.rows * math.log(rest) - problem.penalty * left, left


@compiled
def new_leaf(problem: Problem, memo: Memo, scratch: Scratch, y: int, node: int, depth: int) -> int:
    """Shrink at a node where a prefix ends, and note which variables would have changed the way to it."""
    leaf, start = memo.used[LEAVES], memo.used[PARENTS]
    if leaf >= memo.score.size or start + depth > memo.parents.size:
        memo.used[FULL] = 1
        return -1
    kept = problem.required_start[y + 1] - problem.required_start[y]
    score, left = shrink(problem, scratch, y, depth, kept)
    key = np.uint64(0)
    for i in range(left):
        memo.parents[start + i] = scratch.candidate[i]
        key ^= problem.zobrist[scratch.candidate[i]]
    memo.score[leaf], memo.key[leaf] = score, key
    memo.parents_start[leaf], memo.parents_count[leaf] = start, left
    memo.path[leaf, :] = 0
    memo.blockers[leaf, :] = 0
    for i in range(depth):
        memo.path[leaf, scratch.path[i] >> 3] |= 1 << (scratch.path[i] & 7)
    below, here = -1, node
    while here >= 0:
        first = memo.kids_start[here]
        for at in range(first, first + memo.kids_count[here]):
            if below >= 0 and memo.kid_node[at] == below:
                break
            variable = memo.kid_variable[at]
            memo.blockers[leaf, variable >> 3] |= 1 << (variable & 7)
        below, here = here, memo.up[here]
    memo.used[LEAVES], memo.used[PARENTS] = leaf + 1, start + left
    memo.leaf_of[node] = leaf
    memo.used[WORK] += depth * depth * depth
    return leaf


@compiled
def trace(problem: Problem, memo: Memo, scratch: Scratch, y: int, place: Array, limit: int) -> int:
    """The leaf of y for the prefix of all variables with a place below ``limit``; -1 where the memo is full."""
    node, depth, known = y, ZERO, ZERO
    for at in range(problem.required_start[y], problem.required_start[y + 1]):
        scratch.path[depth] = problem.required[at]
        depth += 1
    while True:
        if memo.kids_start[node] < 0:
            regress(problem, scratch, y, known, depth)
            known = depth
            if not expand(problem, memo, scratch, y, node, depth):
                return -1
        first, chosen = memo.kids_start[node], -1
        for at in range(first, first + memo.kids_count[node]):
            if place[memo.kid_variable[at]] < limit:
                chosen = at
                break
        if chosen < 0:
            break
        scratch.path[depth] = memo.kid_variable[chosen]
        depth += 1
        child = memo.kid_node[chosen]
        if child < 0:
            child = new_node(memo, node, memo.kid_variable[chosen])
            if child < 0:
                return -1
            memo.kid_node[chosen] = child
        node = child
    leaf = memo.leaf_of[node]
    return leaf if leaf >= 0 else new_leaf(problem, memo, scratch, y, node, depth)
