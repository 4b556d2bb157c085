"""Trackers of experiments: one protocol, and a file of about ten lines for each of TensorBoard, W&B and MLflow."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from overtone.core import InputError, Progress, ProgressCallback, Registry, is_main_process

if TYPE_CHECKING:
    from overtone.training import Run

log = logging.getLogger("overtone")

_PART = ": "
"""In the label of a training that is part of another one, such as a teacher's; these are not tracked."""


class Tracker(ABC):
    """Where the figures of trainings go.

    Args:
        place: What follows the colon in ``NAME:PLACE``; empty for the tracker's own default.

    Raises:
        InputError: Its package is not installed.
    """

    @abstractmethod
    def __init__(self, place: str) -> None: ...

    @abstractmethod
    def log(self, label: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take the figures of an epoch: terms, learning rate, validation scores, effective ranks, seconds.

        Args:
            label: The training, such as ``"hsc-mae"`` or ``"hsc-mae, trial 3"``.
            epoch: Epochs done; 0 for a closed form.
            metrics: Name to value.
        """

    @abstractmethod
    def finish(self, label: str, settings: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Take the settings of a training that is done, and its figures on the test split or, of a search, on others.

        Args:
            label: The training.
            settings: Setting to value.
            metrics: Name to value.
        """

    @abstractmethod
    def close(self) -> None:
        """Write what is left; nothing is logged afterwards."""


trackers: Registry[type[Tracker]] = Registry("tracker", "overtone.adapters.trackers")
"""All trackers by name."""


@dataclass(frozen=True)
class Tracking:
    """Trackers at work; it is a callback for ``progress``.

    A tracker that fails is named in a warning and gets nothing more: a lost server must not cost a training.

    Attributes:
        trackers: Those that are open.
        then: Another callback, which gets everything too.
        failed: Trackers that get nothing more.
    """

    trackers: Sequence[Tracker]
    then: ProgressCallback | None = None
    failed: list[Tracker] = field(default_factory=list)

    def __call__(self, progress: Progress) -> object:
        """Log an epoch, and hand it on."""
        if progress.metrics and _PART not in progress.label:
            self._each(lambda tracker: tracker.log(progress.label, progress.done, progress.metrics))
        return None if self.then is None else self.then(progress)

    @property
    def callback(self) -> ProgressCallback | None:
        """Itself, or what there is without any tracker."""
        return self if self.trackers else self.then

    def finish(self, run: Run, label: str | None = None) -> None:
        """Log the settings of a run, and its figures on the test split.

        Args:
            run: A finished run.
            label: What it is called; the method's name by default.
        """
        scores = {} if run.evaluation is None else run.evaluation.scores
        metrics = {f"test/{name}": score.mean for name, score in scores.items()}
        self._each(lambda tracker: tracker.finish(label or run.name, run.settings, metrics))

    def close(self) -> None:
        """Close the trackers."""
        self._each(lambda tracker: tracker.close())

    def _each(self, call: Callable[[Tracker], None]) -> None:
        """Call every tracker that has not failed."""
        for tracker in self.trackers:
            if tracker in self.failed:
                continue
            try:
                call(tracker)
            except Exception as error:
                self.failed.append(tracker)
                why = f"{type(error).__name__}: {error}"
                log.warning("tracker %s: %s; the work goes on without it", type(tracker).__name__, why)


@contextmanager
def open_trackers(specs: str | Sequence[str], progress: ProgressCallback | None = None) -> Iterator[Tracking]:
    """Open trackers by name, and close them at the end.

    Under ``torchrun`` the first process tracks alone.

    Args:
        specs: One or several of ``NAME`` or ``NAME:PLACE``.
        progress: A callback that gets all progress, too.

    Yields:
        The trackers at work.

    Raises:
        InputError: There is no such tracker, its package is not installed, or it cannot be opened.

    Example:
        >>> with open_trackers((), print) as tracking:
        ...     tracking.callback is print
        True
    """
    opened: list[Tracker] = []
    tracking = Tracking(opened, progress)
    try:
        for spec in [specs] if isinstance(specs, str) else specs:
            name, _, place = spec.partition(":")
            if not name:
                raise InputError("a tracker needs a name", valid=", ".join(trackers))
            kind = trackers[name]
            if is_main_process():
                opened.append(_open(spec, kind, place))
        yield tracking
    finally:
        tracking.close()


def _open(spec: str, kind: type[Tracker], place: str) -> Tracker:
    """A tracker, or what keeps it from being opened in one sentence."""
    try:
        return kind(place)
    except InputError:
        raise
    except Exception as error:
        missing = isinstance(error, ImportError)
        fix = "pip install 'overtone[track]'" if missing else "check its address and what it needs"
        got = f"{type(error).__name__}: {error}"
        raise InputError(f"tracker {spec}: cannot be opened", got=got, fix=fix) from error
