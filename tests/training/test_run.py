"""A run: its folder, what is refused, and that a resumed run is the run that was not interrupted."""

from __future__ import annotations

import contextlib
import csv
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open

import overtone
import overtone.training.run as runs
from overtone.core import InputError
from overtone.core.files import load_tensors, save_tensors
from overtone.methods.base import methods
from overtone.training import Run, train
from overtone.training.folder import RunFolder
from overtone.training.loop import Clock

SETTINGS = {"epochs": 5, "select": "reciprocal_rank", "validate_every": 2, "checkpoint_seconds": 0}


class Interrupted(Exception):
    """Raised from within a run, as a crash would be."""


def interrupt_at(epoch):
    def callback(report):
        if report.done == epoch:
            raise Interrupted

    return callback


def same_weights(first, second):
    a, b = (run.method.state_dict() for run in (first, second))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def without_times(history):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in history]


@pytest.mark.parametrize("method", ["toy", "toy-supervised", "toy-closed"])
def test_a_loaded_run_embeds_alike(data, tmp_path, method):
    run = train(method, data, out=tmp_path / "run")
    loaded = Run.load(tmp_path / "run")
    for name, rows in run.embed(data).items():
        assert torch.equal(rows, loaded.embed(data)[name])
    assert loaded.history == run.history
    assert loaded.evaluation.to_dict() == run.evaluation.to_dict()
    assert loaded.evaluate(data)["map"] == run.evaluation["map"]
    assert loaded.settings == run.settings


def test_the_folder_holds_what_it_says(data, tmp_path):
    run = train("toy", data, out=tmp_path, settings={"select": "correlation"})
    assert {path.name for path in tmp_path.iterdir()} == {
        *set(RunFolder.files) - {"checkpoint.safetensors", "report.html"},
        "overtone.json",
        "write.lock",
    }
    info = json.loads((tmp_path / "run.json").read_text())
    assert info["method"] == "toy"
    assert info["state"] == "finished"
    assert info["modalities"] == ["audio", "visual"]
    assert info["splits"] == {"train": 90, "val": 10, "test": 50}
    assert info["versions"]["torch"] == torch.__version__
    assert info["chosen_epoch"] == run.info["chosen_epoch"]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in lines] == [1, 2, 3, 4, 5, 6]
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [record["loss"] for record in lines]


def test_its_settings_make_the_same_run_again(data, tmp_path):
    first = train("toy", data, out=tmp_path, settings={"pull": 0.3, "epochs": 3, "seed": 5})
    settings = yaml.safe_load((tmp_path / "settings.yaml").read_text())
    assert settings["width"] == 4  # by corpus, resolved
    assert same_weights(first, train("toy", data, settings=settings))


def test_sequences_and_scalers_go_through(make, tmp_path):
    data = make(modalities={"audio": torch.randn(150, 3, 6), "visual": torch.randn(150, 5)})
    run = train("toy", data, out=tmp_path, settings={"scaling": "pca"})
    assert torch.equal(Run.load(tmp_path).embed(data)["audio"], run.embed(data)["audio"])


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


def test_an_unfinished_or_missing_run_is_not_loaded(data, tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        Run.load(tmp_path)
    with pytest.raises(Interrupted):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(3))
    with pytest.raises(InputError, match="the run is not finished"):
        Run.load(tmp_path)


def test_damaged_files_are_named(data, tmp_path):
    train("toy", data, out=tmp_path)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(InputError, match="weights.safetensors: not a whole safetensors file"):
        Run.load(tmp_path)


def test_a_checkpoint_is_tensors_and_numbers_only(data, tmp_path):
    with pytest.raises(Interrupted):
        train("toy", data, settings=SETTINGS, out=tmp_path, progress=interrupt_at(4))
    with safe_open(str(tmp_path / "checkpoint.safetensors"), "pt") as file:
        names = list(file.keys())
        numbers = json.loads(file.metadata()["overtone"])
    assert {name.partition("/")[0] for name in names} == {"method", "best", "optimizer"}
    assert "optimizer/0/exp_avg_sq" in names
    assert (numbers["epochs"], numbers["best_epoch"]) == (3, 2)


def test_data_that_does_not_fit_names_both_sides(data, make):
    run = train("toy", data)
    wide = make(modalities={"audio": torch.randn(150, 7), "visual": torch.randn(150, 5)})
    with pytest.raises(
        InputError, match=r"does not fit the run of toy.*got audio 7, visual 5; valid: audio 6, visual 5"
    ):
        run.embed(wide)
    named = replace(data, modalities={"text": data.modalities["audio"], "visual": data.modalities["visual"]})
    with pytest.raises(InputError, match=r"got text 6, visual 5; valid: audio 6, visual 5"):
        run.evaluate(named)


def test_variants_are_there_by_name(data):
    run = train("toy", data)
    assert not torch.equal(run.embed(data, "raw")["audio"], run.embed(data)["audio"])
    with pytest.raises(InputError, match="unknown variant of toy 'rw'.*did you mean 'raw'"):
        run.embed(data, "rw")


def test_data_without_labels_or_test_rows_is_no_obstacle(make, tmp_path):
    unlabelled = make(labels=None, label_kind="none", class_names=())
    assert "instance_recall@1" in train("toy", unlabelled).evaluation
    only_train = make(splits={"train": torch.arange(150)})
    assert train("toy", only_train, out=tmp_path).evaluation is None
    with pytest.raises(InputError, match="no split 'train'"):
        train("toy", make(splits={}))


