"""What watching a loss costs: a training step with and without, in turns, in one process.

    python benchmarks/watch.py [--steps N] [--threads N] [--device cuda] [--classes C]

A head of 512 to 128 dimensions with rows of unit length, batch 512, Adam. Two copies of everything train on the same
batches, one under watch at its default settings, or with the parameters' gradient taken too. Blocks of ten steps, so
that each has one at which the batch is measured, take turns; the overhead is the median over the blocks.
On a machine that others use, processor time is what to trust; on a GPU it is the wall clock.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from overtone.diagnosis import watch
from overtone.objectives import metric_losses

BLOCK = 10


def contenders() -> dict[str, Callable[[], nn.Module]]:
    """Losses of ours, and of a peer where it is installed."""
    ours: dict[str, Callable[[], nn.Module]] = {
        name: metric_losses()[name] for name in ("triplet", "contrastive", "infonce")
    }
    with contextlib.suppress(ImportError):
        from pytorch_metric_learning import losses

        ours["peer's contrastive"] = losses.ContrastiveLoss
        ours["peer's SupCon"] = losses.SupConLoss
    return ours


class Trainee:
    """A head, its optimiser and its loss."""

    def __init__(self, make: Callable[[], nn.Module], device: str, classes: int) -> None:
        torch.manual_seed(0)
        self.loss = make().to(device)
        self.head = nn.Linear(512, 128).to(device)
        self.optimizer = torch.optim.Adam(self.head.parameters(), 1e-4)
        labels = torch.arange(512) % classes
        self.labels = labels.to(device)
        self.rows = (torch.randn(512, 512) + 2.0 * F.one_hot(labels, 512)).to(device)

    def block(self) -> float:
        """Seconds of ten steps."""
        cuda = self.rows.is_cuda
        clock = time.perf_counter if cuda else time.process_time
        start = clock()
        for _ in range(BLOCK):
            self.optimizer.zero_grad()
            self.loss(F.normalize(self.head(self.rows), dim=1), self.labels).backward()
            self.optimizer.step()
        if cuda:
            torch.cuda.synchronize()
        return clock() - start


def measure(
    make: Callable[[], nn.Module], steps: int, device: str, classes: int, parameters: bool
) -> tuple[float, float]:
    """Milliseconds of a plain step, and the overhead of watching it."""
    plain, watched = (Trainee(make, device, classes) for _ in range(2))
    times: list[tuple[float, float]] = []
    with watch(watched.loss, parameters=watched.head.parameters() if parameters else None) as w:
        for number in range(steps // BLOCK + 2):
            pair = (plain, watched) if number % 2 else (watched, plain)
            took = {trainee: trainee.block() for trainee in pair}
            times.append((took[plain], took[watched]))
        clock = time.perf_counter() if device == "cuda" else time.process_time()
        w.summary()
        fetch = (time.perf_counter() if device == "cuda" else time.process_time()) - clock
    times = times[2:]
    fetched = fetch / len(w.steps) * BLOCK
    overhead = statistics.median((second + fetched) / first for first, second in times) - 1
    return 1e3 * statistics.median(first for first, _ in times) / BLOCK, overhead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--classes", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'loss':20s} {'plain step':>11s} {'overhead of watch':>18s} {'with parameters':>16s}")
    for name, make in contenders().items():
        runs = [measure(make, options.steps, options.device, options.classes, given) for given in (False, True)]
        (step, default), (_, more) = runs
        print(f"{name:20s} {step:8.2f} ms {100 * default:16.1f} % {100 * more:14.1f} %")


if __name__ == "__main__":
    main()
