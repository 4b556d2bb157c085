"""Any sequence of calls leaves a store with what a dictionary would hold, and it is searched like one."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from overtone.core import InputError

from .conftest import CASES, Place, assert_same, brute_force

IDS = st.lists(st.sampled_from([f"n{number}" for number in range(12)]), unique=True, min_size=1, max_size=6)
SEEDS = st.integers(0, 2**16)


class Machine(RuleBasedStateMachine):
    """The calls; ``held`` is what the store must hold: id to vector and number."""

    place: Place

    @initialize()
    def make(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        kind, _, location = self.place.uri.partition(":")
        fresh = f"{location}{uuid.uuid4().hex}" if "://" in location else str(Path(self.folder.name) / "store")
        self.here = Place(f"{kind}:{fresh}", self.place.settings)
        self.store = self.here.open()
        self.held: dict[str, tuple[np.ndarray, int | None]] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def items(self, ids: list[str], seed: int) -> dict[str, tuple[np.ndarray, int | None]]:
        random = np.random.default_rng(seed)
        rows = random.standard_normal((len(ids), 3)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return {one: (row, int(row[0] * 100) if row[1] > 0 else None) for one, row in zip(ids, rows)}

    def arguments(self, new: dict[str, tuple[np.ndarray, int | None]]) -> tuple[object, ...]:
        rows = np.array([row for row, _ in new.values()])
        return list(new), {"audio": rows}, {"number": [number for _, number in new.values()]}

    @rule(ids=IDS, seed=SEEDS)
    def add(self, ids: list[str], seed: int) -> None:
        new = self.items(ids, seed)
        if new.keys() & self.held.keys():
            with pytest.raises(InputError, match="is in the store already"):
                self.store.add(*self.arguments(new))
        else:
            assert self.store.add(*self.arguments(new)) == len(new)
            self.held |= new

    @rule(ids=IDS, seed=SEEDS)
    def upsert(self, ids: list[str], seed: int) -> None:
        new = self.items(ids, seed)
        assert self.store.upsert(*self.arguments(new)) == len(new)
        self.held = {one: item for one, item in self.held.items() if one not in new} | new

    @rule(ids=IDS)
    def delete(self, ids: list[str]) -> None:
        assert self.store.delete(ids) == len(self.held.keys() & set(ids))
        self.held = {one: item for one, item in self.held.items() if one not in ids}

    @rule()
    def compact(self) -> None:
        self.store.compact()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.here.open(create=False)

    @precondition(lambda self: getattr(self, "held", None))
    @rule(seed=SEEDS, bound=st.integers(-100, 100), k=st.integers(1, 15))
    def search(self, seed: int, bound: int, k: int) -> None:
        queries = np.random.default_rng(seed).standard_normal((6, 3))
        for where, keep in (
            (None, None),
            (f"number < {bound}", lambda row: row["number"] is not None and row["number"] < bound),
        ):
            if where and "number" not in self.store.columns:  # no item ever had one
                continue
            for part in (queries, queries[:1]):
                assert_same(self.store.search(part, k, where=where), brute_force(self.store, part, k, ("audio",), keep))

    @invariant()
    def holds_what_it_must(self) -> None:
        if hasattr(self, "store"):
            parts = list(self.store.iterate(4))
            assert [one for part in parts for one in part.ids] == list(self.held)
            for part in parts:
                np.testing.assert_allclose(part.vectors["audio"], [self.held[one][0] for one in part.ids], atol=1e-3)
                for one, row in zip(part.ids, part.metadata.to_pylist()):
                    assert row.get("number") == self.held[one][1]
            assert self.store.count() == len(self.held)
            assert self.store.known(["n3", "n11"]) == [one for one in ("n3", "n11") if one in self.held]


def test_any_sequence_of_calls(place: Place) -> None:
    machine = type("MachineOf", (Machine,), {"place": place})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    calm = settings(max_examples=10, stateful_step_count=15, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=calm)


def test_every_case_is_a_place() -> None:
    assert CASES
