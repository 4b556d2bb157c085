"""What worker processes gain: one comparison with several workers and with one, in one run.

    python benchmarks/workers.py [--workers 2] [--methods hsc-mae cca dcca infonce] [--seeds 5] [--epochs 10]
        [--data split-digits clips.npz views.mat:view1,view4]

Wall seconds and processor seconds of both, and whether all figures are the same to the last
bit. On a machine that others use, wall seconds say little. The processor seconds of the busiest worker and of the first
process are then the better measure: with idle cores, that is how long it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from overtone.experiments import compare
from overtone.features import PairedFeatures, load
from overtone.training import Run, train


def figures(value: Any) -> Any:
    """A document without its times."""
    if isinstance(value, dict):
        return {name: figures(part) for name, part in value.items() if name != "seconds"}
    return [figures(part) for part in value] if isinstance(value, (list, tuple)) else value


def measure(
    methods: Sequence[str], data: PairedFeatures, seeds: int, epochs: int, workers: int
) -> tuple[float, float, str]:
    """Wall seconds, processor seconds of the longest chain of work, and all figures."""
    with tempfile.TemporaryDirectory() as folder:

        def train_and_note(*given: Any, **options: Any) -> Run:
            run = train(*given, **options)
            (Path(folder) / str(os.getpid())).write_text(str(time.process_time()))
            return run

        start, used = time.perf_counter(), time.process_time()
        settings = {"epochs": epochs}
        found = compare(methods, data, seeds=range(seeds), settings=settings, workers=workers, train=train_and_note)
        wall, own = time.perf_counter() - start, time.process_time() - used
        others = [float(file.read_text()) for file in Path(folder).iterdir() if int(file.name) != os.getpid()]
    total, chain = own + sum(others), own + max(others, default=0.0)
    print(
        f"{workers} workers: {wall:6.1f} s; processor seconds {total:6.1f}, in the longest chain {chain:6.1f}",
        flush=True,
    )
    return wall, chain, json.dumps(figures(found.to_dict()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--methods", nargs="+", default=["hsc-mae", "cca", "dcca", "infonce"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--data", nargs="+", default=["split-digits"], help="one comparison each; FILE:FIRST,SECOND")
    options = parser.parse_args()
    compare(["cca", "infonce"], load("split-digits"), seeds=[0], settings={"epochs": 1}, workers=1)  # first uses
    alone, together = 0.0, 0.0
    for name in options.data:
        file, _, views = name.partition(":")
        first, _, second = views.partition(",")
        data = load(file, modalities=(first, second) if second else None)
        print(name, flush=True)
        several = measure(options.methods, data, options.seeds, options.epochs, options.workers)
        one = measure(options.methods, data, options.seeds, options.epochs, 1)
        same = "the same figures" if one[2] == several[2] else "OTHER FIGURES"
        print(f"ratio {one[0] / several[0]:.2f}; on idle cores {one[1] / several[1]:.2f}; {same}", flush=True)
        alone, together = alone + one[0], together + several[0]
    if len(options.data) > 1:
        print(f"all: {alone:.0f} s with one worker, {together:.0f} s with several: {alone / together:.2f}")


if __name__ == "__main__":
    main()