def test_no_file_is_read_or_written_without_a_folder(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train("toy", data).folder is None
    assert os.listdir(tmp_path) == []


def test_the_loop_reports_every_epoch_once(data):
    seen = []
    train("toy", data, settings={"select": "correlation"}, progress=seen.append, label="mine")
    assert [report.done for report in seen] == [1, 2, 3, 4, 5, 6]
    assert {report.label for report in seen} == {"mine"}
    assert set(seen[-1].values) == {"loss", "nce", "pull", "val_correlation"}
    assert seen[-1].seconds_left == 0.0
    assert seen[0].seconds_left > 0.0
    seen.clear()
    train("toy-closed", data, progress=seen.append)
    assert [(report.done, report.total) for report in seen] == [(0, 0)]


def test_checkpoints_and_time_to_come_go_by_the_time_of_epochs(data, tmp_path, monkeypatch):
    saved, seen = [], []
    write = RunFolder.write_checkpoint

    def watched(self, checkpoint):
        saved.append(checkpoint.epochs)
        write(self, checkpoint)

    monkeypatch.setattr(Clock, "lap", lambda self: 2.0)
    monkeypatch.setattr(RunFolder, "write_checkpoint", watched)
    settings = {**SETTINGS, "epochs": 7, "checkpoint_seconds": 4.0}
    with pytest.raises(Interrupted):
        train("toy", data, settings=settings, out=tmp_path, progress=interrupt_at(5))
    run = train("toy", data, settings=settings, out=tmp_path, resume=True, progress=seen.append)
    assert saved == [2, 4, 6]
    assert [(report.done, report.eta) for report in seen] == [(5, 4.0), (6, 2.0), (7, 0.0)]
    assert run.info["seconds"] == pytest.approx(2.0 * 7 + 2.0)  # epochs, and the beginning once


@pytest.fixture
def counted(data, monkeypatch):
    """Modalities whose test rows the toy embedded, and the options of every evaluation, wherever it was asked for."""
    embedded, evaluated = [], []
    embed, evaluate = methods["toy"].embed, runs.evaluate

    def counted_embed(self, features, modality):
        if len(features) == len(data.splits["test"]):
            embedded.append(modality)
        return embed(self, features, modality)

    def counted_evaluate(*arguments, **options):
        evaluated.append(options)
        return evaluate(*arguments, **options)

    monkeypatch.setattr(methods["toy"], "embed", counted_embed)
    for module in [module for name, module in sys.modules.items() if name.startswith("overtone.")]:
        if getattr(module, "evaluate", None) is evaluate:
            monkeypatch.setattr(module, "evaluate", counted_evaluate)
    return embedded, evaluated


def test_the_test_split_is_embedded_once_and_ranked_once(data, counted, monkeypatch):
    """Training ends with one embedding of each modality's test rows, and one evaluation: the ones it hands on."""
    run = train("toy", data, settings={"epochs": 2, "validate_every": 2})
    embedded, evaluated = counted
    assert embedded == [0, 1]
    assert len(evaluated) == 1
    monkeypatch.undo()
    test = data.split("test")
    assert all(torch.equal(run.test_embeddings[name], run.embed(test)[name]) for name in data.names)
    assert run.evaluation.to_dict() == run.evaluate(data).to_dict()
    assert run.evaluation.per_query["map"]["a2v"].shape == (len(test),)
    assert run.evaluation.confusion["a2v"].sum() == len(test)


def test_a_report_takes_the_embeddings_and_the_evaluation_of_the_training(data, counted, tmp_path):
    embedded, evaluated = counted
    overtone.train("toy", data, settings={"epochs": 2, "validate_every": 2}, out=tmp_path)
    assert (tmp_path / "report.html").exists()
    assert embedded == [0, 1]
    assert len(evaluated) == 1
    overtone.train("toy", data, out=tmp_path, resume=True)  # finished: read from its folder, and reported once more
    assert embedded == [0, 1, 0, 1]
    assert len(evaluated) == 2


CHANGES = (torch.Tensor.float, lambda spec: spec[None], lambda spec: spec[:0], torch.Tensor.long)


@pytest.mark.parametrize("change", CHANGES)
def test_scalers_of_another_kind_are_named(data, tmp_path, change):
    train("toy", data, settings={"epochs": 2}, out=tmp_path)
    tensors = load_tensors(tmp_path / "scalers.safetensors")
    tensors["audio/spec"] = change(tensors["audio/spec"]) * (1 if change is not torch.Tensor.long else 1000)
    save_tensors(tmp_path / "scalers.safetensors", tensors)
    with pytest.raises(InputError):
        Run.load(tmp_path)


def test_a_damaged_evaluation_is_named(data, tmp_path):
    train("toy", data, settings={"epochs": 2}, out=tmp_path)
    for text, said in (("{", "not valid JSON"), ("{}", "not a stored evaluation")):
        (tmp_path / "evaluation.json").write_text(text)
        run = Run.load(tmp_path)  # which needs no evaluation
        assert run.embed(data)
        with pytest.raises(InputError, match=f"evaluation.json: {said}"):
            assert run.evaluation
