"""Batches, rates, randomness, and what a method gets to see."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.features import from_arrays
from overtone.methods.base import CorpusInfo, methods
from overtone.training import TrainingSettings, train
from overtone.training.batching import batch_bounds
from overtone.training.distribution import Group
from overtone.training.embedding import in_blocks
from overtone.training.loop import Loop, rate, reproducible, seed_everything
from overtone.training.rows import Rows


def weights(run):
    return run.method.state_dict()


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@given(st.integers(1, 2000), st.integers(2, 600), st.integers(1, 4))
def test_batches_are_joint_equal_and_never_lonely(rows, batch_size, world):
    if rows < 2 * world:
        with pytest.raises(InputError, match="too few training rows"):
            batch_bounds(rows, batch_size, world)
        return
    bounds = batch_bounds(rows, batch_size, world)
    sizes = [stop - start for start, stop in bounds]
    assert bounds[0][0] == 0
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(bounds))
    assert all(size % world == 0 and size >= 2 * world for size in sizes)
    assert len(set(sizes[:-1])) <= 1
    left_out = rows - bounds[-1][1]
    assert left_out < max(sizes[0] / 2, 2 * world) + world


def test_the_rate_rises_to_its_peak_and_falls_to_zero():
    shares = [rate(step, 100, 0.1) for step in range(100)]
    assert shares.index(max(shares)) == 10
    assert max(shares) == 1.0
    assert all(a < b for a, b in itertools.pairwise(shares[:11]))
    assert all(a > b for a, b in itertools.pairwise(shares[10:]))
    assert shares[-1] < 0.001
    assert rate(0, 1, 0.0) == 1.0


def test_a_seed_decides_everything_and_the_callers_random_state_is_left_alone(data):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train("toy", data, settings={"seed": 3, "select": "correlation"})
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    second = train("toy", data, settings={"seed": 3, "select": "correlation"})
    other = train("toy", data, settings={"seed": 4, "select": "correlation"})
    assert equal(weights(first), weights(second))
    assert not equal(weights(first), weights(other))


@pytest.mark.parametrize("select", ["last", "correlation", "reciprocal_rank"])
def test_labels_make_no_difference_to_a_method_without_them(data, select):
    wanted = weights(train("toy", data, settings={"select": select}))
    absent = replace(data, labels=None, label_kind="none", class_names=())
    poisoned = replace(data, labels=torch.full_like(data.targets, torch.nan))
    for other in (absent, poisoned):
        assert equal(wanted, weights(train("toy", other, settings={"select": select}, evaluate=False)))


def test_a_supervised_method_sees_them(data):
    flipped = replace(data, labels=data.targets.flip(1))
    assert not equal(weights(train("toy-supervised", data)), weights(train("toy-supervised", flipped)))
    with pytest.raises(InputError, match="toy-supervised learns from labels"):
        train("toy-supervised", replace(data, labels=None, label_kind="none", class_names=()))


def test_a_method_sees_no_test_row(data):
    changed = {name: rows.clone() for name, rows in data.modalities.items()}
    for rows in changed.values():
        rows[data.splits["test"]] += 100.0
    other = train("toy", replace(data, modalities=changed), evaluate=False)
    assert equal(weights(train("toy", data)), weights(other))


def test_an_epoch_takes_every_row_once(data, monkeypatch):
    seen = []
    step = methods["toy"].step

    def watched(self, batch):
        seen.append(batch)
        return step(self, batch)

    monkeypatch.setattr(methods["toy"], "step", watched)
    train("toy", data, settings={"epochs": 2, "batch_size": 50, "scaling": "none"})
    rows = [torch.cat([batch.rows for batch in seen[at : at + 2]]) for at in (0, 2)]
    assert all(sorted(epoch.tolist()) == list(range(100)) for epoch in rows)
    assert not torch.equal(rows[0], rows[1])
    assert [batch.progress for batch in seen] == [0.0, 0.25, 0.5, 0.75]
    audio = data.modalities["audio"][data.splits["train"]]
    assert all(torch.equal(batch.features[0], audio[batch.rows]) for batch in seen)
    assert all((batch.global_size, batch.offset, batch.targets) == (50, 0, None) for batch in seen)


def test_bf16_trains_to_about_the_same_place(data):
    full, half = (train("toy", data, settings={"precision": p, "dropout": 0.0}) for p in ("fp32", "bf16"))
    assert half.history[-1]["loss"] == pytest.approx(full.history[-1]["loss"], rel=0.05)
    assert not equal(weights(full), weights(half))
    assert all(tensor.dtype == torch.float32 for tensor in weights(half).values())


def test_blocks_change_nothing():
    rows = torch.randn(1000, 3)
    found = in_blocks(
        lambda part, side: {"x": part * side, "rows": part.new_full((len(part), 1), len(part))}, rows, 1, 16
    )
    assert torch.equal(found["x"], rows)
    assert found["rows"].max() < 1000
    assert in_blocks(lambda part, side: {}, rows, 0, 16) == {}


@pytest.mark.parametrize(
    ("columns", "memory_mb", "rows"), [(3, 16, 256), (3, 64, 1024), (4096, 16, 256), (4096, 512, 2048)]
)
def test_a_block_has_as_many_rows_as_memory_holds(columns, memory_mb, rows):
    def sizes(part, side):
        return {"rows": part.new_full((len(part), 1), len(part))}

    found = in_blocks(sizes, torch.zeros(1, columns).expand(rows + 1, columns), 0, memory_mb)["rows"][:, 0]
    assert found.tolist() == [rows] * rows + [1]


def test_processes_draw_the_same_batches_and_their_own_dropout():
    def draws(seed, part, rank):
        generator = torch.Generator()
        seed_everything(seed, part, generator, rank)
        return torch.rand(4, generator=generator).tolist(), torch.rand(4).tolist()

    with torch.random.fork_rng():
        drawn = {key: draws(*key) for key in [(3, 5, 0), (3, 5, 1), (3, 5, 2), (3, 6, 0), (4, 5, 0)]}
    assert drawn[3, 5, 0][0] == drawn[3, 5, 1][0] == drawn[3, 5, 2][0]
    assert len({tuple(own) for _, own in drawn.values()} | {tuple(shared) for shared, _ in drawn.values()}) == 8


def test_an_unknown_device_is_refused(data):
    with pytest.raises(InputError, match="setting 'device'"):
        train("toy", data, settings={"device": "abacus"})
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="cuda is not there"):
            train("toy", data, settings={"device": "cuda"})


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_no_step_asks_the_device_for_anything(watch_syncs, precision):
    rows = Rows((torch.randn(64, 6), torch.randn(64, 5)))
    kind = methods["toy"]
    toy = kind(kind.settings_type(), CorpusInfo(((6,), (5,)), 64))
    settings = TrainingSettings(epochs=2, precision=precision).with_defaults(kind, toy.corpus)
    loop = Loop(toy, rows, settings, Group())
    with watch_syncs() as syncs:
        loop.epoch(0)
        assert syncs.found == []
        rows.features[0].sum().item()
        assert syncs.found == ["_local_scalar_dense"]  # or else this test would see nothing


def test_a_rest_too_small_for_the_method_sits_out() -> None:
    assert batch_bounds(157, 100) == [(0, 100), (100, 157)]
    assert batch_bounds(157, 100, least=64) == [(0, 100)]
    assert batch_bounds(164, 100, least=64) == [(0, 100), (100, 164)]
    assert batch_bounds(50, 100, least=64) == [(0, 50)]  # the only batch stays: the method says what is wrong with it


def test_no_rest_ends_a_correlating_run() -> None:
    rows = torch.randn(157, 8, generator=torch.Generator().manual_seed(0))
    data = from_arrays(
        {"audio": rows.numpy(), "visual": rows.numpy()[:, ::-1].copy(), "is_test": [False] * 150 + [True] * 7}
    )
    run = train("dcca", data, settings={"epochs": 2, "batch_size": 100, "embedding_dim": 32, "width": 8})
    assert run.info["epochs"] == 2


def test_sums_on_a_gpu_are_reproducible_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with reproducible(torch.device("cpu")):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with reproducible(torch.device("cpu")):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
