"""Reliability figures: against scikit-learn, in closed form, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss

from overtone.interactions.reliability import calibration_error, mean_class_precision, reliability


def drawn(rows: int, classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and labels that come with them."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    numbers = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return logits.softmax(1), torch.eye(classes)[numbers]


def test_one_label_a_row_against_scikit_learn() -> None:
    p, y = drawn(200, 4)
    found = reliability(p, y, "softmax")
    assert found["nll"] == pytest.approx(log_loss(y.argmax(1), p.double().numpy(), labels=range(4)), rel=1e-6)
    assert found["accuracy"] == pytest.approx(float((p.argmax(1) == y.argmax(1)).float().mean()))
    assert found["map"] == pytest.approx(average_precision_score(y.numpy(), p.numpy(), average="macro"))


def test_several_labels_a_row_against_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(300, 3, generator=generator)
    y = torch.bernoulli(p, generator=generator)
    found = reliability(p, y, "sigmoid")
    known = (y.sum(1) > 0).numpy()
    each = [log_loss(y[known, at].numpy(), p[known, at].double().numpy()) for at in range(3)]
    assert found["nll"] == pytest.approx(np.mean(each), rel=1e-5)
    assert found["map"] == pytest.approx(average_precision_score(y.numpy()[known], p.numpy()[known], average="macro"))


def test_several_labels_share_the_likelihood_of_a_softmax_row() -> None:
    p, y = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]), torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    wanted = -(0.5 * (math.log(0.5) + math.log(0.3)) + math.log(0.8)) / 2
    assert reliability(p, y, "softmax")["nll"] == pytest.approx(wanted)


def test_calibration_of_sigmoids_is_over_all_classes_of_all_rows() -> None:
    generator = torch.Generator().manual_seed(1)
    p = torch.rand(200, 3, generator=generator)
    y = torch.bernoulli(p, generator=generator)
    y[:, 0] = 1
    assert reliability(p, y, "sigmoid")["ece"] == pytest.approx(calibration_error(p.flatten(), y.flatten()), abs=1e-6)
    confidence, top = p.max(1)
    assert reliability(p, y, "softmax")["ece"] == pytest.approx(
        calibration_error(confidence, y.gather(1, top[:, None])[:, 0]), abs=1e-6
    )


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_rows_without_a_label_do_not_count(kind: str) -> None:
    p, y = drawn(60, 3)
    more = torch.cat([p, torch.full((20, 3), 0.9)]), torch.cat([y, torch.zeros(20, 3)])
    assert reliability(*more, kind) == reliability(p, y, kind)
    assert reliability(p, torch.zeros_like(y), kind) == {}


def test_calibrated_probabilities_have_next_to_no_error_and_steep_ones_have() -> None:
    p, y = drawn(20_000, 4)
    assert reliability(p, y, "softmax")["ece"] < 0.015
    steep = (4 * p.log()).softmax(1)
    found = reliability(steep, y, "softmax")
    assert found["ece"] > 0.1
    assert found["nll"] > reliability(p, y, "softmax")["nll"]
    assert found["accuracy"] == reliability(p, y, "softmax")["accuracy"]


def test_calibration_error_by_hand() -> None:
    confidence, outcome = torch.tensor([0.1, 0.15, 0.9, 0.95]), torch.tensor([0.0, 1.0, 1.0, 1.0])
    wanted = 0.5 * abs(0.125 - 0.5) + 0.5 * abs(0.925 - 1.0)
    assert calibration_error(confidence, outcome, bins=2) == pytest.approx(wanted)
    assert calibration_error(torch.ones(3), torch.ones(3)) == 0
    assert calibration_error(torch.tensor([1.0]), torch.tensor([0.0])) == 1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_calibration_error_in_scalars(pairs: list[tuple[float, bool]]) -> None:
    p = torch.tensor([pair[0] for pair in pairs], dtype=torch.float64)
    y = torch.tensor([float(pair[1]) for pair in pairs], dtype=torch.float64)
    total = 0.0
    for number in range(15):
        inside = [pair for pair in pairs if min(14, math.floor(pair[0] * 15)) == number]
        total += abs(sum(one[0] - one[1] for one in inside))
    assert calibration_error(p, y) == pytest.approx(total / len(pairs), abs=1e-12)


def test_ranking_leaves_out_classes_without_a_positive() -> None:
    scores = torch.tensor([[0.9, 0.1], [0.5, 0.2], [0.1, 0.3]])
    positive = torch.tensor([[True, False], [False, False], [True, False]])
    assert mean_class_precision(scores, positive) == pytest.approx((1 + 2 / 3) / 2)
