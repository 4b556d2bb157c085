"""Trackers get every epoch and, at the end, settings and test figures; each is tried with a stand-in of its library."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import overtone
from fuzz.valid import corpus as clips
from overtone.adapters.trackers import Tracker, open_trackers, trackers
from overtone.core import InputError, Progress
from overtone.features import PairedFeatures, from_arrays

QUICK = {"epochs": 3, "batch_size": 16, "validate_every": 1}
Calls = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def data() -> PairedFeatures:
    return from_arrays(clips())


class Recorder:
    """Stands for any object of a library: notes what is called, with what."""

    def __init__(self, calls: Calls, name: str = "") -> None:
        self.calls, self.name = calls, name

    def __getattr__(self, name: str) -> Recorder:
        return Recorder(self.calls, f"{self.name}.{name}".lstrip("."))

    def __call__(self, *values: Any, **named: Any) -> Recorder:
        self.calls.append((self.name, values, named))
        return self


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Stand-ins for the three libraries."""
    calls: Calls = []
    recorder = Recorder(calls)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=recorder.writer))
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=recorder.init))
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=recorder.client))
    entities = SimpleNamespace(Metric=lambda *values: values, Param=lambda *values: values)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    return calls


LOGGED = {"tensorboard": "writer.add_scalar", "wandb": "init.log", "mlflow": "client.log_batch"}
CLOSED = {"tensorboard": "writer.close", "wandb": "init.finish", "mlflow": "client.set_terminated"}


@pytest.mark.parametrize("name", LOGGED)
def test_a_training_is_tracked(libraries: Calls, data: PairedFeatures, name: str) -> None:
    told: list[Progress] = []
    run = overtone.train("infonce", data, settings=QUICK, track=f"{name}:place", progress=told.append)
    logged = [call for call in libraries if call[0] == LOGGED[name]]
    text = repr(logged)
    assert len(told) == 3
    for metric in ("loss", "learning_rate", "rank_audio", "seconds"):
        assert f"'{metric}'" in text
    epochs = {call[2].get("step", call[1][-1]) for call in logged}
    epochs |= {metric[-1] for call in logged for metric in call[2].get("metrics", ())}
    assert epochs >= {1, 2, 3}
    assert "test/map" in repr(libraries)
    assert "temperature" in repr(libraries)
    assert libraries[-1][0] == CLOSED[name]
    assert "place" in repr(libraries[0])
    assert run.evaluation is not None


def test_several_trackers_and_one_of_the_user_s_own(
    libraries: Calls, data: PairedFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine(Tracker):
        def __init__(self, place: str) -> None:
            libraries.append(("mine", place))

        def log(self, label: str, epoch: int, metrics: Any) -> None:
            libraries.append(("log", label, epoch, dict(metrics)))

        def finish(self, label: str, settings: Any, metrics: Any) -> None:
            libraries.append(("finish", label))

        def close(self) -> None:
            libraries.append(("close",))

    monkeypatch.setitem(trackers._things, "mine", Mine)
    overtone.train("cca", data, track=["mine", "tensorboard"])
    assert [call for call in libraries if call[0] in ("mine", "finish", "close")] == [
        ("mine", ""),
        ("finish", "cca"),
        ("close",),
    ]
    (logged,) = (call for call in libraries if call[0] == "log")
    assert logged[1:3] == ("cca", 0)


def test_parts_of_a_training_are_not_tracked(libraries: Calls) -> None:
    with open_trackers("tensorboard") as tracking:
        tracking(Progress("interactions: teacher, fold 1/5", 1, 2, metrics={"loss": 1.0}))
        tracking(Progress("clips", 1, 2))
        assert not [call for call in libraries if "add" in call[0]]
        tracking(Progress("interactions", 1, 2, metrics={"loss": 1.0}))
    assert [call[0] for call in libraries] == ["writer", "writer.add_scalar", "writer.close"]


@pytest.mark.parametrize(("spec", "said"), [("tensorbord", "did you mean 'tensorboard'"), (":x", "needs a name")])
def test_names_that_are_none(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said), open_trackers(spec):
        pass


@pytest.mark.parametrize(
    ("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb"), ("mlflow", "mlflow")]
)
def test_a_missing_library_is_said_before_the_training(
    name: str, module: str, data: PairedFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"is not installed; pip install 'overtone\[track\]'"):
        overtone.train("cca", data, track=name)


@pytest.mark.parametrize("where", ["log", "finish", "close"])
def test_a_lost_tracker_costs_no_training(
    libraries: Calls, data: PairedFeatures, where: str, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(trackers["mlflow"], where, lose)
    run = overtone.train("infonce", data, settings=QUICK, track=["mlflow", "wandb"])
    assert run.evaluation is not None
    said = [record.getMessage() for record in caplog.records if "tracker" in record.getMessage()]
    assert said == ["tracker MLflow: ConnectionError: no route; the work goes on without it"]
    assert libraries[-1][0] == "init.finish"


def test_a_tracker_that_cannot_be_opened_ends_before_the_training(
    libraries: Calls, data: PairedFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=refuse))
    told: list[Progress] = []
    said = r"tracker mlflow:http://host:1: cannot be opened; got ConnectionError: no route; check its address"
    with pytest.raises(InputError, match=said):
        overtone.train("cca", data, track=["tensorboard", "mlflow:http://host:1"], progress=told.append)
    assert not told
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_real_event_files(tmp_path: Any, data: PairedFeatures) -> None:
    module = "tensorboard.backend.event_processing.event_accumulator"
    accumulator = pytest.importorskip(module).EventAccumulator
    for _ in range(2):
        overtone.train("infonce", data, settings=QUICK, track=f"tensorboard:{tmp_path}")
    for name in ("infonce", "infonce-2"):
        found = accumulator(str(tmp_path / name)).Reload()
        assert [event.step for event in found.Scalars("loss")] == [1, 2, 3]
        assert "test/map" in found.Tags()["scalars"]


def test_a_real_mlflow_database(tmp_path: Any, data: PairedFeatures) -> None:
    mlflow = pytest.importorskip("mlflow")
    for module in ("sqlalchemy", "alembic"):
        pytest.importorskip(module)
    place = f"sqlite:///{tmp_path / 'runs.db'}"
    run = overtone.train("infonce", data, settings=QUICK, track=f"mlflow:{place}")
    client = mlflow.MlflowClient(tracking_uri=place)
    experiment = client.get_experiment_by_name("overtone").experiment_id
    (found,) = client.search_runs([experiment])
    assert (found.info.run_name, found.info.status) == ("infonce", "FINISHED")
    assert found.data.params["temperature"] == str(run.settings["temperature"])
    assert found.data.metrics["test/map"] == pytest.approx(run.evaluation["map"].mean)
    assert [one.step for one in client.get_metric_history(found.info.run_id, "loss")] == [1, 2, 3]


def test_a_real_offline_project(tmp_path: Any, data: PairedFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    overtone.train("cca", data, track="wandb:mine")
    assert list((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults such as runs/tensorboard lie in the working folder."""
    monkeypatch.chdir(tmp_path)
