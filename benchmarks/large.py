"""What features larger than memory cost: from files of half precision to a trained run, embeddings and an evaluation.

    python benchmarks/large.py            # 2,000,000 rows of 128 and 512 columns, hsc-mae, two epochs: an hour and more
    python benchmarks/large.py --rows 400000 --columns 64 128 --method infonce --epochs 1 --large-mb 64 --queries 2000

Writes four HDF5 files of half precision in a folder for temporary files, with 400 known classes, and reads, trains,
embeds and evaluates them. For each step: wall and processor seconds, and the most memory that was resident, of its own
(anonymous) and of files. What is of files the system takes back when it needs memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from memory import highest, resident

CLASSES, SHARDS, BLOCK = 400, 4, 50_000


def write(folder: Path, rows: int, columns: tuple[int, int]) -> None:
    """Write shards of clips around the centres of their classes."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((CLASSES, 32))
    maps = [random.standard_normal((32, width)) for width in columns]
    for shard in range(SHARDS):
        count = rows // SHARDS
        with h5py.File(folder / f"clips-{shard:05}-of-{SHARDS:05}.h5", "w") as file:
            views = [
                file.create_dataset(name, (count, width), np.float16)
                for name, width in zip(("audio", "visual"), columns)
            ]
            classes = random.integers(0, CLASSES, count)
            file["y"], file["is_test"] = classes, np.arange(count) % 20 == 0
            for start in range(0, count, BLOCK):
                stop = min(count, start + BLOCK)
                hidden = centres[classes[start:stop]] + random.standard_normal((stop - start, 32))
                for view, change in zip(views, maps):
                    view[start:stop] = hidden @ change + random.standard_normal((stop - start, change.shape[1]))


@contextmanager
def step(name: str) -> Iterator[None]:
    """Measure one step and print it."""
    wall, used = time.perf_counter(), time.process_time()
    with highest(resident) as most:
        yield
    wall, used = time.perf_counter() - wall, time.process_time() - used
    sizes = f"{most['own']:5.2f} GB of its own, {most['files']:5.2f} GB of files"
    print(f"{name:10} {wall:7.1f} s {used:7.1f} processor s  {sizes}", flush=True)


def main() -> None:
    """Write, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--columns", type=int, nargs=2, default=[128, 512])
    parser.add_argument("--method", default="hsc-mae")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--large-mb", type=int, default=256)
    parser.add_argument("--queries", type=int, default=10_000)
    options = parser.parse_args()
    os.environ["OVERTONE_LARGE_MB"] = str(options.large_mb)
    import overtone
    from overtone.search.indexing import index_features
    from overtone.search.opening import open_store
    from overtone.training import train

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.rows, tuple(options.columns))
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
        print(f"{options.rows:,} rows of {options.columns}: {size:.2f} GB on disk, {2 * size:.2f} GB as float32")
        with step("load"):
            data = overtone.load(folder)
        settings = {"width": options.width, "depth": 1, "epochs": options.epochs, "batch_size": options.batch_size}
        settings |= {"scaling": "zscore", "learning_rate": 1e-3}
        with step("train"):
            run = train(options.method, data, settings=settings, evaluate=False)  # below, by queries
        print(f"mining: {run.info.get('mining')}")
        with step("evaluate"):
            found = overtone.evaluate(run, data, queries=options.queries)
        print(f"mAP {found['map'].mean:.3f}, 95 % interval {found['map'].ci95}, chance {found['chance_map'].mean:.3f}")
        with step("embed"):
            run.embed(data)
        with step("index"), open_store(folder / "store", create=True) as store:
            index_features(store, run, data)


if __name__ == "__main__":
    main()
