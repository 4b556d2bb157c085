"""A training set that is mined sparsely: resumed, by two processes, and what its folder holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from overtone.core.files import load_tensors
from overtone.features import PairedFeatures, load
from overtone.training import Run, train
from overtone.training.folder import RunFolder
from toys import SPARSELY_MINED, Interrupted, interrupt_at

SETTINGS = {**SPARSELY_MINED, "unpaired": True, "pairs": "keep"}
WORKER = Path(__file__).with_name("mining_worker.py")


@pytest.fixture(scope="module")
def digits() -> PairedFeatures:
    data = load("split-digits")
    return data.subset(torch.cat([data.splits["train"][:300], data.splits["test"][:50]]))


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_resumed_run_ends_with_the_same_bits(digits, tmp_path, epochs):
    whole = train("hsc-mae", digits, settings=SETTINGS)
    with pytest.raises(Interrupted):
        train("hsc-mae", digits, settings=SETTINGS, out=tmp_path, progress=interrupt_at(epochs))
    resumed = train("hsc-mae", digits, out=tmp_path, resume=True)
    for name, tensor in whole.method.state_dict().items():
        assert torch.equal(resumed.method.state_dict()[name], tensor), name
    assert resumed.info["mining"] == whole.info["mining"]


def test_what_a_folder_holds(digits, tmp_path):
    with pytest.raises(Interrupted):
        train("hsc-mae", digits, settings=SETTINGS, out=tmp_path, progress=interrupt_at(2))
    checkpoint = RunFolder(tmp_path).checkpoint()
    mined = sum(t.numel() * t.element_size() for name, t in checkpoint.method.items() if name.startswith("mined."))
    assert 0 < mined < 300 * 200  # bytes a row, whatever the number of rows
    run = train("hsc-mae", digits, out=tmp_path, resume=True)
    assert run.info["mining"]["neighbours"] == "inverted lists"
    assert 0.5 < run.info["mining"]["recall"] <= 1
    assert not any(name.startswith("mined.") for name in load_tensors(tmp_path / "weights.safetensors"))
    loaded = Run.load(tmp_path)
    for name, rows in run.embed(digits).items():
        assert torch.equal(loaded.embed(digits)[name], rows)


@pytest.mark.distributed
def test_two_processes_mine_as_one_does(digits, tmp_path, start_two):
    start_two(str(WORKER), str(tmp_path), json.dumps(SETTINGS))
    two, one = Run.load(tmp_path), train("hsc-mae", digits, settings=SETTINGS)
    assert two.info["processes"] == 2
    assert two.info["mining"] == one.info["mining"]
    for name, tensor in one.method.weights_state().items():
        torch.testing.assert_close(two.method.state_dict()[name], tensor, atol=2e-3, rtol=2e-3)
