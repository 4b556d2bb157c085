"""Independent tasks over several processes, in order, with few of them waiting."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")

AHEAD = 2
"""Tasks a process that are made before they are needed; each holds a matrix."""


def run(task: Callable[[], T]) -> T:
    """Do one task."""
    return task()


def spread(tasks: Iterator[Callable[[], T]], processes: int) -> Iterator[T]:
    """Do tasks one after the other, or several at a time.

    Args:
        tasks: What to do; with several processes they are sent there.
        processes: How many work; 1 stays in this one.

    Yields:
        The results in the order of the tasks, however many processes there are.
    """
    if processes == 1:
        yield from map(run, tasks)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy locks of threads that others have started
    pool = ProcessPoolExecutor(processes, mp_context=context)
    waiting: deque[Future[T]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(run, task))
            if len(waiting) >= AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(cancel_futures=True)
