"""What the tests of stores share: every registered kind with settings to try, items, and a search by brute force."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from overtone.search import Hit, Store, open_store, stores

from .worker import Items, make_items

WORKER = Path(__file__).with_name("worker.py")
FILTERS = {
    "": None,
    "label = 'dog'": lambda row: row["label"] == "dog",
    "rare": lambda row: row["rare"],
    "rare and length > 60.5 or number in (7, 8)": lambda row: (
        (row["rare"] and row["length"] > 60.5) or row["number"] in (7, 8)
    ),
    "number < 0": lambda row: False,
}
"""No filter, and such as leave 50 %, 1 %, less and 0 of the items."""
QUERIES = np.random.default_rng(9).standard_normal((12, 16)).astype(np.float32)
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "milvus": [{"wire": True}],
    "flat": [{"engine": "numpy"}, {"dtype": "float16"}, {"dtype": "int8"}, {"engine": "faiss"}],
}
"""Further settings of a kind; every kind is also tried with its defaults."""

__all__ = [
    "CASES", "FILTERS", "QUERIES", "Items", "Place", "assert_same", "brute_force", "held", "make_items", "run_worker",
]  # fmt: skip

CASES = [(kind, settings) for kind in stores for settings in [{}, *VARIANTS.get(kind, [])]]


class Place(NamedTuple):
    """Where a store of some kind is, or will be."""

    uri: str
    settings: dict[str, Any]

    @property
    def one_process(self) -> bool:
        """Whether a single process at a time can have it open."""
        return self.uri.startswith("milvus:") and "://" not in self.uri

    def open(self, create: bool = True) -> Store:
        return open_store(self.uri, create=create, settings=self.settings)


def name(case: tuple[str, dict[str, Any]]) -> str:
    return "-".join([case[0], *map(str, case[1].values())])


LONG = ("test_machine", "test_several_processes")
"""Tests that take long over the wire; the default run has them with the same backend in a file."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave long tests over the wire to the slow ones."""
    for item in items:
        if item.path.stem in LONG and item.name.endswith("[milvus-True]"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=CASES, ids=name)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place for a store of each kind; skipped, visibly, where what it needs is not installed."""
    kind, settings = request.param
    needed = [*stores[kind].requires, *(["faiss"] if settings.get("engine") == "faiss" else [])]
    for module in needed:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if settings.get("wire"):  # a server on loopback, as a cluster is reached
        address = request.getfixturevalue("milvus_server")
        return Place(f"milvus:{address}/c_{uuid.uuid4().hex}", {})
    return Place(f"{kind}:{tmp_path / 'store'}", settings)


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Milvus Lite server that runs in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = tmp_path_factory.mktemp("milvus")
    program = "import sys; from milvus_lite.cmdline import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "server", "--data-dir", str(data), "--host", "127.0.0.1"]
    with subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.DEVNULL) as server:
        for _ in range(300):
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def brute_force(
    store: Store, queries: np.ndarray, k: int, to: tuple[str, ...], keep: Callable[[dict[str, Any]], bool] | None = None
) -> list[list[tuple[str, float]]]:
    """Ids and scores of the k nearest items, from everything that the store holds."""
    parts = list(store.iterate(1000))
    ids = [one for part in parts for one in part.ids]
    rows = [row for part in parts for row in part.metadata.to_pylist()]
    total = np.mean([np.concatenate([part.vectors[name] for part in parts]) for name in to], axis=0)
    scores = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ total.T.astype(np.float64)
    allowed = np.array([keep is None or keep(row) for row in rows], dtype=bool)
    scores[:, ~allowed] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, : min(k, int(allowed.sum()))]
    return [[(ids[at], scores[query, at]) for at in found] for query, found in enumerate(order)]


def assert_same(found: list[tuple[Hit, ...]], wanted: list[list[tuple[str, float]]]) -> None:
    """The same scores to rounding, and the same items where neighbouring scores differ by more than that."""
    assert len(found) == len(wanted)
    for hits, expected in zip(found, wanted):
        assert len(hits) == len(expected)
        assert len({hit.id for hit in hits}) == len(hits)
        scores = np.array([score for _, score in expected])
        np.testing.assert_allclose([hit.score for hit in hits], scores, atol=2e-6)
        for at, (hit, (one, score)) in enumerate(zip(hits, expected)):
            alone = np.sum(np.abs(scores - score) < 4e-6) == 1 and at < len(hits) - 1
            assert hit.id == one or not alone


def run_worker(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What another process says."""
    return subprocess.run([sys.executable, WORKER, *arguments], capture_output=True, text=True)


@contextmanager
def held(place: Place, count: int, how: str = "hold") -> Iterator[subprocess.Popen[str]]:
    """Another process that has written so many items and keeps the store open; killed at the end."""
    command = [sys.executable, str(WORKER), how, place.uri, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        yield holder
        holder.kill()
