"""TensorBoard: event files, a folder for each training; a second one of the same name gets a number."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from overtone.adapters.trackers import Tracker, trackers
from overtone.core.extras import import_extra


@trackers.register("tensorboard")
class TensorBoard(Tracker):
    """``tensorboard:FOLDER``; by default runs/tensorboard."""

    def __init__(self, place: str) -> None:
        self.writer = import_extra("torch.utils.tensorboard", "track").SummaryWriter
        self.folder, self.writers = Path(place or "runs/tensorboard"), dict[str, Any]()

    def log(self, label: str, epoch: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._open(label).add_scalar(name, value, epoch)

    def finish(self, label: str, settings: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        plain = {
            name: value if isinstance(value, (bool, int, float)) else str(value) for name, value in settings.items()
        }
        self._open(label).add_hparams(plain, dict(metrics), run_name=".")

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()

    def _open(self, label: str) -> Any:
        if label not in self.writers:
            name = label.replace("/", "-")  # a folder with two trainings would be drawn as one curve
            places = (self.folder / (name if number == 1 else f"{name}-{number}") for number in count(1))
            self.writers[label] = self.writer(str(next(place for place in places if not place.exists())))
        return self.writers[label]
