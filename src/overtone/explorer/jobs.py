"""Work that takes longer than a request: begun once, asked after, and its result kept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from overtone.core import InputError, Progress

T = TypeVar("T")
State = Literal["running", "done", "failed"]

log = logging.getLogger("overtone")


@dataclass(frozen=True)
class Report(Generic[T]):
    """How far a job is.

    Attributes:
        state: ``running``, ``done`` or ``failed``.
        result: What it gave; None until it is done.
        error: Why it failed, in a sentence.
        share: How much of it is done, from 0 to 1; None where unknown.
    """

    state: State
    result: T | None = None
    error: str | None = None
    share: float | None = None


class Job(Generic[T]):
    """One piece of work in a thread of its own.

    Args:
        work: Takes a callback for its progress, and gives the result.
    """

    def __init__(self, work: Callable[[Callable[[Progress], None]], T]) -> None:
        self.told = False
        """Whether somebody knows how it ended."""
        self._report: Report[T] = Report("running")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def report(self, wait: float = 0.0) -> Report[T]:
        """How far it is.

        Args:
            wait: Seconds to wait for the end.
        """
        self._done.wait(wait)
        report = self._report
        self.told = self.told or report.state != "running"
        return report

    def _run(self, work: Callable[[Callable[[Progress], None]], T]) -> None:
        try:
            self._report = Report("done", work(self._advance))
        except InputError as error:
            self._report = Report("failed", error=str(error))
        except Exception as error:  # a thread has nobody else to tell
            log.exception("work for the explorer failed")
            self._report = Report("failed", error=f"{type(error).__name__}: {error}")
        finally:
            self._done.set()

    def _advance(self, progress: Progress) -> None:
        total = progress.total
        self._report = Report("running", share=progress.done / total if total else None)


class Jobs:
    """Jobs by name; each is begun once, and one that failed, and of which this is known, may be begun again."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job[object]] = {}
        self._lock = threading.Lock()

    def known(self, name: str) -> Job[object] | None:
        """The job of a name, if it was begun."""
        return self._jobs.get(name)

    def begin(self, name: str, work: Callable[[Callable[[Progress], None]], object]) -> Job[object]:
        """The job of a name, begun now if it was not."""
        with self._lock:
            job = self._jobs.get(name)
            if job is None or (job.told and job.report().state == "failed"):
                job = self._jobs[name] = Job(work)
            return job
