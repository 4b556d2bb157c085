"""Teachers of different folds made alike: what one of them says in a fold, and what all say of rows in none."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from overtone.core.workers import Made
from overtone.interactions.scores import TeacherScores

ROWS, FOLDS, CLASSES = 3000, 3, 4
Head = Literal["sigmoid", "softmax"]


def draw(rows: int = ROWS, seed: int = 0) -> Tensor:
    """(rows, C) log-odds that all teachers agree on."""
    return torch.randn(rows, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1.0


def gather(said: list[Tensor], fold_ids: Tensor, kind: Head) -> Tensor:
    """The scores of all rows, from (N, C) log-odds by each fold's teacher."""
    scores = TeacherScores(torch.arange(len(fold_ids)), fold_ids)
    for number, logits in enumerate(said):
        values = (logits.softmax(1) if kind == "softmax" else logits.sigmoid()).float()
        tensors = {f"{name}/sound": values for name in ("calibrated", "uncalibrated")}
        fitted = (fold_ids != number).nonzero()[:, 0]
        scores.add(Made({**tensors, "fitted": fitted}, {"modalities": ["sound"], "temperatures": [1.0, 1.0]}), number)
    return scores.align("sound", kind)


def distort(true: Tensor) -> list[Tensor]:
    """What three teachers make of it, each with a level and a scale of its own for every class."""
    random = torch.Generator().manual_seed(1)
    levels, scales = (torch.rand(FOLDS, CLASSES, generator=random, dtype=torch.float64) for _ in range(2))
    return [true * (0.5 + scale) + 4.0 * level - 2.0 for level, scale in zip(levels, scales)]


def test_levels_and_scales_of_teachers_are_gone():
    true, fold_ids = draw(), torch.arange(ROWS) % FOLDS
    found = gather(distort(true), fold_ids, "sigmoid").double().logit()
    for ours, theirs in zip(found.T, true.T):
        assert torch.corrcoef(torch.stack([ours, theirs]))[0, 1] > 0.995
    apart = torch.stack([found[fold_ids == number].mean(0) for number in range(FOLDS)])
    assert apart.std(0).max() < 0.05


def test_teachers_that_agree_are_left_as_they_are():
    true, fold_ids = draw(), torch.arange(ROWS) % FOLDS
    found = gather([true] * FOLDS, fold_ids, "sigmoid").double().logit()
    assert (found - true).abs().mean() < 0.05


def test_a_softmax_stays_one():
    true, fold_ids = draw(), torch.arange(ROWS) % FOLDS
    found = gather(distort(true), fold_ids, "softmax")
    torch.testing.assert_close(found.sum(1), torch.ones(ROWS), atol=1e-4, rtol=0)
    before = torch.stack([said.softmax(1)[row] for row, said in enumerate([*distort(true)] * (ROWS // FOLDS))])
    spread = [
        torch.stack([part[fold_ids == n].mean(0) for n in range(FOLDS)]).std(0).mean() for part in (found, before)
    ]
    assert spread[0] < 0.2 * spread[1]


def test_rows_in_no_fold_get_the_mean_of_all_teachers_made_alike():
    true, fold_ids = draw(), torch.arange(ROWS) % FOLDS
    true[1:], fold_ids[-300:] = draw(ROWS - 1, 3), -1
    found = gather(distort(true), fold_ids, "sigmoid").double().logit()
    for ours, theirs in zip(found[-300:].T, true[-300:].T):
        assert torch.corrcoef(torch.stack([ours, theirs]))[0, 1] > 0.995
    assert (found[-300:].mean(0) - found[:-300].mean(0)).abs().max() < 0.3


def test_few_rows_tell_little_of_a_teacher():
    true = draw(9)
    said = [true, true, true + 3.0]
    found = gather(said, torch.arange(9) % FOLDS, "sigmoid").double().logit()
    moved = (found - true)[2::3].mean()
    assert 2.0 < moved < 3.0


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_a_class_that_a_teacher_scores_alike_everywhere_stays_a_number(kind):
    said = distort(draw(60))
    said[1][:, 2] = -1.0
    for part in said:
        part[:, 3] = -2.0
    found = gather(said, torch.arange(60) % FOLDS, kind)
    assert ((found > 0) & (found < 1)).all()
    if kind == "sigmoid":
        assert found[:, 3].unique().numel() == 1
