"""MLflow: a run for each training, in the experiment ``overtone``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from overtone.adapters.trackers import Tracker, trackers
from overtone.core.extras import import_extra

_LONGEST = 500
"""Characters of a parameter."""
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


@trackers.register("mlflow")
class MLflow(Tracker):
    """``mlflow:URI`` of a tracking server or a database; by default what MLFLOW_TRACKING_URI says."""

    def __init__(self, place: str) -> None:
        self.client = import_extra("mlflow", "track").MlflowClient(tracking_uri=place or None)
        self.entities = import_extra("mlflow.entities", "track")
        with _soon():
            found = self.client.get_experiment_by_name("overtone")
            self.experiment = found.experiment_id if found else self.client.create_experiment("overtone")
        self.runs: dict[str, str] = {}

    def log(self, label: str, epoch: int, metrics: Mapping[str, float]) -> None:
        now, metric = int(1000 * time.time()), self.entities.Metric  # its names have no @
        found = [metric(name.replace("@", "_at_"), value, now, epoch) for name, value in metrics.items()]
        self.client.log_batch(self._open(label), metrics=found)  # one request: a server may be far

    def finish(self, label: str, settings: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        found = [self.entities.Param(name, str(value)[:_LONGEST]) for name, value in settings.items()]
        self.client.log_batch(self._open(label), params=found)
        self.log(label, 0, metrics)

    def close(self) -> None:
        for run in self.runs.values():
            self.client.set_terminated(run)

    def _open(self, label: str) -> str:
        if label not in self.runs:
            self.runs[label] = self.client.create_run(self.experiment, run_name=label).info.run_id
        return self.runs[label]


@contextmanager
def _soon() -> Iterator[None]:
    """Ask a server that does not answer twice, not for four minutes, unless the variable says otherwise."""
    given = os.environ.get(_RETRIES)
    os.environ.setdefault(_RETRIES, "2")
    try:
        yield
    finally:
        if given is None:
            del os.environ[_RETRIES]
