"""Weights & Biases: a run for each training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from overtone.adapters.trackers import Tracker, trackers
from overtone.core.extras import import_extra


class Updated(Protocol):
    """Names and values that a run holds."""

    def update(self, values: Mapping[str, object], /, **options: bool) -> None:
        """Set some of them."""


class OnlineRun(Protocol):
    """What is used of a run of W&B."""

    config: Updated
    summary: Updated

    def log(self, values: Mapping[str, float], /, *, step: int) -> None:
        """A point of each curve."""

    def finish(self) -> None:
        """Send what is left."""


@trackers.register("wandb")
class WandB(Tracker):
    """``wandb:PROJECT``; by default overtone. Its own variables, such as WANDB_MODE=offline, hold."""

    def __init__(self, place: str) -> None:
        self.library, self.project = import_extra("wandb", "track"), place or "overtone"
        self.runs: dict[str, OnlineRun] = {}

    def log(self, label: str, epoch: int, metrics: Mapping[str, float]) -> None:
        self._open(label).log(dict(metrics), step=epoch)

    def finish(self, label: str, settings: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        self._open(label).config.update(dict(settings), allow_val_change=True)
        self._open(label).summary.update(dict(metrics))

    def close(self) -> None:
        for run in self.runs.values():
            run.finish()

    def _open(self, label: str) -> OnlineRun:
        if label not in self.runs:
            self.runs[label] = self.library.init(project=self.project, name=label, reinit="create_new")
        return self.runs[label]
