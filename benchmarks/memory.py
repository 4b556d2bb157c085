"""The memory of this process while something runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def resident() -> dict[str, float]:
    """Resident memory in GB: its own, and of files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1e6 for line in lines if line.startswith("Rss")}
    return {"own": found["RssAnon"], "files": found["RssFile"] + found["RssShmem"]}


@contextmanager
def highest(measure: Callable[[], dict[str, float]]) -> Iterator[dict[str, float]]:
    """The largest value of each measured quantity, looked at ten times a second; complete when the block has ended."""
    most, done = measure(), threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            for name, value in measure().items():
                most[name] = max(most[name], value)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()
