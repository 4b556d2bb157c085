"""TensorBoard: event files, a folder for each training; a second one of the same name gets a number."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Protocol

from overtone.adapters.trackers import Tracker, trackers
from overtone.core.extras import import_extra


class Writer(Protocol):
    """What is used of TensorBoard's ``SummaryWriter``."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """A point of a curve."""

    def add_hparams(
        self, hparam_dict: Mapping[str, object], metric_dict: Mapping[str, float], *, run_name: str
    ) -> None:
        """A row of the table of settings."""

    def close(self) -> None:
        """Write what is left."""


@trackers.register("tensorboard")
class TensorBoard(Tracker):
    """``tensorboard:FOLDER``; by default runs/tensorboard."""

    def __init__(self, place: str) -> None:
        self.writer = import_extra("torch.utils.tensorboard", "track").SummaryWriter
        self.folder, self.writers = Path(place or "runs/tensorboard"), dict[str, Writer]()

    def log(self, label: str, epoch: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._open(label).add_scalar(name, value, epoch)

    def finish(self, label: str, settings: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        plain = {
            name: value if isinstance(value, (bool, int, float)) else str(value) for name, value in settings.items()
        }
        self._open(label).add_hparams(plain, dict(metrics), run_name=".")

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()

    def _open(self, label: str) -> Writer:
        if label not in self.writers:
            name = label.replace("/", "-")  # a folder with two trainings would be drawn as one curve
            places = (self.folder / (name if number == 1 else f"{name}-{number}") for number in count(1))
            self.writers[label] = self.writer(str(next(place for place in places if not place.exists())))
        return self.writers[label]
