"""A writer that is killed at any moment leaves what it has acknowledged, and nothing by halves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from overtone.search import open_store

from .conftest import assert_same, brute_force, make_items

WORKER = Path(__file__).with_name("worker.py")
STEPS = ("add", "upsert", "delete")
State = dict[str, np.ndarray]


def apply(state: State, step: str, number: int) -> State:
    """What the store holds after one more call of the worker."""
    items = make_items(40, number, 4)
    unit = items.vectors["audio"] / np.linalg.norm(items.vectors["audio"], axis=1, keepdims=True)
    if step == "add":
        return {**state, **dict(zip(items.ids, unit))}
    if step == "upsert":
        kept = {name: row for name, row in state.items() if name not in items.ids[:10]}
        return {**kept, **dict(zip(items.ids[:10], -unit[:10]))}
    if step == "delete":
        return {name: row for name, row in state.items() if name not in items.ids[-5:]}
    return state


def following(step: str, number: int) -> tuple[str, int]:
    """The worker's call after one that it has acknowledged."""
    if step == "delete" and number % 2 == 0:
        return "compact", number
    return {"add": ("upsert", number), "upsert": ("delete", number)}.get(step, ("add", number + 1))


def check_kills(uri: str, kills: int, seed: int = 0) -> None:
    """Kill writers at random moments and check the store after each."""
    random, state = np.random.default_rng(seed), State()
    command = [sys.executable, str(WORKER), "fork", uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as parent:
        for kill in range(kills):
            acknowledged = acknowledged_until_killed(parent, 1000 * (kill + 1), random.uniform(0, 0.4))
            state = check(uri, state, acknowledged, random)
        assert parent.stdin is not None
        parent.stdin.close()


def acknowledged_until_killed(parent: subprocess.Popen[str], seed: int, seconds: float) -> list[tuple[str, int]]:
    """The calls of a writer that had returned when it was killed, after its first one and so many seconds."""
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(f"{seed}\n")
    _, writer = parent.stdout.readline().split()
    lines = [parent.stdout.readline()]
    timer = threading.Timer(seconds, os.kill, [int(writer), signal.SIGKILL])
    timer.start()
    while not lines[-1].startswith("killed"):
        lines.append(parent.stdout.readline())
    return [(step, int(number)) for step, number in map(str.split, lines[:-1])]


def check(uri: str, state: State, acknowledged: list[tuple[str, int]], random: np.random.Generator) -> State:
    """What the store holds after a kill: what was acknowledged, or that and the whole of the call that was not."""
    for step, number in acknowledged:
        state = apply(state, step, number)
    after = apply(state, *following(*acknowledged[-1]))
    with open_store(uri) as store:
        parts = list(store.iterate())
        found = {one: row for part in parts for one, row in zip(part.ids, part.vectors["audio"])}
        queries = random.standard_normal((8, 4))
        assert_same(store.search(queries, 10, to="audio"), brute_force(store, queries, 10, ("audio",)))
    held = [one for one in (state, after) if same(found, one)]
    assert held
    return held[0]


def same(found: State, wanted: State) -> bool:
    """The same items in the same order with the same vectors."""
    return list(found) == list(wanted) and all(np.allclose(found[one], wanted[one], atol=1e-6) for one in found)


def test_a_few_kills(tmp_path: Path) -> None:
    check_kills(f"flat:{tmp_path / 'store'}", 5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_two_hundred_kills_in_four_parts(tmp_path: Path, seed: int) -> None:
    check_kills(f"flat:{tmp_path / 'store'}", 50, seed)
