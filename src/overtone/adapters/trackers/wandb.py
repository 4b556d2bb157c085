"""Weights & Biases: a run for each training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.adapters.trackers import Tracker, trackers
from overtone.core.extras import import_extra


@trackers.register("wandb")
class WandB(Tracker):
    """``wandb:PROJECT``; by default overtone. Its own variables, such as WANDB_MODE=offline, hold."""

    def __init__(self, place: str) -> None:
        self.library, self.project, self.runs = import_extra("wandb", "track"), place or "overtone", dict[str, Any]()

    def log(self, label: str, epoch: int, metrics: Mapping[str, float]) -> None:
        self._open(label).log(dict(metrics), step=epoch)

    def finish(self, label: str, settings: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        self._open(label).config.update(dict(settings), allow_val_change=True)
        self._open(label).summary.update(dict(metrics))

    def close(self) -> None:
        for run in self.runs.values():
            run.finish()

    def _open(self, label: str) -> Any:
        if label not in self.runs:
            self.runs[label] = self.library.init(project=self.project, name=label, reinit="create_new")
        return self.runs[label]
