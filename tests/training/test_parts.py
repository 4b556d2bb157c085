"""Several processes that hold a part of large training rows each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from overtone.core import scratch
from overtone.core.files import load_tensors
from overtone.training import Run, loop, train
from overtone.training import data as training_data
from overtone.training.batching import batch_bounds, draw_order
from overtone.training.data import prepare
from overtone.training.distribution import Group
from overtone.training.resuming import describe_work
from overtone.training.rows import Rows
from overtone.training.settings import TrainingSettings
from toys import SPARSELY_MINED, make_data

WORKER = Path(__file__).with_name("parts_worker.py")
SETTINGS = {**SPARSELY_MINED, "scaling": "zscore", "select": "correlation"}


@pytest.fixture
def small_memory(monkeypatch):
    """Features of more than 1 KiB are large, and as in parts no pairs are looked at."""
    monkeypatch.setattr(scratch, "LARGE_BYTES", 1 << 10)
    monkeypatch.setattr(training_data, "_CHECKED", 0)


@pytest.fixture
def taken(monkeypatch):
    """The row numbers that are read to be scaled."""
    found, take = [], training_data.take_rows

    def note(tensor, rows, change):
        found.extend(rows.tolist())
        return take(tensor, rows, change)

    monkeypatch.setattr(training_data, "take_rows", note)
    return found


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_process_reads_and_scales_its_own_part_alone(data, taken, rank):
    settings = TrainingSettings.build({"select": "correlation", "scaling": "zscore", "validation_fraction": 0.1})
    whole = prepare(data, settings, torch.device("cpu"))
    taken.clear()
    found = prepare(data, settings, torch.device("cpu"), group=Group(rank, 3))
    train_rows = whole.features.splits["train"]
    assert len(train_rows) == len(whole.train) == 90
    assert (len(found.train), found.train.total, found.corpus.rows) == (30, 90, 90)
    own = slice(30 * rank, 30 * rank + 30)
    held_out = whole.features.splits["val"].tolist()
    assert set(taken) == {*train_rows[own].tolist(), *held_out}
    for rows, wanted in zip(found.train.features, whole.train.features):
        assert torch.equal(rows, wanted[own])
    for rows, wanted in zip(found.held_out.features, whole.held_out.features):
        assert torch.equal(rows, wanted)
    batch = found.train.whole(torch.Generator())
    assert (batch.rows[0], batch.offset, batch.total) == (30 * rank, 30 * rank, 90)


@pytest.mark.usefixtures("small_memory")
def test_parts_are_equally_long_so_that_the_last_rows_may_be_left_out(data):
    settings = TrainingSettings.build({"select": "last", "scaling": "none"})
    parts = [prepare(data, settings, torch.device("cpu"), group=Group(rank, 8)).train for rank in range(8)]
    assert {len(part) for part in parts} == {12}
    joined = torch.cat([part.features[0] for part in parts])
    assert torch.equal(joined, data.modalities["audio"][data.splits["train"][:96]])


@pytest.mark.parametrize("large", [False, True])
def test_small_rows_and_rows_with_missing_halves_are_whole_on_every_process(make, monkeypatch, large):
    monkeypatch.setattr(scratch, "LARGE_BYTES", 1 << (10 if large else 20))
    lacks = torch.arange(150) % 5 == 0
    data = make(present={"audio": ~lacks}) if large else make()
    settings = TrainingSettings.build({"select": "last", "scaling": "none"})
    found = prepare(data, settings, torch.device("cpu"), uses_unpaired=True, group=Group(1, 2)).train
    assert (len(found), found.total, found.offset) == (100, 100, 0)


def test_every_batch_takes_equally_many_rows_of_each_part():
    rows = Rows((torch.zeros(10, 1), torch.zeros(10, 1)), parts=Group(1, 3))
    bounds = batch_bounds(rows.total, 12, 3)
    assert bounds == [(0, 12), (12, 24), (24, 30)]
    order = draw_order(rows, bounds, None, torch.Generator().manual_seed(0), 3)
    assert sorted(order.tolist()) == list(range(30))
    for start, stop in bounds:
        numbers = torch.arange(3).repeat_interleave((stop - start) // 3)
        assert torch.equal(order[start:stop] // 10, numbers)
    one = draw_order(rows, bounds, None, torch.Generator().manual_seed(0))
    assert torch.equal(one, torch.randperm(30, generator=torch.Generator().manual_seed(0)))


def test_processes_have_to_agree_on_what_is_large(monkeypatch):
    info = {"versions": {"overtone": "1", "torch": "2"}, "data": {"trained_on": "abc"}}
    before = describe_work(info, {}, None)
    monkeypatch.setattr(scratch, "LARGE_BYTES", 1 << 10)
    after = describe_work(info, {}, None)
    assert [name for name in before if before[name] != after[name]] == ["OVERTONE_LARGE_MB"]


@pytest.mark.distributed
@pytest.mark.usefixtures("small_memory")
def test_two_processes_come_to_what_one_comes_to_with_the_same_batches(tmp_path, start_two, monkeypatch):
    start_two(str(WORKER), str(tmp_path), json.dumps(SETTINGS))
    two, resumed = (load_tensors(tmp_path / f"{name}.safetensors") for name in ("whole", "resumed"))
    assert Run.load(tmp_path / "resumed").info["state"] == "finished"
    for name, tensor in two.items():
        assert torch.equal(resumed[name], tensor), name

    toy, data = Run.load(tmp_path / "toy"), make_data(450)
    assert toy.info["parts"] == 1
    for name, tensor in train("toy", data, settings={"epochs": 2, "dropout": 0.0}).method.state_dict().items():
        torch.testing.assert_close(toy.method.state_dict()[name], tensor, atol=1e-4, rtol=1e-4)

    monkeypatch.setattr(loop, "draw_order", lambda *given: draw_order(*given[:4], parts=2))
    one, run = train("hsc-mae", data, settings=SETTINGS, evaluate=False), Run.load(tmp_path / "whole")
    assert (run.info["processes"], run.info["parts"], run.info["corpus"]["rows"]) == (2, 2, 270)
    assert run.info["mining"] == one.info["mining"]
    for first, second in zip(one.history, run.history):
        assert second["loss"] == pytest.approx(first["loss"], rel=1e-4)
        assert second["val_correlation"] == pytest.approx(first["val_correlation"], abs=1e-4)
    for name, tensor in one.method.weights_state().items():
        torch.testing.assert_close(two[name], tensor, atol=2e-3, rtol=2e-3)
    same = one.method.state_dict()["mined.neighbours"] == two["mined.neighbours"]
    assert same.float().mean() > 0.99
