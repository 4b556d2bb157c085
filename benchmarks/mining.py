"""What mining a training set costs: sparse walks against the dense inverse, and a batch's targets at any size.

    python benchmarks/mining.py [--rows 4096 20000 200000] [--columns 192] [--batch 512]

Rows are drawn around centres in 40 directions, with noise, 500 to a centre. Processor seconds of one refresh: the
search for neighbours, the walks (from nothing, and from an earlier refresh), and at up to 8,192 rows the dense inverse.
A batch's targets stand beside the least that they cost, one product of the batch's coordinates.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.features.neighbour_search import find_neighbours
from overtone.features.neighbours import walk_weights
from overtone.features.sparse_graph import join_neighbours
from overtone.features.sparse_walks import fit_walks

T = TypeVar("T")
EDGES, RESTART, DENSE = 10, 0.03, 8192


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """A result and the processor seconds that it took."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def typical(work: Callable[[], object], repeats: int = 60) -> float:
    """Median processor milliseconds, after three runs that do not count."""
    return 1e3 * statistics.median([timed(work)[1] for _ in range(repeats + 3)][3:])


def draw(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """(n, d) rows of unit length."""
    spread = torch.randn(40, columns, generator=generator)
    classes = max(20, rows // 500)
    centres = torch.randn(classes, 40, generator=generator)[torch.randint(0, classes, (rows,), generator=generator)]
    points = (centres + torch.randn(rows, 40, generator=generator)) @ spread
    return F.normalize(points.add_(torch.randn(rows, columns, generator=generator)), dim=1)


def measure(rows: int, columns: int, batch: int) -> None:
    """Print the costs at one size."""
    generator = torch.Generator().manual_seed(0)
    points = draw(rows, columns, generator)
    found, searching = timed(lambda: find_neighbours(points, EDGES, generator))
    graph, joining = timed(lambda: join_neighbours(found.rows[None], rows))
    walks, cold = timed(lambda: fit_walks(graph, RESTART, None, generator))
    walks, warm = timed(lambda: fit_walks(graph, RESTART, walks.subspace(), generator))
    print(
        f"{rows:>9,} rows: search {searching:6.2f} s (recall {found.recall:.3f}), walks {joining + cold:6.2f} s, "
        f"warm {joining + warm:6.2f} s; a refresh {searching + joining + warm:6.2f} s"
    )
    chosen = torch.randperm(rows, generator=generator)[:batch]
    coordinates = walks.far[:batch].float()
    targets, product = typical(lambda: walks.among(chosen)), typical(lambda: coordinates @ coordinates.mT)
    ratio = targets / product
    print(f"           a batch's targets {targets:.2f} ms, its product alone {product:.2f} ms: ratio {ratio:.1f}")
    if rows <= DENSE:
        weights, dense = timed(lambda: walk_weights(points @ points.mT, EDGES, RESTART))
        wanted = weights[chosen][:, chosen]
        wanted = wanted / wanted.sum(1, keepdim=True).clamp_min(1e-12)
        apart = float((walks.among(chosen) - wanted).abs().sum(1).mean() / 2)
        sparse = searching + joining + warm
        print(f"           dense {dense:.2f} s, {dense / sparse:.1f} times as long; total variation {apart:.3f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"           peak of the process so far {peak:.2f} GB", flush=True)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description="Measure what mining a training set costs.")
    parser.add_argument("--rows", nargs="+", type=int, default=[4096, 20_000, 200_000])
    parser.add_argument("--columns", type=int, default=192)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, CPU, {torch.get_num_threads()} threads, {options.columns} columns")
    for rows in options.rows:
        measure(rows, options.columns, options.batch)


if __name__ == "__main__":
    main()
