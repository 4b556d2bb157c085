"""What is derived from a series."""

from __future__ import annotations

import math

import pytest
import torch

from overtone.diagnosis import watch
from overtone.diagnosis.batch_geometry import LabelledBatch, easy_samples, similarities
from overtone.diagnosis.greediness import ends, half_compaction, late_fall, loss_decay_rate, smoothed


def test_the_way_down_begins_at_the_top() -> None:
    """A loss that rises before it falls has not fallen by more than all of its way."""
    hill = [1.0] * 10 + [9.0] * 80 + [0.0] * 10
    assert late_fall(hill) == 1.0
    assert late_fall([5.0] * 50 + [1.0] * 50) == 0.0
    assert late_fall([1.0] * 50 + [2.0] * 50) is None


def test_smoothing_keeps_a_line_and_takes_centred_means() -> None:
    line = [float(value) for value in range(9)]
    assert smoothed(line) == pytest.approx(line)
    assert smoothed([0.0, 3.0, 0.0, 3.0, 6.0], 3) == pytest.approx([0.0, 1.0, 2.0, 3.0, 6.0])
    assert smoothed([0.0, 0.0, 5.0, 0.0, 0.0]) == pytest.approx([0.0, 5 / 3, 1.0, 5 / 3, 0.0])


def test_a_decay_rate_is_per_step_wherever_the_steps_begin() -> None:
    decay = [2 + 3 * math.exp(-0.01 * t) for t in range(1000)]
    for first, stride in ((0, 1), (500, 1), (1, 10)):
        steps = range(first, first + 1000 * stride, stride)
        assert loss_decay_rate(steps, decay) == pytest.approx(0.01 / stride, rel=0.02)
    assert loss_decay_rate([], []) is None


def test_half_compaction_is_the_first_smoothed_half() -> None:
    assert half_compaction([1, 11, 21, 31], [0.8, 0.6, 0.4, 0.2]) == 21
    assert half_compaction([1, 11, 21, 31], [0.8, 0.6, 0.45, 0.41]) is None
    assert half_compaction([1, 11, 21, 31, 41], [0.8, math.nan, 0.6, 0.4, 0.2]) == 31


def test_ends_are_means_of_tenths_of_what_is_known() -> None:
    series = [math.nan, *(float(value) for value in range(30))]
    assert ends(series) == {"first": 1.0, "last": 28.0}
    assert ends([3.0]) == {"first": 3.0, "last": 3.0}
    assert math.isnan(ends([])["first"])


@pytest.mark.parametrize(("gap", "easy"), [(0.09, False), (0.11, True)])
def test_easy_samples_are_nearer_to_their_class_by_a_tenth(gap: float, easy: bool) -> None:
    """An anchor with a positive at cosine .8 and a negative at .8 - gap."""
    angles = torch.tensor([1.0, 0.8, 0.8 - gap]).arccos()
    rows = torch.stack([angles.cos(), angles.sin() * torch.tensor([1.0, 1.0, -1.0])], 1)
    found = easy_samples(similarities(LabelledBatch(rows, torch.tensor([0, 0, 1]))))
    assert bool(found[0]) is easy


def test_labels_are_found_among_other_arguments() -> None:
    """Weights are no class numbers, nor are whole numbers of another shape."""
    rows = torch.eye(2)[[0, 0, 1, 1]].requires_grad_()
    weights, pairs = torch.ones(4), torch.zeros(2, 3, dtype=torch.long)
    with watch(lambda z, weights, pairs, y: (z.sum(1) * weights).sum()) as w:
        w(rows, weights, pairs, torch.tensor([0, 0, 1, 1])).backward()
    assert w.steps.intra_variance == pytest.approx([0.0])


def test_a_straight_line_falls_a_ninth_in_its_last_tenth() -> None:
    """Ten means have nine steps between them."""
    assert late_fall([float(value) for value in range(10, 0, -1)]) == pytest.approx(1 / 9)
    assert late_fall([float(value) for value in range(9)]) is None
