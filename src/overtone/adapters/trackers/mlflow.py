"""MLflow: a run for each training, in the experiment ``overtone``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overtone.adapters.trackers import Tracker, trackers
from overtone.core.extras import import_extra

_LONGEST = 500
"""Characters of a parameter."""


@trackers.register("mlflow")
class MLflow(Tracker):
    """``mlflow:URI`` of a tracking server or a folder; by default what MLFLOW_TRACKING_URI says."""

    def __init__(self, place: str) -> None:
        self.client = import_extra("mlflow", "track").MlflowClient(tracking_uri=place or None)
        found = self.client.get_experiment_by_name("overtone")
        self.experiment = found.experiment_id if found else self.client.create_experiment("overtone")
        self.runs: dict[str, str] = {}

    def log(self, label: str, epoch: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():  # its names have no @
            self.client.log_metric(self._open(label), name.replace("@", "_at_"), value, step=epoch)

    def finish(self, label: str, settings: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        for name, value in settings.items():
            self.client.log_param(self._open(label), name, str(value)[:_LONGEST])
        self.log(label, 0, metrics)

    def close(self) -> None:
        for run in self.runs.values():
            self.client.set_terminated(run)

    def _open(self, label: str) -> str:
        if label not in self.runs:
            self.runs[label] = self.client.create_run(self.experiment, run_name=label).info.run_id
        return self.runs[label]
