"""How long a training step takes, against what it cannot do without, all measured in one run.

    python benchmarks/training.py [--only vegas digits] [--default-network] [--steps N] [--device cuda]

vegas   A step of HSC-MAE at the size of VEGAS (22,482 rows of 128 and 1024 columns, the network of the paper, batch
        512) against its matrix products alone: every product of one step is recorded with its shapes and replayed by
        itself. In fp32, and in bf16 where the processor has instructions for it. Or with the default network.
digits  Steps a second at the size of split digits against the same model driven by a plain DataLoader loop.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from overtone.features import load
from overtone.methods import Batch, CorpusInfo, methods
from overtone.training.data import Rows
from overtone.training.distribution import Group
from overtone.training.loop import Loop
from overtone.training.settings import split_settings

PUBLISHED = {"width": 1024, "depth": 3}
"""The network of the paper."""
PRODUCTS = {"aten.mm.default", "aten.addmm.default", "aten.bmm.default"}


def clocked(work: Callable[[], Any], repeats: int, device: torch.device) -> float:
    """Median seconds of a piece of work, after one run that does not count."""
    took = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        took.append(time.perf_counter() - start)
    return statistics.median(took[1:])


class Recorder(TorchDispatchMode):
    """Counts the matrix products that pass by, by shapes and number format."""

    def __init__(self) -> None:
        super().__init__()
        self.products: Counter[tuple[tuple[int, ...], tuple[int, ...], torch.dtype]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func) in PRODUCTS:
            left, right = args[-2:]
            self.products[tuple(left.shape), tuple(right.shape), left.dtype] += 1
        return func(*args, **(kwargs or {}))


def replay(products: Counter[Any], device: torch.device) -> Callable[[], None]:
    """Work that is nothing but the recorded products, on operands that are there already."""
    operands = [
        (torch.randn(left, device=device).to(dtype), torch.randn(right, device=device).to(dtype), count)
        for (left, right, dtype), count in products.items()
    ]
    outs = [left @ right for left, right, _ in operands]

    def work() -> None:
        for (left, right, count), out in zip(operands, outs):
            for _ in range(count):
                torch.matmul(left, right, out=out)

    return work


def make_loop(rows: Rows, name: str, settings: dict[str, Any], device: torch.device, epochs: int) -> Loop:
    """A loop over rows, the method begun and surveyed."""
    kind = methods[name]
    first, second = rows.features
    corpus = CorpusInfo((tuple(first.shape[1:]), tuple(second.shape[1:])), len(rows))
    own, loose = split_settings({**settings, "epochs": epochs}, kind)
    method = kind(kind.settings_type.build(own), corpus).to(device)
    loop = Loop(method, rows, loose.with_defaults(kind, corpus), Group())
    whole = rows.whole(torch.Generator(device).manual_seed(0))
    method.on_train_start(whole)
    method.on_epoch_start(whole)
    method.train()
    return loop


def stepper(loop: Loop) -> Callable[[], None]:
    """One step after another, as the loop takes them."""
    order = torch.randperm(len(loop.rows), device=loop.device)
    at = 0

    def work() -> None:
        nonlocal at
        start, stop = loop.bounds[at % (len(loop.bounds) - 1)]
        loop._step(loop._batch(order, start, stop, 0.5), 0.5)
        loop.method.on_step_end(0.5)
        at += 1

    return work


def vegas(steps: int, device: torch.device, network: dict[str, int]) -> None:
    """Step against products at the size of VEGAS."""
    generator = torch.Generator().manual_seed(0)
    audio, visual = (torch.randn(22_482, d, generator=generator).to(device) for d in (128, 1024))
    rows = Rows((audio, visual))
    seconds = {}
    for precision in ("fp32", "bf16"):
        loop = make_loop(rows, "hsc-mae", {**network, "precision": precision, "batch_size": 512}, device, 20)
        step = stepper(loop)
        step()
        with Recorder() as recorder:
            step()
        alone = replay(recorder.products, device)
        flops = sum(2 * l[-2] * l[-1] * r[-1] * n for (l, r, _), n in recorder.products.items())
        # in turn, so that a machine that slows down slows both
        pairs = [(clocked(step, 1, device), clocked(alone, 1, device)) for _ in range(steps)]
        whole, products = (statistics.median(column) for column in zip(*pairs))
        ratio = statistics.median(a / b for a, b in pairs)
        seconds[precision] = whole
        print(
            f"vegas  {precision}: step {1e3 * whole:7.1f} ms, its {sum(recorder.products.values())} products alone "
            f"{1e3 * products:7.1f} ms ({flops / products / 1e9:.0f} GFLOP/s): ratio {ratio:.2f}"
        )
    print(f"vegas  bf16 is {seconds['fp32'] / seconds['bf16']:.2f} times as fast as fp32")


def digits(steps: int, device: torch.device, _: dict[str, int]) -> None:
    """The loop against a plain DataLoader loop, same model, same batch."""
    train = load("split-digits").split("train")
    first, second = ((x - x.mean(0)) / x.std(0).clamp_min(1e-6) for x in train.modalities.values())
    rows = Rows((first.to(device), second.to(device)))
    for name in ("hsc-mae", "infonce"):
        loop = make_loop(rows, name, {"dropout": 0.1}, device, 200)
        ours = clocked(lambda loop=loop: loop.epoch(1), steps, device) / len(loop.bounds)
        theirs = plain(make_loop(rows, name, {"dropout": 0.1}, device, 200), (first, second), steps, device)
        print(
            f"digits {name}: {1 / ours:6.0f} steps a second, plain DataLoader loop {1 / theirs:6.0f}: "
            f"{theirs / ours:.2f} times as many"
        )


def plain(loop: Loop, features: tuple[Tensor, Tensor], epochs: int, device: torch.device) -> float:
    """Seconds a step of the usual loop: DataLoader of single samples, plain AdamW, the loss read at every step."""
    data = TensorDataset(torch.arange(len(features[0])), *features)
    batch_size = loop.bounds[0][1]
    loader = DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(loop.parameters, lr=1e-3, weight_decay=1e-4, foreach=False, fused=False)
    generator = torch.Generator(device)

    def epoch() -> None:
        total = 0.0
        for numbers, x, y in loader:
            batch = Batch(numbers.to(device), (x.to(device), y.to(device)), global_size=len(x), generator=generator)
            optimizer.zero_grad()
            loss = loop.method.step(batch)["loss"]
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(loop.parameters, 1.0, foreach=False)
            optimizer.step()
            loop.method.on_step_end(0.5)
            total += loss.item()

    return clocked(epoch, epochs, device) / len(loader)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description="Measure training steps against their floor.")
    parser.add_argument("--only", nargs="+", choices=("vegas", "digits"), default=["vegas", "digits"])
    parser.add_argument("--default-network", action="store_true", help="not that of the paper")
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    kind = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {kind}")
    for name in options.only:
        {"vegas": vegas, "digits": digits}[name](options.steps, device, {} if options.default_network else PUBLISHED)


if __name__ == "__main__":
    main()
