"""Slow and plain: what the compiled search must agree with, in NumPy and by enumeration."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def local_score(correlation: Array, rows: float, penalty: float, y: int, parents: Iterable[int]) -> float:
    """-n/2 · ln(residual variance) - penalty · parents, by solving the normal equations."""
    chosen = sorted(parents)
    rest = correlation[y, y]
    if chosen:
        rest -= correlation[y, chosen] @ np.linalg.solve(correlation[np.ix_(chosen, chosen)], correlation[chosen, y])
    return float(-rows / 2 * np.log(rest) - penalty * len(chosen))


def grow_shrink(
    correlation: Array, rows: float, penalty: float, y: int, prefix: Iterable[int], cap: int = 10**9
) -> tuple[set[int], float]:
    """Best parents of y inside a prefix: add the best while that helps, then drop while that helps."""

    def score(parents: set[int]) -> float:
        return local_score(correlation, rows, penalty, y, parents)

    chosen: set[int] = set()
    now = score(chosen)
    while len(chosen) < cap:
        options = [(score(chosen | {x}), x) for x in prefix if x not in chosen]
        if not options or max(options)[0] <= now:
            break
        now, best = max(options)
        chosen = chosen | {best}
    while chosen:
        value, drop = max((score(chosen - {x}), x) for x in chosen)
        if value < now:
            break
        now, chosen = value, chosen - {drop}
    return chosen, now


def best_score(correlation: Array, rows: float, penalty: float) -> float:
    """Score of the best DAG there is, by dynamic programming over sets of variables (p up to 8 or so)."""
    p = len(correlation)
    best_parents = np.full((p, 1 << p), -np.inf)
    for y in range(p):
        for code in range(1 << p):
            if not code >> y & 1:
                members = [x for x in range(p) if code >> x & 1]
                best = local_score(correlation, rows, penalty, y, members)
                best_parents[y, code] = max([best, *(best_parents[y, code & ~(1 << x)] for x in members)])
    total = np.full(1 << p, -np.inf)
    total[0] = 0.0
    for code in range(1, 1 << p):
        last = [y for y in range(p) if code >> y & 1]
        total[code] = max(total[code & ~(1 << y)] + best_parents[y, code & ~(1 << y)] for y in last)
    return float(total[-1])


def is_acyclic(dag: Array) -> bool:
    """Whether a directed graph has no cycle."""
    reach = dag.astype(bool)
    for middle in range(len(dag)):
        reach = reach | (reach[:, middle, None] & reach[middle])
    return not reach.diagonal().any()


def all_dags(p: int) -> Iterator[Array]:
    """Every DAG over p variables."""
    pairs = list(itertools.combinations(range(p), 2))
    for kinds in itertools.product((0, 1, 2), repeat=len(pairs)):
        dag = np.zeros((p, p), bool)
        for (x, y), kind in zip(pairs, kinds):
            dag[x, y], dag[y, x] = kind == 1, kind == 2
        if is_acyclic(dag):
            yield dag


def colliders(dag: Array) -> frozenset[tuple[int, int, int]]:
    """Pairs of parents that are apart, with their child."""
    adjacent = dag | dag.T
    return frozenset(
        (x, y, child)
        for child in range(len(dag))
        for x, y in itertools.combinations(np.flatnonzero(dag[:, child]), 2)
        if not adjacent[x, y]
    )


def simulate(p: int, degree: float, rows: int, seed: int) -> tuple[Array, Array]:
    """Standardised linear-Gaussian rows, and their DAG."""
    random = np.random.default_rng(seed)
    order = random.permutation(p)
    pairs = np.array(np.triu_indices(p, 1)).T
    pairs = pairs[random.choice(len(pairs), min(len(pairs), int(p * degree / 2)), replace=False)]
    weights = np.zeros((p, p))
    strength = random.uniform(0.3, 1.0, len(pairs)) * random.choice([-1, 1], len(pairs))
    weights[order[pairs[:, 0]], order[pairs[:, 1]]] = strength
    values = random.normal(size=(rows, p)) @ np.linalg.inv(np.eye(p) - weights)
    return (values - values.mean(0)) / values.std(0), weights != 0


def population(p: int, degree: float, seed: int) -> tuple[Array, Array]:
    """The exact correlations of a random linear-Gaussian DAG, and the DAG."""
    random = np.random.default_rng(seed)
    _, dag = simulate(p, degree, 4, seed)
    weights = dag * random.uniform(0.3, 1.0, (p, p)) * random.choice([-1, 1], (p, p))
    mixing = np.linalg.inv(np.eye(p) - weights)
    covariance = mixing.T @ mixing
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale), dag


def distance(directed: Array, undirected: Array, other_directed: Array, other_undirected: Array) -> int:
    """Structural Hamming distance of two partially directed graphs: pairs that are joined differently."""
    differ = (directed != other_directed) | (undirected != other_undirected)
    return int(np.triu(differ | differ.T).sum())


def member(directed: Array, undirected: Array) -> Array:
    """A DAG of an equivalence class: sinks are taken off one by one, undirected edges turned into them."""
    left, dag = np.ones(len(directed), bool), directed.copy()
    adjacent = directed | directed.T | undirected
    while left.any():
        for x in np.flatnonzero(left):
            around = np.flatnonzero(undirected[x] & left)
            others = adjacent[x] & left
            joined = all((others <= (adjacent[y] | (np.arange(len(left)) == y))).all() for y in around)
            if not (directed[x] & left).any() and joined:
                dag[around, x] = True
                left[x] = False
                break
        else:
            raise ValueError("no DAG belongs to this graph")
    return dag
