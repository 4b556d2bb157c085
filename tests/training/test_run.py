"""A run: its folder, what is read from it, and what is said of a damaged one."""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import replace

import pytest
import torch
import yaml

import overtone
import overtone.training.judging as judging
from overtone.core import InputError
from overtone.core.files import load_tensors, save_tensors
from overtone.methods.base import methods
from overtone.training import Run, train
from overtone.training.folder import RunFolder
from overtone.training.loop import Clock
from toys import Interrupted, interrupt_at, same_weights

from .conftest import SETTINGS


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


def test_a_step_without_a_loss_names_the_method(data, monkeypatch):
    monkeypatch.setattr("toys.Toy.step", lambda self, batch: {"nce": batch.features[0].sum()})
    with pytest.raises(InputError, match="method 'toy': its step gives no 'loss' to minimise; got nce"):
        train("toy", data)


def test_the_test_at_the_end_reports_how_far_it_is(data, monkeypatch):
    monkeypatch.setattr("overtone.core.progress._WORTH_SECONDS", 0.0)
    seen = []
    train("toy", data, settings=SETTINGS, progress=seen.append)
    last = {step.label: step for step in seen}
    rows = len(data.split("test"))
    assert [(label, last[label].unit) for label in ("embedding", "evaluation")] == [
        ("embedding", "row"),
        ("evaluation", "query"),
    ]
    assert last["embedding"].done == last["embedding"].total == 2 * rows
    assert last["evaluation"].done == last["evaluation"].total == 2 * rows
    assert not last["evaluation"].metrics  # trackers get none of it


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
    embed, evaluate = methods["toy"].embed, judging.evaluate

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


def test_test_rows_that_cannot_be_judged_leave_the_run(data, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise InputError("row 3: cannot be judged")

    with monkeypatch.context() as patch:
        patch.setattr(judging, "refuse_zeros", refuse)
        with pytest.raises(InputError, match="row 3"):
            train("toy", data, out=tmp_path / "run")
    run = Run.load(tmp_path / "run")
    assert run.evaluation is None
    assert same_weights(run, train("toy", data))
