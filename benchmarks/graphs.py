"""How fast and how right the graph search is, against causal-learn's GRaSP on the same data with the same penalty.

All ratios come from one run; times are processor seconds of one thread, after compilation:

    python benchmarks/graphs.py                       # p = 56 and 100 against causal-learn (minutes of its time)
    python benchmarks/graphs.py --cells 56,4 150,6    # other numbers of variables and mean degrees
    python benchmarks/graphs.py --large               # p = 618 and 1054, and a dense one: time and peak memory
    python benchmarks/graphs.py --bootstrap           # 100 resamples at p = 56
    python benchmarks/graphs.py --compile             # what the first use after an installation costs
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from typing import Any

import numpy as np

from overtone.graphs import cpdag, learn_graph

PENALTY = 2.0
Array = np.ndarray[Any, Any]


def simulate(p: int, degree: float, rows: int, seed: int) -> tuple[Array, Array]:
    """Standardised linear-Gaussian rows of a random graph, and its DAG."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(p)
    pairs = np.array(np.triu_indices(p, 1)).T
    pairs = pairs[generator.choice(len(pairs), int(p * degree / 2), replace=False)]
    weights = np.zeros((p, p))
    strength = generator.uniform(0.3, 1.0, len(pairs)) * generator.choice([-1, 1], len(pairs))
    weights[order[pairs[:, 0]], order[pairs[:, 1]]] = strength
    values = generator.normal(size=(rows, p)) @ np.linalg.inv(np.eye(p) - weights)
    return (values - values.mean(0)) / values.std(0), weights != 0


def score(values: Array, dag: Array) -> float:
    """BIC of a DAG, by least squares on the rows: the same for all contenders."""
    rows, p = values.shape
    total = 0.0
    for y in range(p):
        parents = np.flatnonzero(dag[:, y])
        rest = values[:, y]
        if len(parents):
            rest = rest - values[:, parents] @ np.linalg.lstsq(values[:, parents], rest, rcond=None)[0]
        total += -rows / 2 * np.log(rest.var()) - PENALTY / 2 * np.log(rows) * len(parents)
    return float(total)


def member(directed: Array, undirected: Array) -> Array:
    """A DAG of an equivalence class: undirected edges turned so that no cycle and no collider is made."""
    left, dag = np.ones(len(directed), bool), directed.copy()
    lines = undirected.copy()
    while left.any():
        for x in np.flatnonzero(left):
            sink = not (directed[x] & left).any()
            around = np.flatnonzero(lines[x] & left)
            adjacent = (directed | directed.T | undirected)[:, left]
            joined = all((adjacent[x] <= adjacent[y] | (np.flatnonzero(left) == y)).all() for y in around)
            if sink and joined:
                dag[around, x] = True
                left[x] = False
                break
        else:
            raise ValueError("no DAG belongs to this graph")
    return dag


def shd(directed: Array, undirected: Array, truth: Array) -> int:
    """Pairs of variables that two equivalence classes join differently."""
    true_directed, true_undirected = cpdag(truth)
    differ = (directed != true_directed) | (undirected != true_undirected)
    return int(np.triu(differ | differ.T).sum())


def quality(directed: Array, undirected: Array, truth: Array) -> tuple[float, float, int]:
    """Precision and recall of adjacencies, and the structural Hamming distance."""
    found, true = directed | directed.T | undirected, truth | truth.T
    both = (found & true).sum()
    return both / max(1, found.sum()), both / max(1, true.sum()), shd(directed, undirected, truth)


def own(values: Array, **settings: Any) -> tuple[float, Array, Array]:
    """Processor seconds of ours, and its equivalence class."""
    begin = time.process_time()
    graph = learn_graph(values, settings={"penalty": PENALTY, **settings})
    return time.process_time() - begin, graph.directed, graph.undirected


def peer(values: Array) -> tuple[float, Array, Array]:
    """Processor seconds of causal-learn's GRaSP, and its equivalence class."""
    from causallearn.search.PermutationBased.GRaSP import grasp

    random.seed(0)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = grasp(values, "local_score_BIC_from_cov", parameters={"lambda_value": PENALTY / 2}, verbose=False)
    seconds = time.process_time() - begin
    matrix = found.graph
    directed = (matrix.T == 1) & (matrix == -1)
    return seconds, directed, (matrix == -1) & (matrix.T == -1)


