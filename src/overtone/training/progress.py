"""How far a run has come: what the loop reports after each epoch, and a display for it on standard error."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from overtone.graphs import SearchReport


@dataclass(frozen=True)
class Report:
    """What the loop says after an epoch.

    Attributes:
        label: Which run this is (``"hsc-mae"``, in a comparison ``"hsc-mae, seed 2 (3/25)"``).
        epoch: Epochs done.
        epochs: Epochs to do.
        terms: Means of the epoch's terms, and the latest validation scores as ``val_…``.
        seconds: Time so far.
        eta: Time to come, in seconds, if the epochs go on like this.
    """

    label: str
    epoch: int
    epochs: int
    terms: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    eta: float = 0.0

    def line(self) -> str:
        """The report as one line of text.

        Example:
            >>> Report("cca", 5, 10, {"loss": 0.25}, 2.0, 2.0).line()
            'cca: epoch 5/10, loss 0.25, 2 s left'
        """
        left = f"{self.eta:.0f} s left" if self.epoch < self.epochs else f"done in {self.seconds:.1f} s"
        return ", ".join([f"{self.label}: epoch {self.epoch}/{self.epochs}", *self.numbers(), left])

    def numbers(self) -> list[str]:
        """Terms in short."""
        return [f"{name} {value:.4g}" for name, value in self.terms.items()]


Callback = Callable[[Report], None]


class Steps(Report):
    """A report of a search, which has steps where a training has epochs."""

    @classmethod
    def of(cls, report: SearchReport, label: str = "") -> Steps:
        """What a graph search says of itself, for a display of trainings.

        Args:
            report: The search's.
            label: What to call it; its own label by default.
        """
        terms = {"score": report.score} if math.isfinite(report.score) else {}
        eta = report.seconds * (report.steps - report.step) / max(1, report.step)
        return cls(label or report.label, report.step, report.steps, terms, report.seconds, eta)

    def line(self) -> str:
        """The report as one line of text."""
        return super().line().replace(": epoch ", ": step ", 1)


@contextmanager
def display(stream: TextIO | None = None, every: float = 10.0) -> Iterator[Callback]:
    """A callback that shows progress: a bar with ETA and live terms on a terminal, else a line now and then.

    Args:
        stream: Where to, standard error by default.
        every: Without a terminal: seconds between two lines, if no tenth of the epochs is full before.

    Yields:
        What to hand to ``train`` or ``compare`` as ``progress``.
    """
    stream = stream or sys.stderr
    console = Console(file=stream)
    if not console.is_terminal:
        yield Lines(stream, every)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[terms]}", style="dim"),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as bars:
        yield Bars(bars)


class Bars:
    """One bar per run, on a terminal."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, report: Report) -> None:
        """Move the run's bar."""
        total = max(1, report.epochs)
        if report.label not in self.tasks:
            for old in self.tasks.values():  # one bar at a time: a comparison has dozens of runs
                self.bars.update(old, visible=False)
            self.tasks[report.label] = self.bars.add_task(report.label, total=total, terms="")
        done = total if not report.epochs else report.epoch
        terms = "  ".join(report.numbers())
        self.bars.update(self.tasks[report.label], completed=done, terms=terms, refresh=done == total)


class Lines:
    """Plain lines: at the first and the last epoch, at every tenth of them, and after every so many seconds."""

    def __init__(self, stream: TextIO, every: float) -> None:
        self.stream, self.every = stream, every
        self.label: str | None = None
        self.tenth = 0
        self.when = 0.0

    def __call__(self, report: Report) -> None:
        """Print a line if it is time for one."""
        now, tenth = time.monotonic(), 10 * report.epoch // max(1, report.epochs)
        if report.label == self.label and tenth == self.tenth and now - self.when < self.every:
            return
        self.label, self.tenth, self.when = report.label, tenth, now
        print(report.line(), file=self.stream, flush=True)
