"""How many worker processes may share some work, and with how many threads they compute."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkProcess

from overtone.core.errors import InputError

_PROBE_SECONDS = 20.0
_INSIDE: list[int] = []
"""The number of this process, if it is a worker: it has no workers of its own."""


@contextmanager
def copying() -> Iterator[None]:
    """Start copies of this process without Python's warning of its other threads."""
    with warnings.catch_warnings():  # a copy has this thread alone; it touches nothing that others may have locked
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def start(process: ForkProcess) -> None:
    """Start a copy of this process."""
    with copying():
        process.start()


def mark_as_worker() -> None:
    """Note that this process is a worker."""
    _INSIDE.append(os.getpid())


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, here and in workers: sums depend on the number of threads that share them."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


def count_workers(asked: int | None, device_types: Sequence[str]) -> int:
    """The number of worker processes to use.

    Args:
        asked: What the user wants; None: one per thread that PyTorch would use, or 1 where workers are not possible.
        device_types: Types of the devices that the work is done on (``"cpu"``).

    Returns:
        At least 1; 1 means that this process does the work.

    Raises:
        InputError: More than one is asked for and not possible.
    """
    import torch

    if asked is not None and asked < 1:
        raise InputError("there must be at least one worker", got=asked)
    wanted = torch.get_num_threads() if asked is None else asked
    reason = _obstacle(device_types) if wanted > 1 else None
    if reason is not None and asked is not None:
        raise InputError(f"no more than one worker is possible: {reason}", got=asked, fix="leave workers out")
    return 1 if reason is not None else wanted


def _obstacle(device_types: Sequence[str]) -> str | None:
    """Why there can be no workers here; None if there can."""
    if os.getpid() in _INSIDE:
        return "this is a worker itself"
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return "torchrun has started several processes already"
    if others := sorted(set(device_types) - {"cpu"}):
        return f"the work is done on a GPU ({', '.join(others)}), which one process keeps busy"
    if sys.platform != "linux":
        return "this system cannot copy a process safely"
    if not _can_train_in_a_copy():
        return "PyTorch cannot compute gradients in a copy of this process, which has used a GPU or its engine"
    return None


def _can_train_in_a_copy() -> bool:
    """Whether a copy of this process can compute a gradient: try it, with a bound of time."""
    probe = multiprocessing.get_context("fork").Process(target=_compute_a_gradient, daemon=True)
    start(probe)
    probe.join(_PROBE_SECONDS)
    if probe.is_alive():
        probe.kill()
        probe.join()
    return probe.exitcode == 0


def _compute_a_gradient() -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        torch.autograd.backward(torch.ones(8, 8, requires_grad=True).mm(torch.ones(8, 8)).sum())
    except RuntimeError:
        os._exit(1)
    os._exit(0)
