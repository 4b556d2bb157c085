"""Clips with one modality only in training, embedding and evaluation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import PairedFeatures, load
from overtone.training import Run, train
from overtone.training.batching import batch_bounds, count_pairs, draw_order
from overtone.training.rows import Rows


@pytest.fixture(scope="module")
def weakly_paired() -> PairedFeatures:
    """Split digits with 300 training rows, every third of them whole, and 90 test rows, of which 20 lack a half."""
    data = load("split-digits")
    data = data.subset(torch.cat([data.splits["train"][:300], data.splits["test"][:90]]))
    number = torch.arange(len(data))
    present = {"left": (number % 3 != 1) | (number >= 310), "right": (number % 3 != 2) | (number >= 320)}
    parts = {name: torch.where(present[name][:, None], rows, torch.nan) for name, rows in data.modalities.items()}
    return replace(data, modalities=parts, present=present)


def test_a_method_that_needs_pairs_is_trained_on_them(weakly_paired):
    run = train("cca", weakly_paired)
    train_rows = weakly_paired.split("train")
    alone = train("cca", weakly_paired.subset(weakly_paired.splits["train"][train_rows.paired]))
    assert run.info["unpaired"] == {"rows": int((~train_rows.paired).sum()), "used": False}
    assert run.info["splits"]["train"] == int(train_rows.paired.sum())
    assert any("cca learns from pairs" in note for note in run.info["data"]["notes"]) is False  # the source's notes
    assert run.method.projection.map_first.equal(alone.method.projection.map_first)
    test = weakly_paired.split("test")
    assert run.evaluation.sizes["a2v"] == (
        int(test.has("left").sum()),
        int(test.has("right").sum()),
        int(test.paired.sum()),
    )
    assert np.isfinite(run.evaluation["map"].mean)


def test_embeddings_are_of_what_is_there(weakly_paired):
    run = train("cca", weakly_paired, evaluate=False)
    embeddings = run.embed(weakly_paired)
    for name, rows in embeddings.items():
        assert rows.isfinite().all()
        assert rows.norm(dim=1).gt(0.5).equal(weakly_paired.has(name))
    assert run.variants(weakly_paired)["unscaled"]["left"].isfinite().all()


def test_without_any_pair_nothing_joins_the_modalities(weakly_paired):
    train_rows = weakly_paired.splits["train"]
    lonely = weakly_paired.subset(train_rows[~weakly_paired.paired[train_rows]])
    with pytest.raises(InputError, match="no training row has both modalities; bring some pairs"):
        train("cca", lonely)


def test_presence_and_groups_count_for_a_resume(weakly_paired, tmp_path):
    whole = load("split-digits")
    train("cca", whole, out=tmp_path / "run", evaluate=False)
    stored = Run.load(tmp_path / "run").info["data"]["trained_on"]
    grouped = replace(whole, groups=tuple(str(row // 2) for row in range(len(whole))))
    assert train("cca", grouped, evaluate=False).info["data"]["trained_on"] != stored
    assert train("cca", whole, evaluate=False).info["data"]["trained_on"] == stored


def rows_of(paired: int, first: int, second: int) -> Rows:
    number = torch.randperm(paired + first + second, generator=torch.Generator().manual_seed(2))
    present = (number < paired + first, (number < paired) | (number >= paired + first))
    return Rows((torch.zeros(len(number), 2), torch.zeros(len(number), 3)), present=present)


SIZES = [(40, 160, 60, 32, 8), (20, 90, 90, 50, 16), (9, 3, 4, 6, 2)]


@pytest.mark.parametrize(("paired", "first", "second", "size", "least"), SIZES)
def test_every_batch_has_enough_paired_rows(paired, first, second, size, least):
    rows = rows_of(paired, first, second)
    bounds = batch_bounds(len(rows), size)
    pairs = count_pairs(bounds, rows, least)
    order = draw_order(rows, bounds, pairs, torch.Generator().manual_seed(0))
    whole = set(rows.paired.tolist())
    for (start, stop), count in zip(bounds, pairs):
        batch = order[start:stop].tolist()
        assert len(set(batch)) == len(batch)
        assert sum(row in whole for row in batch) == count >= least
    alone = [row for row in order.tolist() if row not in whole]
    assert len(set(alone)) == len(alone)
    assert set(order.tolist()) & whole
    again = draw_order(rows, bounds, pairs, torch.Generator().manual_seed(0))
    assert again.equal(order)


def test_too_few_pairs_are_refused():
    with pytest.raises(InputError, match="too few training rows with both modalities; got 5; valid: at least 8"):
        count_pairs([(0, 32)], rows_of(5, 40, 40), 8)


def test_hsc_mae_learns_from_all_rows(weakly_paired):
    run = train("hsc-mae", weakly_paired, settings={"epochs": 3, "embedding_dim": 8, "width": 32})
    unpaired = int((~weakly_paired.split("train").paired).sum())
    assert run.info["unpaired"] == {"rows": unpaired, "used": True}
    assert run.info["corpus"]["pairs"] == 300 - unpaired
    assert np.isfinite(run.evaluation["map"].mean)
    assert all(np.isfinite(list(record.values())).all() for record in run.history)


def test_scalers_are_fitted_on_what_is_there(weakly_paired):
    run = train(
        "hsc-mae", weakly_paired, settings={"epochs": 1, "scaling": "zscore", "embedding_dim": 8}, evaluate=False
    )
    part = weakly_paired.split("train")
    there = part.modalities["left"][part.has("left")]
    assert run.scalers["left"].tensors["centre"].allclose(there.mean(0), atol=1e-5)


def test_held_out_rows_are_judged_in_pairs(weakly_paired):
    run = train(
        "hsc-mae",
        weakly_paired,
        settings={"epochs": 2, "select": "reciprocal_rank", "embedding_dim": 8},
        evaluate=False,
    )
    assert all(0 < record["val_reciprocal_rank"] <= 1 for record in run.history if "val_reciprocal_rank" in record)


def test_groups_reach_the_batches():
    data = load("split-digits")
    data = data.subset(data.splits["train"][:120])
    data = replace(data, groups=tuple(str(row // 2) for row in range(120)), splits={"train": torch.arange(120)})
    plain = train("infonce", replace(data, groups=()), settings={"epochs": 2}, evaluate=False)
    grouped = train("infonce", data, settings={"epochs": 2}, evaluate=False)
    assert grouped.history[0]["loss"] < plain.history[0]["loss"]
