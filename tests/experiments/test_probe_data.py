"""What a diagnosis accepts: settings and names, labels, splits, and nothing of the test rows in training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.experiments import HeadSettings, diagnose, split_head_settings
from overtone.experiments.probes.data import prepare_data
from overtone.experiments.probes.training import train_heads
from overtone.features import views_from_arrays
from overtone.objectives import metric_losses, objectives

from .conftest import QUICK, arrays, views


def test_test_rows_have_no_part_in_training() -> None:
    data = views()
    other = {name: rows.clone() for name, rows in data.modalities.items()}
    other["image"][data.splits["test"]] *= -3.0
    settings = HeadSettings.build(QUICK).completed(160)
    trained = []
    for modalities in (data.modalities, other):
        rows = prepare_data(replace(data, modalities=modalities), "zscore", torch.device("cpu"))
        trained.append(train_heads(objectives["scl"], rows, settings, seed=0).values)
    assert trained[0]["epochs"] == trained[1]["epochs"]
    known = [values["evaluations"]["train_intra_variance"] for values in trained]
    assert known[0] == known[1]
    assert trained[0]["final"]["map"] != trained[1]["final"]["map"]


def test_class_disjoint_rows_are_noticed_and_trained_with_fewer_centres() -> None:
    given = arrays()
    given["split"] = np.where(given["y"] < 2, "train", "test")
    diagnosis = diagnose(views_from_arrays(given), losses=["ccl", "arcface"], seeds=[0], settings=QUICK)
    found = diagnosis.to_dict()
    assert found["class_disjoint"] is True
    assert found["classes"] == {"train": 2, "test": 2}
    assert found["losses"]["ccl"]["settings"]["classes"] == 2
    assert set(found["losses"]["ccl"]["per_class"]) == {"2", "3"}


def test_settings_go_to_every_loss_that_has_them_or_to_one() -> None:
    budget, own = split_head_settings({"epochs": 3, "temperature": 0.2, "infonce.temperature": 0.3}, ["infonce", "scl"])
    assert budget.epochs == 3
    assert own == {"infonce": {"temperature": 0.3}, "scl": {"temperature": 0.2}}
    assert split_head_settings({"scl": {"temperature": 0.5}}, ["scl"])[1] == {"scl": {"temperature": 0.5}}


@pytest.mark.parametrize(
    ("losses", "settings", "said"),
    [
        (["triplett"], {}, "triplet"),
        (["triplet"], {"margn": 1}, "margin"),
        (["triplet"], {"triplet.margn": 1}, "margin"),
        (["triplet"], {"scl.temperature": 1}, "not compared"),
        (["triplet"], {"epochs": 0}, "epochs"),
        (["triplet"], {"margin": -1}, "margin"),
        (["triplet", "triplet"], {}, "twice"),
        (["arcface"], {"classes": 7}, "classes"),
    ],
)
def test_wrong_names_and_values_are_said_before_training(
    losses: list[str], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        diagnose(views(), losses=losses, seeds=[0], settings=QUICK | settings)


def test_data_that_cannot_be_learnt_from() -> None:
    data = views()
    with pytest.raises(InputError, match="labels"):
        diagnose(replace(data, labels=None, label_kind="none", class_names=()), losses=["triplet"])
    assert data.targets is not None
    one = torch.zeros_like(data.targets)
    one[:, 0] = 1
    with pytest.raises(InputError, match="the training rows have one class only"):
        diagnose(replace(data, labels=one), losses=["triplet"])
    single = data.targets.clone()
    single[data.splits["test"][1:]] = 0
    with pytest.raises(InputError, match="fewer than two test rows have a label"):
        diagnose(replace(data, labels=single), losses=["triplet"])


def test_several_labels_are_for_losses_that_take_them() -> None:
    data = views()
    assert data.targets is not None
    several = data.targets.clone()
    several[::2] = several[::2].roll(1, 1).maximum(several[::2])
    several = replace(data, labels=several, label_kind="multi")
    single_only = ("arcface", "n-pair")
    takers = [name for name in metric_losses() if name not in single_only]
    diagnosis = diagnose(several, losses=takers, seeds=[0], settings=QUICK)
    found = diagnosis.to_dict()
    assert list(diagnosis.labels) == several.targets[several.splits["test"]].argmax(1).tolist()
    assert all(np.isfinite(entry["map"]) for entry in found["losses"].values())
    for name in single_only:
        with pytest.raises(InputError, match="label"):
            diagnose(several, losses=[name], seeds=[0], settings=QUICK)


def test_batches_too_small_for_a_pair_are_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match="batch_size"):
        diagnose(views(), losses=["triplet"], seeds=[0], settings=QUICK | {"batch_size": 2})


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    data = views()
    assert data.targets is not None
    missing = data.targets.clone()
    missing[:9] = 0
    diagnosis = diagnose(replace(data, labels=missing), losses=["scl"], seeds=[0], settings=QUICK)
    assert sum(diagnosis.to_dict()["rows"].values()) == len(data) - 9
    assert any("without a label" in note for note in diagnosis.notes)


def test_a_small_corpus_gets_more_epochs_and_a_faster_rate_so_that_the_way_stays_as_long() -> None:
    paper = HeadSettings().completed(50_000)
    assert (paper.epochs, paper.learning_rate, paper.batch_size) == (100, 1e-4, 512)
    small = HeadSettings().completed(1_257)
    assert small.batch_size == 157
    updates = (small.epochs or 0) * round(1_257 / 157)
    assert updates >= 1000
    assert updates * (small.learning_rate or 0) == pytest.approx(9_800 * 1e-4, rel=0.05)
    assert HeadSettings(epochs=1).completed(100).learning_rate == 1e-3
    assert HeadSettings(learning_rate=0.5).completed(100).learning_rate == 0.5
    assert HeadSettings().completed(100).batch_size == 32
    assert HeadSettings().completed(20).batch_size == 20
    assert HeadSettings(batch_size=512).completed(300).batch_size == 300
    # 1,000 updates in 8 batches an epoch; 1,000 / 6 rounded up; 250 rows in batches of 32 are 8, one a little short.
    assert [HeadSettings().completed(rows).epochs for rows in (1_257, 200, 250)] == [125, 167, 125]
    assert HeadSettings().completed(200_000).learning_rate == 1e-4  # more updates than the paper's: no slower


def test_without_names_all_registered_losses_are_probed() -> None:
    settings, own = split_head_settings({"epochs": 3}, None)
    assert list(own) == list(metric_losses())
    assert settings.epochs == 3
