"""Runs that must stop, and the sentence they stop with."""

from __future__ import annotations

import json

import pytest
import torch

from overtone.training import TrainingStopped, train
from overtone.training.validation import check_collapse, check_terms


def test_the_first_bad_step_names_the_term():
    log = torch.zeros(4, 4)
    log[2, 0] = log[2, 2] = torch.nan
    log[3] = torch.nan
    with pytest.raises(TrainingStopped, match=r"epoch 7, step 3: 'dcca' is not a finite number"):
        check_terms(["loss", "nce", "dcca", "gradient_norm"], log, 7)
    check_terms(["loss"], torch.zeros(3, 1), 1)


@pytest.mark.parametrize(
    ("breaks", "sentence"),
    [
        ("nan", "diverged in epoch 4, step 1: 'pull' is not a finite number"),
        ("gradient", "diverged in epoch 4, step 1: every term is finite, but 'gradient_norm' is not"),
        ("constant", "collapsed by epoch 2: the (audio|visual) embedding is constant; the term that gained most is"),
    ],
)
def test_a_broken_run_stops_and_leaves_its_folder(data, tmp_path, breaks, sentence):
    settings = {"breaks": breaks, "dropout": 0.0, "checkpoint_seconds": 0}
    with pytest.raises(TrainingStopped, match=sentence) as stop:
        train("toy", data, settings=settings, out=tmp_path)
    info = json.loads((tmp_path / "run.json").read_text())
    assert (info["state"], info["reason"]) == ("stopped", str(stop.value))
    assert (tmp_path / "checkpoint.safetensors").exists()
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == {"constant": 1}.get(breaks, 3)


def test_collapse_is_let_pass_if_asked(data):
    assert train("toy", data, settings={"breaks": "constant", "collapse_rank": 0.0}).history


def test_one_low_rank_is_no_collapse_while_there_is_time():
    history = [{"epoch": 1, "pull": 1.0, "rank_audio": 3.0}, {"epoch": 2, "pull": 0.1, "rank_audio": 1.0}]
    check_collapse(history, ["pull"], 1.1, last=False)
    with pytest.raises(TrainingStopped, match=r"audio embedding has an effective rank of 1.00; .* 'pull' \(1 → 0.1\)"):
        check_collapse(history, ["pull"], 1.1, last=True)
    check_collapse(history[:1] * 2 + history[:1], ["pull"], 1.1, last=True)
    with pytest.raises(TrainingStopped):
        check_collapse([*history, {**history[1], "epoch": 3}], ["pull"], 1.1, last=False)