def against(options: argparse.Namespace) -> None:
    """Print ours and causal-learn's time, score and distance per cell, means over the seeds."""
    own(simulate(20, 4, 500, 0)[0])
    print(f"n = {options.rows:,}, c = {PENALTY:g}, means over {options.seeds} graphs; score: above that of the truth")
    print(f"{'p':>5} {'degree':>6}  {'search':24}{'cpu s':>9}{'ratio':>8}{'score':>9}{'AP':>7}{'AR':>7}{'SHD':>7}")
    for p, degree in options.cells:
        rows: dict[str, list[tuple[float, ...]]] = {}
        for seed in range(options.seeds):
            values, truth = simulate(p, degree, options.rows, seed)
            contenders = {"one start": own(values, ils_steps=0), "20 ILS steps": own(values)}
            if not options.no_peer:
                contenders["causal-learn"] = peer(values)
            for name, (seconds, directed, undirected) in contenders.items():
                above = score(values, member(directed, undirected)) - score(values, truth)
                rows.setdefault(name, []).append((seconds, above, *quality(directed, undirected, truth)))
        means = {name: np.mean(some, axis=0) for name, some in rows.items()}
        slow = means.get("causal-learn", means["one start"])[0]
        for name, (seconds, above, ap, ar, distance) in means.items():
            ratio = slow / seconds
            print(
                f"{p:5} {degree:6g}  {name:24}{seconds:9.3f}{ratio:8.1f}{above:9.1f}{ap:7.3f}{ar:7.3f}{distance:7.1f}",
                flush=True,
            )


def large(options: argparse.Namespace) -> None:
    """Print time, quality and peak memory of large and dense graphs."""
    own(simulate(20, 4, 500, 0)[0])
    for p, degree, rows in ((618, 4, 2000), (1054, 4, 2000), (200, 10, 10_000)):
        values, truth = simulate(p, degree, rows, 0)
        for steps in (0,) if p > 1000 else (0, 20):
            wall = time.perf_counter()
            seconds, directed, undirected = own(values, ils_steps=steps)
            wall = time.perf_counter() - wall
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20)
            ap, ar, distance = quality(directed, undirected, truth)
            print(
                f"p = {p}, degree {degree}, n = {rows:,}, {steps} ILS steps: {seconds:.2f} cpu s ({wall:.2f} s), "
                f"AP {ap:.3f}, AR {ar:.3f}, SHD {distance}, peak {peak:,.0f} MB",
                flush=True,
            )


def bootstrap(options: argparse.Namespace) -> None:
    """Print what 100 resamples cost in one process, and how long they take in two."""
    own(simulate(20, 4, 500, 0)[0])
    for degree in (4, 6):
        values, truth = simulate(56, degree, 2000, 0)
        seconds, directed, undirected = own(values, bootstrap=100)
        begin = time.perf_counter()
        own(values, bootstrap=100, processes=2)
        both = time.perf_counter() - begin
        print(
            f"100 resamples, p = 56, degree {degree}: {seconds:.1f} cpu s in one process, "
            f"{both:.1f} s of the clock in two, SHD {shd(directed, undirected, truth)}",
            flush=True,
        )


def compilation(options: argparse.Namespace) -> None:
    """Print the time of the first search with an empty cache, and of the first in a later process."""
    program = (
        "import time, numpy as np; from overtone.graphs import learn_graph; "
        "a = np.random.default_rng(0).normal(size=(50, 4)); "
        "t, c = time.perf_counter(), time.process_time(); learn_graph(a); "
        "print(f'{time.perf_counter() - t:.1f} s ({time.process_time() - c:.1f} cpu s)')"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first use ever", "first use in a process"):
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            ran = subprocess.run(
                [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
            )
            print(f"{name}: {ran.stdout.strip()}")


def cell(text: str) -> tuple[int, float]:
    """``"56,4"``: variables and mean degree."""
    p, degree = text.split(",")
    return int(p), float(degree)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", type=cell, default=[(56, 4.0), (56, 6.0), (100, 4.0)])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true", help="ours only")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--bootstrap", action="store_true")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "getloadavg"):
        print(f"load {os.getloadavg()[0]:.1f}")
    chosen = [part for part, wanted in ((large, options.large), (bootstrap, options.bootstrap)) if wanted]
    chosen += [compilation] if options.compile else []
    for part in chosen or [against]:
        part(options)


if __name__ == "__main__":
    main()
