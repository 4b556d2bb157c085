"""Progress of long work: what a training, a graph search or an extraction reports, and a display for it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from html import escape
from typing import TYPE_CHECKING, ParamSpec, TextIO, TypeVar

from overtone.core.notebooks import LiveOutput, in_notebook
from overtone.core.printable import printable

if TYPE_CHECKING:
    import rich.progress


_WORTH_SECONDS, _BETWEEN_SECONDS = 2.0, 0.2
"""Time from which on counted work is reported, and time between two reports."""


@dataclass(frozen=True)
class Progress:
    """How far one piece of work has come.

    Attributes:
        label: What is being done (``"hsc-mae"``, in a comparison ``"hsc-mae, seed 2 (3/25)"``).
        done: Units done.
        total: Units to do; 0 for work that has no units, such as a closed form.
        unit: What is counted: ``"epoch"``, ``"step"``; empty for none worth naming.
        values: Numbers to show: means of an epoch's terms, validation scores, a search's score.
        seconds: Time so far.
        eta: Time to come, in seconds; None: in proportion to the time so far.
        worker: Number of the worker process that does it, from 1; 0: this process.
        metrics: All figures of the unit that is done, for trackers; ``values`` are those of them that are shown.

    Example:
        >>> Progress("hsc-mae", 5, 10, values={"loss": 0.25}, seconds=2.0).line()
        'hsc-mae: epoch 5/10, loss 0.25, 2 s left'
        >>> Progress("images", 64, 64, unit="", seconds=1.5).line()
        'images: 64/64, done in 1.5 s'
    """

    label: str
    done: int
    total: int
    unit: str = "epoch"
    values: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    eta: float | None = None
    worker: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """Time to come, in seconds."""
        return self.seconds * (self.total - self.done) / max(1, self.done) if self.eta is None else self.eta

    def numbers(self) -> list[str]:
        """The values in short: ``["loss 0.25"]``."""
        return [f"{name} {value:.4g}" for name, value in self.values.items()]

    def line(self) -> str:
        """All of it in one line of text."""
        count = [f"{self.unit} {self.done}/{self.total}".lstrip()] if self.total else []
        if self.done >= self.total:
            time = [f"done in {self.seconds:.1f} s"]
        else:  # nothing is known of the time to come before something is done
            time = [f"{self.seconds_left:.0f} s left"] if self.done or self.eta is not None else []
        return f"{self.label}: {', '.join([*count, *self.numbers(), *time])}"


ProgressCallback = Callable[[Progress], object]
"""Called after each unit of work. A graph search ends with its best result so far if the answer is true; all other work
ignores the answer."""


class Meter:
    """Counts units of work and reports them: a few times a second, and not at all where all is done within seconds.

    Args:
        label, total, unit: As of :class:`Progress`.
        progress: What is called; None: nobody.

    Example:
        >>> meter = Meter("embedding", 100, "row", print)
        >>> meter.add(100)  # at once, so nobody needs to know
    """

    def __init__(self, label: str, total: int, unit: str, progress: ProgressCallback | None) -> None:
        self.label, self.total, self.unit, self.progress = label, total, unit, progress
        self.done, self.started = 0, time.monotonic()
        self.reported: float | None = None

    def add(self, count: int) -> None:
        """Note that so many units more are done."""
        self.done += count
        if self.progress is None or not self.done:
            return
        seconds = time.monotonic() - self.started
        if self.reported is None and seconds * self.total / self.done < _WORTH_SECONDS:
            return
        if self.reported is None or self.done >= self.total or seconds - self.reported >= _BETWEEN_SECONDS:
            self.reported = seconds
            self.progress(Progress(self.label, self.done, self.total, self.unit, seconds=seconds))


def is_main_process() -> bool:
    """Whether this process writes files and talks to the user: under ``torchrun`` the first one, otherwise each."""
    return os.environ.get("RANK", "0") == "0"


P = ParamSpec("P")
T = TypeVar("T")


def shows_progress(verb: Callable[P, T]) -> Callable[P, T]:
    """Decorator of a function with a parameter ``progress``: in a notebook it shows progress unless one is given."""

    @wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs.get("progress") is not None or not in_notebook():
            return verb(*args, **kwargs)
        kwargs["progress"] = _Notebook()
        return verb(*args, **kwargs)

    return call


@contextmanager
def display(stream: TextIO | None = None, every: float = 10.0) -> Iterator[ProgressCallback]:
    """Show progress: a bar with ETA and values on a terminal or in a notebook, otherwise a line now and then.

    Args:
        stream: Where to, standard error by default.
        every: Without a terminal: seconds after which a line is due even if no tenth of the work is done.

    Yields:
        The callback to hand to ``train``, ``compare``, ``graph`` or ``extract`` as ``progress``.
    """
    if in_notebook():
        yield _Notebook()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    stream = stream or sys.stderr
    console = Console(file=stream)
    if not console.is_terminal:
        yield _Lines(stream, every)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[values]}", style="dim"),
    )
    with RichProgress(*columns, console=console, refresh_per_second=4) as bars:
        yield _Bars(bars)


class _Bars:
    """Bars on a terminal: of this process the last label's, and one for each worker."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self.bars = bars
        self.tasks: dict[tuple[int, str], rich.progress.TaskID] = {}

    def __call__(self, progress: Progress) -> None:
        total, key = max(1, progress.total), (progress.worker, progress.label)
        if key not in self.tasks:
            for (worker, _), old in self.tasks.items():  # one bar at a time: a comparison has dozens of runs
                if worker == progress.worker:
                    self.bars.update(old, visible=False)
            self.tasks[key] = self.bars.add_task(progress.label, total=total, values="")
        done = progress.done if progress.total else total
        values = "  ".join(progress.numbers())
        self.bars.update(self.tasks[key], completed=done, total=total, values=values, refresh=done == total)


class _Notebook:
    """A bar in the output of a notebook's cell, for this process and for each worker, redrawn in place."""

    def __init__(self) -> None:
        self.output = LiveOutput()
        self.last: dict[int, Progress] = {}
        self.when = 0.0

    def __call__(self, progress: Progress) -> None:
        self.last[progress.worker] = progress
        now = time.monotonic()
        if now - self.when >= _BETWEEN_SECONDS or progress.done >= progress.total:
            self.when = now
            self.output.update("".join(_bar_html(self.last[worker]) for worker in sorted(self.last)))


def _bar_html(progress: Progress) -> str:
    """A bar and its line of text."""
    done, total = (progress.done, progress.total) if progress.total else (1, 1)  # a closed form has no units
    bar = f'<progress value="{done}" max="{total}" style="width:16em"></progress>'
    return f"<div>{bar} {escape(printable(progress.line(), lines=False))}</div>"


class _Lines:
    """Plain lines: first and last unit, every tenth of the work, and after every so many seconds; of each worker."""

    def __init__(self, stream: TextIO, every: float) -> None:
        self.stream, self.every = stream, every
        self.last: dict[int, tuple[str, int, float]] = {}

    def __call__(self, progress: Progress) -> None:
        now, tenth = time.monotonic(), 10 * progress.done // max(1, progress.total)
        label, before, when = self.last.get(progress.worker, ("", 0, 0.0))
        if progress.label == label and tenth == before and now - when < self.every:
            return
        self.last[progress.worker] = progress.label, tenth, now
        print(progress.line(), file=self.stream, flush=True)
