"""Runs the units of an extraction: decoding in worker processes, and the backbones there or, on a GPU, here."""

from __future__ import annotations

import os
import time

from overtone.core import Progress, ProgressCallback
from overtone.core.worker_counts import count_workers
from overtone.core.workers import Made, run_units
from overtone.media.shards import Shards
from overtone.media.units import Units

_AHEAD = 4
"""Units that a worker is given at a time where this process embeds: it decodes the next while this one is embedded."""
_MOST = 16
"""Workers that decode for a GPU, if nothing else is asked for."""


def run_extraction(
    units: Units, shards: Shards, workers: int | None = None, progress: ProgressCallback | None = None
) -> None:
    """Make the units that are not done yet, and keep each as soon as it is.

    On a CPU a worker does all of a unit, with one thread. On a GPU workers decode, and this process embeds; a worker
    that is ahead waits until its unit is taken, so no more than one unit a worker is in memory.

    Args:
        units: The units.
        shards: Where they are kept; its share says which of them are made.
        workers: Number of processes; None for one per thread of PyTorch, or for a GPU one per core, 16 at most.
        progress: Called after each unit.
    """
    todo = shards.missing(len(units))
    on_gpu = any(backbone.device.type != "cpu" for backbone in units.backbones.values())
    meter = _Meter(units, shards, len(todo), progress)

    def work(unit: int, _: ProgressCallback | None) -> Made:
        prepared = units.prepare(unit)
        return prepared if on_gpu else units.embed(prepared)

    def receive(unit: int, made: Made) -> None:
        made = units.embed(made) if on_gpu else made
        shards.keep(unit, made)
        meter.add(unit, made)

    if not todo:
        meter.report()
        return
    size = _AHEAD if on_gpu else 1
    run_units(
        work,
        [todo[at : at + size] for at in range(0, len(todo), size)],
        receive,
        workers=_count_decoders(workers) if on_gpu else count_workers(workers, ("cpu",)),
        names={unit: f"batch {unit} of the extraction" for unit in todo},
        resume="go on with --resume",
    )


def _count_decoders(asked: int | None) -> int:
    """Workers that decode for a GPU: they do not touch it, so it may be in use already."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1  # other systems copy no process
    return min(_MOST, available) if asked is None else count_workers(asked, ("cpu",)) if asked > 1 else asked


class _Meter:
    """Reports how far an extraction is, how fast, and what takes the time."""

    def __init__(self, units: Units, shards: Shards, todo: int, progress: ProgressCallback | None) -> None:
        self.units, self.progress = units, progress
        own = shards.share.units(len(units))
        left = set(shards.missing(len(units))) if todo else set()
        self.total = sum(len(units.numbers(unit)) for unit in own)
        self.before = sum(len(units.numbers(unit)) for unit in own if unit not in left)
        self.done = 0
        self.decoding, self.describing = 0.0, 0.0
        self.started = time.monotonic()

    def add(self, unit: int, made: Made) -> None:
        """Note that a unit is done."""
        self.done += len(self.units.numbers(unit))
        self.decoding += made.values["decoding"]
        self.describing += made.values["describing"]
        self.report()

    def report(self) -> None:
        """Call the callback; the time to come is estimated from what was done since the start."""
        if self.progress is None:
            return
        seconds = time.monotonic() - self.started
        what, done = self.units.catalogue.what, self.before + self.done
        values = {}
        if self.done:
            whole = max(self.decoding + self.describing, 1e-9)
            values = {f"{what}/s": self.done / max(seconds, 1e-9), "decoding %": 100 * self.decoding / whole}
        eta = seconds / max(self.done, 1) * (self.total - done)
        self.progress(Progress(what, done, self.total, "", values, seconds, eta))
