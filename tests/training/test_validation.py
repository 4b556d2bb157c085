"""The scores of held-out pairs, and the epoch that they choose."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from overtone.features import hold_out
from overtone.training import train
from overtone.training.validation import pair_correlation, scores


def test_correlation_ignores_where_the_clouds_are():
    first, second = torch.randn(500, 8), torch.randn(500, 8)
    assert pair_correlation(first, first + 5.0) == pytest.approx(1.0)
    assert abs(pair_correlation(first + 9.0, second + 9.0)) < 0.1


def test_map_is_that_of_the_evaluation():
    from overtone.evaluation import evaluate

    pair, targets = (torch.randn(60, 4), torch.randn(60, 4)), torch.eye(3).repeat(20, 1)
    assert scores(pair, targets)["map"] == pytest.approx(evaluate(*pair, targets).to_dict()["map"]["mean"])
    assert "map" not in scores(pair, None)


@pytest.mark.parametrize("select", ["correlation", "reciprocal_rank"])
def test_the_chosen_epoch_is_the_best_and_its_weights_are_kept(data, select):
    settings = {"select": select, "learning_rate": 3.0, "epochs": 12, "validate_every": 1, "validation_fraction": 0.3}
    run = train("toy", data, settings=settings)
    found = [record[f"val_{select}"] for record in run.history]
    assert run.info["chosen_epoch"] == found.index(max(found)) + 1
    assert run.info["chosen_epoch"] < 12
    held_out = hold_out(data, 0.3, 0).split("val")
    again = scores(tuple(run.embed(held_out).values()), None)[select]
    assert again == pytest.approx(max(found), rel=1e-4)


def test_patience_ends_a_run_that_no_longer_improves(data):
    settings = {"select": "correlation", "learning_rate": 0.5, "epochs": 60, "validate_every": 2, "patience": 3}
    run = train("toy", data, settings=settings)
    assert run.info["epochs"] < 60
    assert run.info["epochs"] - run.info["chosen_epoch"] == 6


def test_a_split_called_val_is_used_as_it_is(data):
    train_rows = data.splits["train"]
    given = replace(data, splits={**data.splits, "train": train_rows[:80], "val": train_rows[80:]})
    run = train("toy", given, settings={"select": "reciprocal_rank"})
    assert run.info["splits"] == {"train": 80, "val": 20, "test": 50}


def test_last_keeps_all_rows_and_the_last_epoch(data):
    run = train("toy", data)
    assert run.info["splits"] == {"train": 100, "test": 50}
    assert run.info["chosen_epoch"] == 6
    assert not any(name.startswith("val_") for name in run.history[-1])
