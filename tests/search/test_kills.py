"""A writer that is killed at any moment leaves what it has acknowledged, and nothing by halves."""

from __future__ import annotations

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
    if step == "delete" and number % 5 == 0:
        return "compact", number
    return {"add": ("upsert", number), "upsert": ("delete", number)}.get(step, ("add", number + 1))


def check_kills(uri: str, kills: int) -> None:
    """Kill writers at random moments: the store holds what was acknowledged, with or without one more call."""
    random, state = np.random.default_rng(0), State()
    for kill in range(kills):
        seed, acknowledged = 1000 * (kill + 1), []
        command = [sys.executable, str(WORKER), "write", uri, str(seed)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged.append(writer.stdout.readline().split())
            timer = threading.Timer(random.uniform(0, 0.3), writer.send_signal, [signal.SIGKILL])
            timer.start()
            acknowledged += [line.split() for line in writer.stdout if line.endswith("\n")]
            timer.join()
        for step, number in acknowledged:
            state = apply(state, step, int(number))
        step, number = acknowledged[-1]
        after = apply(state, *following(step, int(number)))
        with open_store(uri) as store:
            parts = list(store.iterate())
            found = {one: row for part in parts for one, row in zip(part.ids, part.vectors["audio"])}
            assert found.keys() in (state.keys(), after.keys())
            state = after if found.keys() != state.keys() or list(found) != list(state) else state
            changed = [one for one in found if not np.allclose(found[one], state[one], atol=1e-6)]
            if changed:  # the call that was not acknowledged had replaced vectors
                state = after
            assert all(np.allclose(found[one], state[one], atol=1e-6) for one in found)
            queries = random.standard_normal((8, 4))
            assert_same(store.search(queries, 10, to="audio"), brute_force(store, queries, 10, ("audio",)))


def test_a_few_kills(tmp_path: Path) -> None:
    check_kills(f"flat:{tmp_path / 'store'}", 5)


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    check_kills(f"flat:{tmp_path / 'store'}", 200)
