"""Two processes on this machine against one: the same gradients, the same weights."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from overtone.core.files import load_tensors
from overtone.training import Run, train
from overtone.training.distribution import Group, ProcessLost, processes
from toys import Interrupted, interrupt_at, talk_of_two

WORKER = Path(__file__).with_name("worker.py")


@pytest.mark.distributed
def test_the_gradients_are_those_of_one_process_on_the_joined_batch(tmp_path, start_two):
    start_two(str(WORKER), "gradients", str(tmp_path / "two.safetensors"), "1")
    two = load_tensors(tmp_path / "two.safetensors")
    worker = runpy.run_path(str(WORKER))
    one = worker["joined_gradients"](runpy.run_path(str(WORKER.parents[1] / "toys.py")))
    assert one.keys() == two.keys()
    for name, gradient in one.items():  # maps.*: before the join and, by "pull", never joined; scale: after it
        assert gradient.abs().max() > 1e-3
        torch.testing.assert_close(two[name], gradient, atol=1e-6, rtol=1e-6)


@pytest.mark.distributed
def test_training_ends_at_the_same_weights(data, tmp_path, start_two):
    settings = {"epochs": 3, "dropout": 0.0, "select": "correlation", "batch_size": 30}
    start_two(str(WORKER), "train", str(tmp_path), "1", json.dumps(settings))
    two, one = Run.load(tmp_path), train("toy", data, settings=settings)
    assert two.info["processes"] == 2
    for name, tensor in one.method.state_dict().items():
        torch.testing.assert_close(two.method.state_dict()[name], tensor, atol=1e-4, rtol=1e-4)
    for first, second in zip(one.history, two.history):
        assert second["loss"] == pytest.approx(first["loss"], rel=1e-4)


@pytest.mark.distributed
def test_processes_that_would_not_do_the_same_work_say_so(tmp_path, data):
    """Two machines with other files, another disk or other settings: three trainings, one after the other."""
    started = tmp_path / "the run folder" / "0"
    settings = {"epochs": 2, "learning_rate": 0.01, "checkpoint_seconds": 0}
    with pytest.raises(Interrupted):
        train("toy", data, settings=settings, out=started, progress=interrupt_at(1))
    info = json.loads((started / "run.json").read_text())
    (started / "run.json").write_text(json.dumps({**info, "processes": 2}))
    said = talk_of_two(str(WORKER), "apart", str(tmp_path), "1")
    for differ in ("the data", "the run folder", "settings"):
        wanted = f"process 1 of 2 and the first one differ in {differ}; give every machine"
        assert [wanted in one for one in said] == [True, True], said
    assert not list(tmp_path.rglob("weights.safetensors"))


@pytest.mark.parametrize(("joined_before", "calls"), [(False, ["join gloo", "leave"]), (True, [])])
def test_a_process_leaves_the_group_that_it_joined_and_no_other(monkeypatch, joined_before, calls):
    found = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(dist, "is_initialized", lambda: joined_before)
    monkeypatch.setattr("overtone.training.distribution._make_group", lambda backend: found.append(f"join {backend}"))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: found.append("leave"))
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with contextlib.suppress(KeyError), processes("cpu") as (group, _):
        assert (group.rank, group.size, group.is_main) == (1, 2, False)
        raise KeyError
    assert found == calls


@pytest.mark.distributed
def test_one_torchrun_trains_twice(tmp_path):
    """Its store lives on: the second group must not look for the first one's processes."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, str(WORKER), "twice", str(tmp_path), "1"]
    subprocess.run(command, check=True, timeout=90, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert [Run.load(tmp_path / number).info["processes"] for number in "01"] == [2, 2]


@pytest.mark.distributed
def test_a_process_that_is_alone_says_whom_it_has_waited_for(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("overtone.training.distribution._JOINING", timedelta(seconds=0.3))
    wanted = "the 2 processes of this training have not found each other within 0.005 minutes: look at"
    with pytest.raises(ProcessLost, match=wanted), processes("cpu"):
        raise AssertionError
    assert not dist.is_initialized()


def test_one_process_needs_no_group():
    rows = torch.randn(3, 2, requires_grad=True)
    group = Group()
    assert group.gather(rows) is rows
    assert group.average(rows) is rows
    assert group.is_main
    group.broadcast([rows])
    group.barrier()
