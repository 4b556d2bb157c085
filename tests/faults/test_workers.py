"""Ctrl-C and a killed worker end a comparison in one sentence, and leave no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from toys import wait_until

# Elsewhere there are no workers to end: a process that has used threads is copied safely on Linux alone.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are copies of a process, on Linux alone")

COMMAND = ["compare", "infonce", "dcca", "split-digits", "--seeds", "2", "--workers", "2", "--out", "found"]
SLOW = ["--set", "epochs=100000"]
# a program started in the background of a script ignores Ctrl-C, as its children do; this one listens
PROGRAM = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("overtone", run_name="__main__", alter_sys=True)
"""


def children(process: int) -> list[int]:
    """Processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def end(folder: Path, how: Callable[[int, list[int]], None]) -> tuple[int, str]:
    """Start a comparison, end it once both workers train, and see that they are gone; its exit code and last words."""
    said = folder / "said"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, *COMMAND, *SLOW]
    with said.open("w") as stream:
        program = subprocess.Popen(command, cwd=folder, env=environment, stderr=stream, text=True)
    try:
        wait_until(lambda: said.read_text().count("epoch") >= 2, program)
        workers = children(program.pid)
        assert len(workers) == 2
        how(program.pid, workers)
        code = program.wait(timeout=60)
    finally:
        program.kill()
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    return code, said.read_text().splitlines()[-1]


def test_an_interruption_ends_the_workers_and_says_how_to_go_on(tmp_path: Path) -> None:
    code, said = end(tmp_path, lambda program, workers: os.kill(program, signal.SIGINT))
    assert (code, said) == (130, "overtone: interrupted; go on with --resume")


def test_a_killed_worker_ends_the_program_in_a_sentence(tmp_path: Path) -> None:
    code, said = end(tmp_path, lambda program, workers: os.kill(workers[1], signal.SIGKILL))
    assert code == 1
    assert said.startswith("overtone: the worker process of infonce, seed 1 was killed (signal 9)")
    assert said.endswith("what is done stays: go on with --resume")
