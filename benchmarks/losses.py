"""What the metric-learning losses cost in time and memory, beside pytorch-metric-learning, all measured in one run.

python benchmarks/losses.py                     # a step of each loss at 512 × 128, 10 and 100 classes
python benchmarks/losses.py --only memory       # peak memory of supervised InfoNCE, up to batch 4,096
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from overtone.objectives import MetricLoss, metric_losses

Loss = Callable[[Tensor, Tensor], Tensor]


def build(name: str, **settings: object) -> MetricLoss:
    """A loss by its name."""
    return metric_losses()[name](**settings)


def batch(rows: int, width: int, classes: int) -> tuple[Tensor, Tensor]:
    """Rows scattered around class centres, and their classes."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(rows) % classes
    centres = torch.randn(classes, width, generator=generator)
    return centres[labels] + torch.randn(rows, width, generator=generator), labels


def contenders(width: int, classes: int) -> dict[str, tuple[Loss, Loss | None]]:
    """Our losses, and the same of pytorch-metric-learning where it has them."""
    from pytorch_metric_learning import losses, miners

    margin = losses.TripletMarginLoss(margin=0.2)
    semi, hard = miners.TripletMarginMiner(0.2, "semihard"), miners.BatchHardMiner()
    centres = {"classes": classes, "embedding_dim": width}
    return {
        "contrastive": (build("contrastive", power=1, reduction="active"), losses.ContrastiveLoss()),
        "triplet, all": (build("triplet", distance="euclidean"), margin),
        "triplet, semi-hard": (
            build("triplet", mining="semi-hard", distance="euclidean"),
            lambda z, y: margin(z, y, semi(z, y)),
        ),
        "triplet, batch-hard": (
            build("triplet", mining="batch-hard", distance="euclidean"),
            lambda z, y: margin(z, y, hard(z, y)),
        ),
        "n-pair": (build("n-pair"), losses.NPairsLoss()),
        "n-pair, every row": (build("n-pair", tuples="every-row"), None),
        "infonce": (build("infonce"), losses.NTXentLoss()),
        "scl": (build("scl"), losses.SupConLoss()),
        "arcface": (build("arcface", **centres), losses.ArcFaceLoss(classes, width, margin=math.degrees(0.5))),
        "ccl": (build("ccl", **centres), None),
    }


def seconds(loss: Loss, rows: Tensor, labels: Tensor) -> float:
    """Of one forward and backward."""
    rows = rows.clone().requires_grad_()
    start = time.perf_counter()
    loss(rows, labels).backward()
    return time.perf_counter() - start


def products(rows: Tensor, _: Tensor) -> Tensor:
    """The matrix products that no loss over pairs can do without: one forward, two backward."""
    return (rows @ rows.mT).sum()


def compare_times(options: argparse.Namespace) -> None:
    """Print each loss's step as a multiple of its matrix products, and the peer's as a multiple of ours."""
    for classes in options.classes:
        z, y = batch(options.rows, options.width, classes)
        small = z[: options.peer_rows], y[: options.peer_rows]
        print(f"\n{options.rows} × {options.width}, {classes} classes, {machine()}")
        print(f"{'':22}{'ms':>8}{'× products':>12}{'peer / ours':>13}")
        for name, (ours, theirs) in contenders(options.width, classes).items():
            # the peer's InfoNCE asks for positives × negatives: both are timed on a batch it survives
            at = small if name == "infonce" else (z, y)
            took = fastest(options.repeats, partial(seconds, ours, z, y), partial(seconds, products, z, y))
            line = f"{name:22}{1e3 * took[0]:8.2f}{took[0] / took[1]:12.1f}"
            if theirs is not None:
                beside = fastest(options.repeats, partial(seconds, ours, *at), partial(seconds, theirs, *at))
                line += f"{beside[1] / beside[0]:13.1f}" + (f"  (at {options.peer_rows} rows)" if at is small else "")
            print(line, flush=True)


def fastest(repeats: int, *calls: Callable[[], float]) -> list[float]:
    """Fewest seconds of each of several calls that take turns, after one round that does not count."""
    took = [[call() for call in calls] for _ in range(repeats + 1)][1:]
    return [min(column) for column in zip(*took)]


def peak(which: str, rows: int) -> None:
    """Print the peak memory of this process in MB, before and after one step of supervised InfoNCE."""
    z, y = batch(rows, 128, 10)
    if which == "ours":
        loss: Loss = build("infonce")
    else:
        from pytorch_metric_learning.losses import NTXentLoss

        loss = NTXentLoss()
    seconds(loss, z[:32], y[:32])
    before = resident()
    if rows:
        seconds(loss, z, y)
    print(before, resident())


def resident() -> float:
    """Peak resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def compare_memory(options: argparse.Namespace) -> None:
    """Print the peak memory of whole processes that do one step of supervised InfoNCE."""
    print("\nsupervised InfoNCE, 10 classes, 128 columns, forward and backward: peak MB of a process")
    print(f"{'':22}{'rows':>8}{'at import':>12}{'at peak':>10}{'of the step':>13}{'× n² floats':>13}")
    for which, rows in [("ours", 256), ("peer", 128), ("peer", 256), ("ours", 1024), ("ours", 4096)]:
        done = subprocess.run(
            [sys.executable, __file__, "--peak", which, "--rows", str(rows)], capture_output=True, text=True, check=True
        )
        before, after = map(float, done.stdout.split())
        step = after - before
        print(
            f"{which:22}{rows:8}{before:12.0f}{after:10.0f}{step:13.0f}{step / (4 * rows**2 / 2**20):13.1f}", flush=True
        )


def machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{torch.get_num_threads()} threads{load}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["time", "memory"], help="one of the two")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--peer-rows", type=int, default=128, help="batch at which the peer's InfoNCE is timed")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--peak", choices=["ours", "peer"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(options.peak, options.rows)
        return
    if options.only != "memory":
        compare_times(options)
    if options.only != "time":
        compare_memory(options)


if __name__ == "__main__":
    main()
