"""A run that was interrupted, is resumed, or meets a folder that holds something already."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from overtone.core import InputError
from overtone.training import Run, train
from overtone.training.folder import RunFolder
from toys import Interrupted, interrupt_at, same_weights

from .conftest import SETTINGS


def without_times(history):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


@pytest.mark.parametrize("epoch", [1, 2, 3, 4, 5])
def test_a_run_resumed_after_any_epoch_is_the_whole_run(data, tmp_path, epoch):
    whole = train("toy", data, settings=SETTINGS)
    with pytest.raises(Interrupted):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(epoch))
    resumed = train("toy", data, settings=SETTINGS, out=tmp_path, resume=True)
    assert same_weights(whole, resumed)
    assert without_times(resumed.history) == without_times(whole.history)
    assert resumed.info["chosen_epoch"] == whole.info["chosen_epoch"]
    assert [json.loads(x)["epoch"] for x in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1, 2, 3, 4, 5]


def test_a_killed_run_continues_to_the_same_weights(data, tmp_path):
    settings = {**SETTINGS, "epochs": 200}
    worker = Path(__file__).with_name("worker.py")
    command = [sys.executable, str(worker), "train", str(tmp_path), str(torch.get_num_threads()), json.dumps(settings)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        while not (tmp_path / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.stderr.read().decode()
            time.sleep(0.005)
        time.sleep(random.uniform(0.0, 0.5))
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL, "the run was over before it could be killed"
    assert RunFolder(tmp_path).info()["state"] == "running"
    done = RunFolder(tmp_path).checkpoint().epochs
    assert 0 < done < 200
    resumed = train("toy", data, settings={**settings, "checkpoint_seconds": 100}, out=tmp_path, resume=True)
    assert same_weights(resumed, train("toy", data, settings=settings))
    assert [record["epoch"] for record in RunFolder(tmp_path).history()] == list(range(1, 201))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_run_killed_before_its_first_checkpoint_begins_again(data, tmp_path):
    settings = {**SETTINGS, "checkpoint_seconds": 1000}
    with pytest.raises(Interrupted):
        train("toy", data, settings=settings, out=tmp_path, progress=interrupt_at(4))
    resumed = train("toy", data, settings=settings, out=tmp_path, resume=True)
    assert same_weights(resumed, train("toy", data, settings=settings))


def test_resuming_needs_no_settings_and_a_finished_run_is_loaded(data, tmp_path):
    with pytest.raises(Interrupted):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(3))
    resumed = train("toy", data, out=tmp_path, resume=True)
    assert same_weights(resumed, train("toy", data, settings=SETTINGS))
    written = (tmp_path / "weights.safetensors").stat().st_mtime_ns
    assert same_weights(train("toy", data, out=tmp_path, resume=True), resumed)
    assert (tmp_path / "weights.safetensors").stat().st_mtime_ns == written


@pytest.mark.parametrize("finished", [False, True])
def test_resuming_something_else_is_refused(data, make, tmp_path, finished):
    if finished:
        train("toy", data, settings=SETTINGS, out=tmp_path)
    else:
        with pytest.raises(Interrupted):
            train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(3))
    with pytest.raises(InputError, match=r"these differ: learning_rate \(was 0.01, now 0.5\)"):
        train("toy", data, settings={**SETTINGS, "learning_rate": 0.5}, out=tmp_path, resume=True)
    with pytest.raises(InputError, match=r"these differ: the data"):
        train("toy", make(seed=1), out=tmp_path, resume=True)
    with pytest.raises(InputError, match="cannot be resumed with another method"):
        train("toy-closed", data, out=tmp_path, resume=True)
    assert train("toy", data, settings={"checkpoint_seconds": 5, "memory_mb": 64}, out=tmp_path, resume=True)


def test_a_run_is_not_overwritten_unless_asked(data, tmp_path):
    first = train("toy", data, out=tmp_path)
    mine = [tmp_path / name for name in ("notes.txt", "graph.json", "graph.npz", "teacher/fold-1/weights.safetensors")]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    with pytest.raises(InputError, match=r"there is a run already \(toy, finished\).*--overwrite"):
        train("toy", data, out=tmp_path, settings={"seed": 1})
    second = train("toy", data, out=tmp_path, settings={"seed": 1}, overwrite=True)
    assert not same_weights(first, second)
    assert same_weights(second, Run.load(tmp_path))
    assert [path.read_text() for path in mine] == ["mine"] * 4
    with pytest.raises(InputError, match="is a file, not a folder"):
        train("toy", data, out=tmp_path / "notes.txt")


def test_a_folder_of_something_else_is_left_alone(data, tmp_path):
    for name in ("graph.json", "weights.safetensors", "settings.yaml", "metrics.csv", "teacher/fold-1/run.json"):
        path = tmp_path / "theirs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    for flags in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(InputError, match="theirs: not empty, and not made by overtone train; got"):
            train("toy", data, out=tmp_path / "theirs", **flags)
    assert {path.read_text() for path in (tmp_path / "theirs").rglob("*") if path.is_file()} == {"mine"}


@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
def test_two_trainings_in_one_folder_are_one(data, tmp_path, flags):
    refused = []

    def meanwhile(report):
        if report.done == 2:
            with pytest.raises(InputError, match=rf"{tmp_path}: is being written by process {os.getpid()}; wait"):
                train("toy", data, settings=SETTINGS, out=tmp_path, **flags)
            refused.append(report.done)

    run = train("toy", data, settings=SETTINGS, out=tmp_path, progress=meanwhile)
    assert refused == [2]
    assert same_weights(run, train("toy", data, settings=SETTINGS))
    assert not (tmp_path / "writer.json").exists()


def change_info(folder, **changes):
    info = json.loads((folder / "run.json").read_text())
    for path, value in changes.items():
        *parents, name = path.split("__")
        functools.reduce(dict.__getitem__, parents, info)[name] = value
    (folder / "run.json").write_text(json.dumps(info))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"processes": 2}, r"processes \(was 2, now 1\)"),
        ({"parts": 2}, r"parts of the training rows \(was 2, now 1\)"),
        ({"device": "NVIDIA H100"}, r"device \(was NVIDIA H100, now cpu\)"),
        ({"versions__torch": "1.0"}, r"torch \(was 1.0, now "),
        ({"versions__overtone": "999.1"}, r"overtone \(was 999.1, now "),
    ],
)
def test_a_run_that_would_not_end_alike_is_not_resumed(data, tmp_path, changes, said):
    with pytest.raises(Interrupted):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(3))
    change_info(tmp_path, **changes)
    with pytest.raises(InputError, match=f"would not lead to the same weights, because these differ: {said}"):
        train("toy", data, settings=SETTINGS, out=tmp_path, resume=True)
    change_info(tmp_path, state="finished")
    with contextlib.suppress(InputError):  # a finished one is loaded, where there are weights
        train("toy", data, settings=SETTINGS, out=tmp_path, resume=True)


def test_another_number_of_threads_is_said(data, tmp_path, caplog):
    with pytest.raises(Interrupted):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(3))
    change_info(tmp_path, threads=99, versions__overtone="0.0.1")
    train("toy", data, settings=SETTINGS, out=tmp_path, resume=True)
    said = [record.message for record in caplog.records]
    assert [f"{tmp_path}: begun with another threads (was 99, now" in line for line in said] == [True, False]
    assert "another overtone (was 0.0.1" in said[1]


def test_a_run_killed_while_it_was_replaced_begins_again(data, tmp_path):
    train("toy", data, settings=SETTINGS, out=tmp_path)
    (tmp_path / "run.json").unlink()  # what is left of the old run may not be gone on with
    (tmp_path / "checkpoint.safetensors").write_text("old")
    with pytest.raises(InputError, match="holds results of overtone train already"):
        train("toy", data, settings=SETTINGS, out=tmp_path)
    assert same_weights(
        train("toy", data, settings=SETTINGS, out=tmp_path, resume=True), train("toy", data, settings=SETTINGS)
    )


def test_a_checkpoint_is_tensors_and_numbers_only(data, tmp_path):
    with pytest.raises(Interrupted):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(4))
    with safe_open(str(tmp_path / "checkpoint.safetensors"), "pt") as file:
        names = list(file.keys())
        numbers = json.loads(file.metadata()["overtone"])
    assert {name.partition("/")[0] for name in names} == {"method", "best", "optimizer"}
    assert "optimizer/0/exp_avg_sq" in names
    assert (numbers["epochs"], numbers["best_epoch"]) == (3, 2)
