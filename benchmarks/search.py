"""How fast the flat store answers, against faiss's flat index over the same vectors in memory.

All ratios come from one run on one machine, taking turns, the best of a few repeats each; faiss is optional:

    python benchmarks/search.py                  # 200,000 × 128 in float32: batch, single query, opening
    python benchmarks/search.py --dtype int8     # the same, stored otherwise
    python benchmarks/search.py --large          # 2,000,000 × 128 in float16, and the memory it took

Opening and memory are measured in processes of their own.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from overtone.search import Store, open_store

WIDTH, K, BATCH = 128, 10, 1000
CHUNK = 100_000


def chunks(rows: int) -> Iterator[tuple[int, np.ndarray]]:
    """Unit rows in parts, each with the number of its first row."""
    random = np.random.default_rng(0)
    for start in range(0, rows, CHUNK):
        part = random.standard_normal((min(CHUNK, rows - start), WIDTH), dtype=np.float32)
        yield start, part / np.linalg.norm(part, axis=1, keepdims=True)


def queries(count: int) -> np.ndarray:
    """Unit queries."""
    rows = np.random.default_rng(1).standard_normal((count, WIDTH), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fill(uri: str, rows: int, dtype: str) -> float:
    """Write a store; seconds."""
    begun = time.perf_counter()
    with open_store(uri, create=True, settings={"dtype": dtype}) as store:
        for start, part in chunks(rows):
            ids = [f"clip-{row}" for row in range(start, start + len(part))]
            columns = {"duration": np.arange(start, start + len(part)) % 60, "label": ["dog", "cat"] * (len(part) // 2)}
            store.add(ids, {"visual": part}, columns)
        if rows > CHUNK:
            store.compact()
    return time.perf_counter() - begun


def best(
    calls: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """The least seconds of each call by a clock; they take turns."""
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for name, call in calls.items():
            begun = clock()
            call()
            found[name] = min(found[name], clock() - begun)
    return found


def resident() -> float:
    """Resident memory of this process, in MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_alone(uri: str) -> None:
    """Print what opening costs, and what a first and a batched search add."""
    import overtone.search.backends.flat  # noqa: F401 - the import is no part of the opening

    before, begun = resident(), time.perf_counter()
    store = open_store(uri)
    opened, after = time.perf_counter() - begun, resident()
    store.search(queries(1)[0], K)
    begun = time.perf_counter()
    store.search(queries(100), K)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"open": opened, "added": after - before, "hundred": seconds, "peak": peak}))


def measured_alone(uri: str) -> dict[str, float]:
    """What another process measures."""
    command = [sys.executable, __file__, "--open", uri]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def compare(uri: str, rows: int) -> None:
    """Print times of a batch and of a single query, as ratios to faiss."""
    engines = ["numpy", *(["faiss"] if importlib.util.find_spec("faiss") else [])]
    stores: dict[str, Store] = {engine: open_store(uri, settings={"engine": engine}) for engine in engines}
    many, one = queries(BATCH), queries(1)[0]
    calls: dict[str, Callable[[], object]] = {
        f"flat with {name}": lambda store=store: store.search(many, K) for name, store in stores.items()
    }
    if "faiss" in stores:
        import faiss

        index = faiss.IndexFlatIP(WIDTH)
        for _, part in chunks(rows):
            index.add(part)
        calls["faiss.IndexFlatIP"] = lambda: index.search(many, K)
    found = best(calls, 5)
    peer = found.get("faiss.IndexFlatIP")
    for name, seconds in found.items():
        ratio = f"   {seconds / peer:.2f} × faiss" if peer else ""
        print(f"{BATCH} queries, {name:20s} {seconds:7.3f} s{ratio}")
    calls = {"single query": lambda: stores["numpy"].search(one, K)}
    calls["single query, 50 % filter"] = lambda: stores["numpy"].search(one, K, where="label = 'dog'")
    calls["single query, 1 % filter"] = lambda: stores["numpy"].search(one, K, where="duration = 7 and label = 'cat'")
    moments = itertools.count(100)
    calls["single query, another filter each time"] = lambda: stores["numpy"].search(
        one, K, where=f"label = 'dog' and duration < {next(moments)}"
    )
    wall, processor = best(calls, 20), best(calls, 20, time.process_time)
    for name, seconds in wall.items():
        print(f"{name:40s} {1000 * seconds:7.1f} ms, processor {1000 * processor[name]:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the flat store answers.")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "int8"])
    parser.add_argument("--large", action="store_true", help="2,000,000 rows in float16, without faiss's index")
    parser.add_argument("--open", metavar="URI", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        open_alone(options.open)
        return
    rows, dtype = (2_000_000, "float16") if options.large else (options.rows, options.dtype)
    with tempfile.TemporaryDirectory() as folder:
        uri = f"flat:{folder}/store"
        print(f"{rows:,} × {WIDTH}, {dtype}, {os.cpu_count()} cores; written in {fill(uri, rows, dtype):.1f} s")
        alone = min((measured_alone(uri) for _ in range(3)), key=lambda found: found["open"])
        print(f"opening {1000 * alone['open']:.1f} ms and {alone['added']:.1f} MB")
        print(f"100 queries {alone['hundred']:.2f} s; at most {alone['peak']:.0f} MB resident in all")
        if not options.large:
            compare(uri, rows)


if __name__ == "__main__":
    main()
