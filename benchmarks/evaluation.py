"""How fast evaluation is, against the matrix product that it cannot do without and against a peer.

All ratios come from one run on one machine, taking turns, the best of a few repeats each:

    python benchmarks/evaluation.py                 # 10,000 × 10,000 × 128
    python benchmarks/evaluation.py --peer          # and pytorch-metric-learning's AccuracyCalculator (minutes)
    python benchmarks/evaluation.py --large         # 200,000 × 20,000 × 128, and the memory it took
    python benchmarks/evaluation.py --large --items 200000
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from overtone.evaluation import counterpart_ranks, evaluate, mean_average_precision


def clips(rows: int, width: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Unit rows scattered around class centres, and their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (rows,), generator=generator)
    centres = torch.randn(classes, width, generator=torch.Generator().manual_seed(1000))
    rows_ = 0.3 * centres[labels] + torch.randn(rows, width, generator=generator)
    return torch.nn.functional.normalize(rows_), labels


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def peer(a: Tensor, v: Tensor, y: Tensor, k: str | int | None) -> Callable[[], object] | None:
    """The same mAP by pytorch-metric-learning, if it is there."""
    try:
        from pytorch_metric_learning.distances import CosineSimilarity
        from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
        from pytorch_metric_learning.utils.inference import CustomKNN
    except ImportError:
        print("pytorch-metric-learning is not installed: pip install pytorch-metric-learning", file=sys.stderr)
        return None
    calculator = AccuracyCalculator(
        include=("mean_average_precision", "mean_average_precision_at_r", "precision_at_1"),
        k=k,
        knn_func=CustomKNN(CosineSimilarity(), batch_size=1000),
        device=torch.device("cpu"),
    )
    return lambda: calculator.get_accuracy(a, y, v, y, ref_includes_query=False)


def compare(options: argparse.Namespace) -> None:
    """Print every contender's time, and its ratio to the product of the same round."""
    a, y = clips(options.rows, options.width, options.classes, seed=0)
    v = torch.nn.functional.normalize(a + 0.1 * torch.randn(a.shape, generator=torch.Generator().manual_seed(1)))
    kept = torch.empty(len(a), len(v))
    contenders: dict[str, Callable[[], object]] = {
        "product": lambda: a @ v.T,
        "product, memory at hand": lambda: torch.mm(a, v.T, out=kept),
        "mean_average_precision": lambda: mean_average_precision(a, v, y, y),
        "counterpart_ranks": lambda: counterpart_ranks(a, v),
        "evaluate, per direction": lambda: evaluate(a, v, y, bootstrap=0),
    }
    best: dict[str, tuple[float, float]] = {}
    for _ in range(options.repeats):
        for name, call in contenders.items():
            share = 2 if name.startswith("evaluate") else 1
            wall, cpu = seconds(call)
            before = best.get(name, (float("inf"), float("inf")))
            best[name] = min(before[0], wall / share), min(before[1], cpu / share)
    if options.peer and (call := peer(a, v, y, options.peer_k)):
        best[f"pytorch-metric-learning, k={options.peer_k}"] = seconds(call)
    product = best["product"]
    print(f"{options.rows:,} × {options.rows:,} × {options.width}, {options.classes} classes, {machine()}")
    print(f"{'':40}{'wall s':>10}{'× product':>11}{'cpu s':>10}{'× product':>11}")
    for name, (wall, cpu) in best.items():
        print(f"{name:40}{wall:10.3f}{wall / product[0]:11.2f}{cpu:10.3f}{cpu / product[1]:11.2f}")


def large(options: argparse.Namespace) -> None:
    """Print time and peak memory of a search that would need 16 GB of similarities at once, or 160 GB."""
    queries, asked = clips(200_000, options.width, options.classes, seed=0)
    gallery, held = clips(options.items, options.width, options.classes, seed=1)
    wall, cpu = seconds(lambda: mean_average_precision(queries, gallery, asked, held, memory_mb=options.memory_mb))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    size = f"200,000 × {options.items:,} × {options.width}"
    print(f"{size}: {wall:.1f} s ({cpu:.1f} cpu s), peak {peak:,.0f} MB, {machine()}")


def machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{torch.get_num_threads()} threads{load}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-mb", type=int, default=256)
    parser.add_argument("--peer", action="store_true", help="measure pytorch-metric-learning once, too")
    parser.add_argument("--peer-k", default="max_bin_count", type=lambda k: None if k == "None" else k)
    parser.add_argument("--large", action="store_true", help="200,000 queries in --items instead")
    parser.add_argument("--items", type=int, default=20_000)
    options = parser.parse_args()
    (large if options.large else compare)(options)


if __name__ == "__main__":
    main()
