"""Units of work in worker processes of one thread each: the same results as in one process, on all cores.

Workers are forks of this process, so they have its data without a copy, and whatever was registered in it. They talk
through pipes; see :mod:`overtone.core.worker_messages`.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from overtone.core.progress import Progress, ProgressCallback
from overtone.core.worker_counts import mark_as_worker, one_thread, start
from overtone.core.worker_messages import Messenger, read_message

if TYPE_CHECKING:  # importing torch takes seconds
    from torch import Tensor

_END_SECONDS = 5.0


class Made(NamedTuple):
    """The result of a unit of work: named tensors, and plain JSON-able values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


Work = Callable[[int, ProgressCallback | None], Made]
"""Makes the unit of this number, and reports its progress."""
Receive = Callable[[int, Made], None]
"""Takes the result of a unit, in whatever order units get ready."""


class WorkerLost(RuntimeError):
    """A worker process has ended before its work was done."""


def run_units(
    work: Work,
    groups: Sequence[Sequence[int]],
    receive: Receive,
    *,
    workers: int,
    names: Mapping[int, str],
    progress: ProgressCallback | None = None,
    label: str = "all",
    resume: str = "",
) -> None:
    """Do units of work, with one thread each, in this process or in workers.

    An interruption or an error ends all workers; what was received before stays. If this process is killed, its workers
    end by themselves.

    Args:
        work: Makes a unit.
        groups: Numbers of units; one worker makes those of a group, in their order, and groups begin in theirs.
        receive: Called in this process with each result.
        workers: See :func:`count_workers`; 1 makes all units in this process.
        names: Number to what messages call a unit.
        progress: Called with what the units report; where there are workers also with the number of units done.
        label: What progress calls all units together.
        resume: What to do after a worker was lost.

    Raises:
        WorkerLost: A worker was killed.
        Exception: What a unit raised.
    """
    workers = min(workers, len(groups))
    with one_thread():
        if workers > 1:
            _Pool(work, groups, receive, names, progress, label, resume).run(workers)
            return
        for number in (number for group in groups for number in group):
            receive(number, work(number, progress))


class _Pool:
    """Workers under way, from the first group of units to the last result."""

    def __init__(
        self,
        work: Work,
        groups: Sequence[Sequence[int]],
        receive: Receive,
        names: Mapping[int, str],
        progress: ProgressCallback | None,
        label: str,
        resume: str,
    ) -> None:
        self.work, self.receive, self.names, self.progress = work, receive, names, progress
        self.label, self.resume = label, resume
        self.waiting = [list(group) for group in groups]
        self.total = sum(map(len, groups))
        self.done = 0
        self.started = time.perf_counter()
        self.processes: dict[Connection, ForkProcess] = {}
        self.numbers: dict[Connection, int] = {}
        """Worker to its number, from 1."""
        self.groups: dict[Connection, list[int]] = {}
        """Worker to the units that it has not finished."""

    def run(self, workers: int) -> None:
        """Start workers, give them work and receive what they make, until all is done."""
        alive, held = os.pipe()  # nobody writes: that it is closed tells workers that this process has ended
        try:
            for number in range(1, workers + 1):
                self._start(number, alive, held)
            self._report()
            while self.groups:
                for connection in wait(list(self.groups)):
                    assert isinstance(connection, Connection)
                    self._listen(connection)
        finally:
            self._end()
            os.close(alive)
            os.close(held)

    def _start(self, number: int, alive: int, held: int) -> None:
        here, there = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        ends = (*self.processes, here)
        process = context.Process(target=_serve, args=(self.work, there, alive, held, ends))
        start(process)
        there.close()
        self.processes[here], self.numbers[here] = process, number
        self._hand_out(here)

    def _hand_out(self, connection: Connection) -> None:
        """Give a worker the next group, or tell it that there is none."""
        group = self.waiting.pop(0) if self.waiting else []
        with suppress(BrokenPipeError):  # it was killed; listening to it says so
            connection.send_bytes(json.dumps(group).encode())
        if group:
            self.groups[connection] = group
        else:
            self.groups.pop(connection, None)

    def _listen(self, connection: Connection) -> None:
        try:
            message = read_message(connection)
        except (EOFError, OSError):
            raise self._lost(connection) from None
        if message.record is not None:
            logging.getLogger(message.record.name).handle(message.record)
        if message.error is not None:
            raise message.error
        if message.progress is not None and self.progress is not None:
            self.progress(replace(message.progress, worker=self.numbers[connection]))
        if message.tensors is None:
            return
        group = self.groups[connection]
        number = group.pop(0)
        if not group:
            self._hand_out(connection)  # first of all: it works while this process takes what it made
        self.receive(number, Made(message.tensors, message.values))
        self.done += 1
        self._report()

    def _report(self) -> None:
        if self.progress is not None:
            seconds = time.perf_counter() - self.started
            self.progress(Progress(self.label, self.done, self.total, "training", seconds=seconds))

    def _lost(self, connection: Connection) -> WorkerLost:
        process = self.processes[connection]
        process.join(_END_SECONDS)
        code = process.exitcode or 0
        how = f"was killed (signal {-code})" if code < 0 else f"ended (exit code {code})"
        memory = "; if the memory was full, take fewer workers" if code == -signal.SIGKILL else ""
        resume = f"; {self.resume}" if self.resume else ""
        return WorkerLost(f"the worker process of {self.names[self.groups[connection][0]]} {how}{memory}{resume}")

    def _end(self) -> None:
        """End all workers, gently at first; what they hold is of no use any more."""
        for process in self.processes.values():
            process.terminate()
        ends = time.monotonic() + _END_SECONDS
        for connection, process in self.processes.items():
            process.join(max(0.0, ends - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()


def _serve(work: Work, connection: Connection, alive: int, held: int, others: Sequence[Connection]) -> None:
    """In a worker: make units until there are no more, or the process that started it has ended."""
    mark_as_worker()
    sys.stdout = sys.stderr = _plain_stream()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started this, who ends it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.close(held)
    for other in others:
        other.close()
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    messenger = Messenger(connection)
    while numbers := json.loads(connection.recv_bytes()):
        for number in numbers:
            try:
                made = work(number, messenger.progress)
            except BaseException as error:
                messenger.error(error)
                return
            messenger.result(made.tensors, made.values)


def _end_with(alive: int) -> None:
    """Wait until the process that started this worker has ended, and end too."""
    os.read(alive, 1)
    os._exit(1)


def _plain_stream() -> TextIO:
    """A stream of this process's own: a display may have replaced the others, and its thread have locked them."""
    try:
        return os.fdopen(os.dup(2), "w", buffering=1)
    except OSError:
        return open(os.devnull, "w")
