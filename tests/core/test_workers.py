"""Work in worker processes: the same results, one report of progress, and no process that is left behind."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from overtone.core import InputError, Progress, ProgressCallback
from overtone.core.worker_counts import count_workers, one_thread
from overtone.core.workers import Made, WorkerLost, run_units

NAMES = {number: f"unit {number}" for number in range(100)}


def square(number: int, report: ProgressCallback | None) -> Made:
    """A unit of work, and the process that did it."""
    if report is not None:
        report(Progress(NAMES[number], 1, 1, values={"x": float(number)}))
    value = torch.linspace(0, 1, 7).pow(number + 1)
    return Made({"b": value, "a": value.double()}, {"process": os.getpid(), "nan": float("nan")})


def run(work: Any, groups: list[list[int]], workers: int, **options: Any) -> dict[int, Made]:
    found: dict[int, Made] = {}
    run_units(work, groups, found.__setitem__, workers=workers, names=NAMES, **options)
    return found


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(seen: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < ends, "not within half a minute"
        time.sleep(0.02)


def test_workers_make_what_one_process_makes() -> None:
    groups = [[number] for number in range(7)]
    one, three = run(square, groups, 1), run(square, groups, 3)
    assert sorted(three) == sorted(one) == list(range(7))
    for number, made in three.items():
        assert list(made.tensors) == ["b", "a"]
        assert all(torch.equal(made.tensors[name], one[number].tensors[name]) for name in "ab")
        assert made.tensors["a"].dtype == torch.float64
        assert made.values["nan"] is None  # as in a file of JSON
    makers = {made.values["process"] for made in three.values()}
    assert os.getpid() not in makers
    assert len(makers) == 3
    assert {made.values["process"] for made in one.values()} == {os.getpid()}
    assert all(gone(process) for process in makers)


def test_a_group_is_made_by_one_worker_in_its_order() -> None:
    order: list[int] = []

    def receive(number: int, made: Made) -> None:
        order.append(number)
        makers.setdefault(number % 2, set()).add(made.values["process"])

    makers: dict[int, set[int]] = {}
    run_units(square, [[0, 4, 2], [1, 5, 3]], receive, workers=2, names=NAMES)
    assert [number for number in order if number % 2 == 0] == [0, 4, 2]
    assert [number for number in order if number % 2] == [1, 5, 3]
    assert makers[0].isdisjoint(makers[1])
    assert [len(some) for some in makers.values()] == [1, 1]


def test_progress_tells_workers_apart_and_counts_what_is_done() -> None:
    seen: list[Progress] = []
    run(square, [[0], [1], [2]], 2, progress=seen.append, label="all")
    assert [(one.done, one.total) for one in seen if one.worker == 0] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert {one.worker for one in seen} == {0, 1, 2}
    assert {one.label: one.values["x"] for one in seen if one.worker} == {"unit 0": 0.0, "unit 1": 1.0, "unit 2": 2.0}


def test_what_a_worker_logs_is_logged_here(caplog: pytest.LogCaptureFixture) -> None:
    def work(number: int, report: ProgressCallback | None) -> Made:
        logging.getLogger("overtone").warning("unit %s is odd", number)
        sys.stdout.write("this goes nowhere near the display\n")
        return Made({}, {})

    run(work, [[1], [3]], 2)
    assert sorted(caplog.messages) == ["unit 1 is odd", "unit 3 is odd"]


class Peculiar(Exception):
    """An error whose message is not what it was made of."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first, second)

    def __str__(self) -> str:
        return f"{self.args[0]} and {self.args[1]}"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (InputError("row 3: NaN", fix="look"), InputError, "^row 3: NaN; look.$"),
        (FileNotFoundError(2, "No such file", "there.npz"), FileNotFoundError, "No such file: 'there.npz'"),
        (MemoryError("too much"), MemoryError, "^too much$"),
        (Peculiar(1, 2), RuntimeError, "^Peculiar: 1 and 2$"),
    ],
)
def test_an_error_of_a_worker_is_raised_here(error: Exception, kind: type[Exception], said: str) -> None:
    def work(number: int, report: ProgressCallback | None) -> Made:
        if number == 2:
            raise error
        return square(number, report)

    with pytest.raises(kind, match=said) as caught:
        run(work, [[number] for number in range(5)], 2)
    assert "test_workers.py" in str(caught.value.__cause__)


def test_a_killed_worker_ends_all_with_a_sentence() -> None:
    makers: list[int] = []

    def work(number: int, report: ProgressCallback | None) -> Made:
        assert report is not None
        report(Progress("", os.getpid(), 2**40))
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        raise AssertionError("nobody ended this worker")

    said = r"the worker process of unit 1 was killed \(signal 9\); if the memory was full, take fewer workers; go on"
    with pytest.raises(WorkerLost, match=said):
        run(work, [[0], [1]], 2, progress=lambda one: one.worker and makers.append(one.done), resume="go on so")
    wait_until(lambda: all(map(gone, makers)))


def test_an_interruption_ends_all_workers() -> None:
    makers: list[int] = []

    def note(report: Progress) -> None:
        if report.worker:
            makers.append(report.done)
        if len(makers) == 2:
            raise KeyboardInterrupt

    def work(number: int, report: ProgressCallback | None) -> Made:
        assert report is not None
        report(Progress("", os.getpid(), 2**40))
        time.sleep(60)
        raise AssertionError("nobody ended this worker")

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(work, [[0], [1], [2]], 2, progress=note)
    assert time.monotonic() - started < 30
    assert len(makers) == 2
    assert all(map(gone, makers))


ORPHANS = """
import os, sys, time
from overtone.core.workers import run_units

def work(number, report):
    print(os.getpid(), file=sys.stderr, flush=True)
    time.sleep(300)

run_units(work, [[0], [1]], lambda number, made: None, workers=2, names={0: "a", 1: "b"})
"""


def test_workers_of_a_killed_process_end(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(ORPHANS)
    command = [sys.executable, str(tmp_path / "program.py")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        makers = [int(program.stderr.readline()) for _ in range(2)]
        assert not any(map(gone, makers))
        program.kill()
    wait_until(lambda: all(map(gone, makers)))


def test_one_thread_computes_and_then_as_many_as_before() -> None:
    before = torch.get_num_threads()

    def work(number: int, report: ProgressCallback | None) -> Made:
        return Made({}, {"threads": torch.get_num_threads(), "more": count_workers(None, ["cpu"])})

    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        for workers in (1, 2):
            assert [made.values for made in run(work, [[0], [1]], workers).values()] == [{"threads": 1, "more": 1}] * 2
        assert torch.get_num_threads() == 2
        assert count_workers(None, ["cpu"]) == 2
    finally:
        torch.set_num_threads(before)


def test_workers_are_refused_where_they_cannot_help(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_workers(3, ["cpu"]) == 3
    assert count_workers(1, ["cuda"]) == 1
    with pytest.raises(InputError, match="at least one worker; got 0"):
        count_workers(0, ["cpu"])
    with pytest.raises(InputError, match=r"done on a GPU \(cuda\).*; got 2; leave workers out"):
        count_workers(2, ["cpu", "cuda"])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="torchrun has started several processes already"):
        count_workers(2, ["cpu"])


def test_a_worker_has_no_workers() -> None:
    def work(number: int, report: ProgressCallback | None) -> Made:
        count_workers(2, ["cpu"])
        raise AssertionError("workers of a worker")

    with pytest.raises(InputError, match="this is a worker itself"):
        run(work, [[0], [1]], 2)
