"""What tests run in another process: ``search`` prints hits, ``fork`` starts writers to be killed, ``hold`` writes."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NamedTuple

import numpy as np

from overtone.search import open_store, replace_store


class Items(NamedTuple):
    """Items as a store takes them."""

    ids: list[str]
    vectors: dict[str, np.ndarray]
    metadata: dict[str, list[Any]]

    def part(self, start: int, stop: int) -> Items:
        vectors = {name: rows[start:stop] for name, rows in self.vectors.items()}
        return Items(self.ids[start:stop], vectors, {name: v[start:stop] for name, v in self.metadata.items()})


def make_items(count: int, seed: int = 0, width: int = 16) -> Items:
    """Random items in which ``half`` holds for 50 % and ``rare`` for 1 %."""
    random = np.random.default_rng(seed)
    vectors = {name: random.standard_normal((count, width)).astype(np.float32) for name in ("audio", "visual")}
    metadata = {
        "number": list(range(count)),
        "length": [float(n) / 7 for n in range(count)],
        "label": ["dog" if n % 2 else "cat" for n in range(count)],
        "rare": [n % 100 == 3 for n in range(count)],
    }
    return Items([f"clip-{seed}-{n}" for n in range(count)], vectors, metadata)


def say(*words: object) -> None:
    """A line that the test reads at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def search(uri: str, queries: str, *filters: str) -> None:
    """Print the ids that queries find under each filter; an empty one is none."""
    with open_store(uri) as store:
        found = [store.search(np.load(queries), 10, to="visual", where=where or None) for where in filters]
    json.dump([[[hit.id for hit in hits] for hits in one] for one in found], sys.stdout)


def write(uri: str, seed: str) -> None:
    """Add, replace and delete items without an end; print a line when a call has returned."""
    store, number = open_store(uri, create=True), int(seed)
    while True:
        number += 1
        items = make_items(40, number, 4)
        store.add(items.ids, items.vectors, items.metadata)
        say("add", number)
        store.upsert(items.ids[:10], {name: -rows[:10] for name, rows in items.vectors.items()})
        say("upsert", number)
        store.delete(items.ids[-5:])
        say("delete", number)
        if number % 2 == 0:
            store.compact()
            say("compact", number)


def fork(uri: str) -> None:
    """For every seed on standard input start a process that writes; its imports are done, so it writes at once.

    Prints the process's number first.
    """
    for seed in sys.stdin:
        child = os.fork()
        if not child:
            say("process", os.getpid())
            write(uri, seed)
        os.waitpid(child, 0)
        say("killed", child)


def hold(uri: str, count: str = "5") -> None:
    """Be the writer until standard input ends."""
    store = open_store(uri, create=True)
    items = make_items(int(count), 77)
    store.upsert(items.ids, items.vectors, items.metadata)
    say("holding")
    sys.stdin.read()
    store.close()


def hold_replacement(uri: str, count: str) -> None:
    """Be about to replace a store until standard input ends."""
    with replace_store(uri) as store:
        store.add(*make_items(int(count), 77))
        say("holding")
        sys.stdin.read()


if __name__ == "__main__":
    {"search": search, "fork": fork, "hold": hold, "replace": hold_replacement}[sys.argv[1]](*sys.argv[2:])
