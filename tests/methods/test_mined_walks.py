"""Whole-corpus mining on a sparse graph: against the dense path, with lacking modalities, after a resume."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from overtone.methods import mined_walks
from overtone.training.folder import restore_method

SPARSE = {"mining_rows": 0}


def shares(weights):
    return weights / weights.sum(1, keepdim=True).clamp_min(1e-12)


def lacking(batch, rows=400):
    number = torch.randperm(rows, generator=torch.Generator().manual_seed(5))
    present = (number < 300, (number < 200) | (number >= 300))
    return replace(batch, present=present, pairs=200)


@pytest.mark.parametrize("settings", [{}, {"mining_view": "mean"}, {"mining_features": False}, {"walk_restart": 0.2}])
def test_targets_are_those_of_dense_mining(ready, settings):
    dense, batch = ready("hsc-mae", rows=400, **settings)
    sparse, _ = ready("hsc-mae", rows=400, **SPARSE, **settings)
    assert sparse.mined is not None
    assert dense.mined is None
    wanted, found = dense._others(batch)[0], sparse._others(batch)[0]
    assert (found - shares(wanted)).abs().sum(1).mean() / 2 < 0.03


def test_targets_are_those_of_dense_mining_where_clips_lack_a_modality(make):
    (dense, batch), (sparse, _) = (make("hsc-mae", rows=400, **settings) for settings in ({}, SPARSE))
    batch = lacking(batch)
    for method in (dense, sparse):
        method.on_epoch_start(batch)
    wanted, found = dense._others(batch)[0], sparse._others(batch)[0]
    assert found.isfinite().all()
    assert (found - shares(wanted)).abs().sum(1).mean() / 2 < 0.03
    only_first, only_second = batch.present[0] & ~batch.present[1], batch.present[1] & ~batch.present[0]
    assert found[only_first][:, only_second].sum() > 0  # through whole clips
    assert sparse.mined.neighbours.shape == (2, 400, 3)
    assert (sparse.mined.neighbours[0][only_second] == -1).all()


@pytest.mark.parametrize("settings", [{"mining_weighting": "softmax"}, {"queue": 8}, {"own_weight": 1.0}])
def test_batches_are_mined_by_themselves_where_asked(make, settings):
    method, _ = make("hsc-mae", **SPARSE, **settings)
    assert method.mined is None


def later(method, batch, progress):
    """The next survey, of a teacher that has moved on."""
    with torch.no_grad():
        for p in method.teacher.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=batch.generator))
    method.on_epoch_start(replace(batch, progress=progress))


def test_a_resumed_training_goes_on_with_the_same_bits(make, ready):
    method, batch = ready("hsc-mae", rows=200, **SPARSE)
    later(method, batch, 0.5)
    again, _ = make("hsc-mae", rows=200, seed=1, **SPARSE)
    restore_method(again, method.state_dict())
    rows = torch.arange(50)
    assert torch.equal(again.mined.among(rows), method.mined.among(rows))
    state = batch.generator.get_state()
    for one in (method, again):  # the next survey starts from the last one's subspace
        batch.generator.set_state(state)
        later(one, batch, 0.75)
    assert torch.equal(again.mined.among(rows), method.mined.among(rows))
    assert torch.equal(again.mined.far, method.mined.far)


def test_other_buffers_make_other_walks(ready):
    first, batch = ready("hsc-mae", rows=100, **SPARSE)
    second, _ = ready("hsc-mae", rows=100, **SPARSE)
    later(second, batch, 0.5)
    first.load_state_dict(second.state_dict())
    rows = torch.arange(40)
    assert torch.equal(first.mined.among(rows), second.mined.among(rows))


def test_what_embedding_does_not_need_is_not_stored(ready, make):
    for settings in ({}, SPARSE):
        method, batch = ready("hsc-mae", rows=100, **settings)
        stored = method.weights_state()
        assert not any(name.startswith(("mined", "affinity")) for name in stored)
        other, _ = make("hsc-mae", rows=100, seed=1, **settings)
        restore_method(other, stored)
        assert torch.equal(other.eval().embed(batch.features[0], 0), method.eval().embed(batch.features[0], 0))


def test_a_low_recall_is_warned_of_once_and_recorded(make, monkeypatch, caplog):
    exact = mined_walks.find_neighbours
    recalls = iter([0.99, 0.9, 0.8, 0.97])
    monkeypatch.setattr(mined_walks, "find_neighbours", lambda *given: replace(exact(*given), recall=next(recalls)))
    method, batch = make("hsc-mae", **SPARSE, mining_exact_rows=0)
    warned = []
    with caplog.at_level(logging.WARNING, logger="overtone"):
        for progress in (0.0, 0.25, 0.5, 0.75):
            caplog.clear()
            method.on_epoch_start(replace(batch, progress=progress))
            warned.append("90 % of the nearest neighbours" in caplog.text)
    assert warned == [False, True, False, False]
    assert method.summary() == {"mining": {"rows": 48, "neighbours": "inverted lists", "recall": 0.8}}


def test_runs_of_other_sizes_say_nothing_of_mining(ready):
    assert ready("hsc-mae")[0].summary() == {}
    assert ready("hsc-mae", **SPARSE)[0].summary()["mining"] == {"rows": 48, "neighbours": "exact", "recall": 1.0}
