"""What a teacher of soft labels minimises: agreement, soft-cross-entropy, positive-unlabelled."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from overtone.objectives.classification import agreement, positive_unlabelled, soft_cross_entropy


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(rows: int, classes: int, seed: int = 0) -> Tensor:
    return (draw(rows, classes, seed=seed) > 0.5).double()


def divergence(p: list[float], q: list[float]) -> float:
    """Jensen-Shannon in scalars: entropy of the mean less the mean of the entropies."""

    def entropy(x: list[float]) -> float:
        return -sum(v * math.log(v) for v in x if v > 0)

    return entropy([(a + b) / 2 for a, b in zip(p, q)]) - (entropy(p) + entropy(q)) / 2


@given(st.integers(0, 1000), st.floats(0.3, 5))
def test_agreement_is_the_entropy_that_mixing_adds(seed: int, temperature: float) -> None:
    first, second = 3 * draw(4, 3, seed=seed), 3 * draw(4, 3, seed=seed + 1)
    p, q = ((z / temperature).softmax(1).tolist() for z in (first, second))
    wanted = sum(divergence(a, b) for a, b in zip(p, q)) / 4
    assert agreement(first, second, temperature).item() == pytest.approx(wanted, abs=1e-12)
    p, q = ((z / temperature).sigmoid().flatten().tolist() for z in (first, second))
    wanted = sum(divergence([a, 1 - a], [b, 1 - b]) for a, b in zip(p, q)) / 12
    assert agreement(first, second, temperature, "sigmoid").item() == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_agreement_is_symmetric_bounded_and_zero_for_equal_heads(head: str) -> None:
    first, second = 100 * draw(5, 4), 100 * draw(5, 4, seed=1)
    assert agreement(first, second, 1.0, head).item() == agreement(second, first, 1.0, head).item()
    assert 0 < agreement(first, second, 1.0, head).item() <= math.log(2)
    assert agreement(first, first, 2.0, head).item() == pytest.approx(0, abs=1e-12)
    opposite = torch.tensor([[300.0, -300.0]])
    assert agreement(opposite, -opposite, 1.0, head).item() == pytest.approx(math.log(2))


def test_agreement_draws_both_heads_together() -> None:
    first, second = (z.requires_grad_() for z in (draw(5, 4), draw(5, 4, seed=1)))
    before = agreement(first, second)
    before.backward()
    with torch.no_grad():
        assert agreement(first - first.grad, second) < before
        assert agreement(first, second - second.grad) < before


def test_soft_cross_entropy_is_the_library_s_for_one_label() -> None:
    logits, numbers = draw(6, 4), torch.tensor([0, 3, 1, 1, 2, 0])
    targets = torch.eye(4, dtype=torch.float64)[numbers]
    for smoothing in (0.0, 0.3):
        wanted = F.cross_entropy(logits, numbers, label_smoothing=smoothing)
        torch.testing.assert_close(soft_cross_entropy(logits, targets, smoothing), wanted)


def test_soft_cross_entropy_shares_the_probability_among_several_labels() -> None:
    logits, targets = draw(5, 4), torch.tensor([[1.0, 0, 1, 0]] * 5).double()
    at_best = torch.tensor([[0.5, 1e-12, 0.5, 1e-12]]).double().log()
    assert soft_cross_entropy(at_best, targets[:1]).item() == pytest.approx(math.log(2))
    torch.testing.assert_close(soft_cross_entropy(logits, 0.2 * targets), soft_cross_entropy(logits, targets))


def test_positive_unlabelled_is_binary_cross_entropy_when_nothing_is_doubted() -> None:
    logits, targets = draw(6, 4), labels(6, 4)
    wanted = F.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(positive_unlabelled(logits, targets), wanted)


@given(st.floats(0.05, 1), st.floats(0, 0.9))
def test_positive_unlabelled_in_scalars(weight: float, smoothing: float) -> None:
    logits, targets = draw(3, 4), labels(3, 4)
    total = 0.0
    for z, y in zip(logits.flatten().tolist(), targets.flatten().tolist()):
        yes, no = math.log(1 / (1 + math.exp(-z))), math.log(1 / (1 + math.exp(z)))
        total -= yes if y else weight * ((1 - smoothing) * no + smoothing * yes)
    assert positive_unlabelled(logits, targets, weight, smoothing).item() == pytest.approx(total / 12)


def test_the_best_sigmoid_knows_that_unannotated_may_be_present() -> None:
    """Of rows that are alike a share a is annotated: the optimum is a / (a + w (1 - a)), above a."""
    targets = torch.tensor([[1.0], [0.0], [0.0], [0.0]], dtype=torch.float64)
    for weight in (1.0, 0.5, 0.1):
        logit = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        best = 0.25 / (0.25 + weight * 0.75)
        with torch.no_grad():
            logit.fill_(math.log(best / (1 - best)))
        positive_unlabelled(logit.expand(4, 1), targets, weight).backward()
        assert logit.grad is not None
        assert abs(logit.grad.item()) < 1e-12


SEVERAL = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], dtype=torch.float64)
TERMS = {
    "agreement": lambda z, w=None: agreement(z, z.flip(0).roll(1, 1), 2.0, weights=w),
    "soft-cross-entropy": lambda z, w=None: soft_cross_entropy(z, SEVERAL, 0.1, w),
    "positive-unlabelled": lambda z, w=None: positive_unlabelled(z, SEVERAL, 0.3, 0.1, w),
}


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_those_of_the_formula(name: str) -> None:
    assert torch.autograd.gradcheck(TERMS[name], draw(4, 3).requires_grad_())


@pytest.mark.parametrize("name", TERMS)
def test_a_row_without_weight_teaches_nothing(name: str) -> None:
    logits = draw(4, 3).requires_grad_()
    weights = torch.tensor([2.0, 0.0, 0.0, 2.0])
    if name != "agreement":  # it compares a row with its mirror image
        TERMS[name](logits, weights).backward()
        assert logits.grad is not None
        assert torch.equal(logits.grad.abs().sum(1) > 0, torch.tensor([True, False, False, True]))
    torch.testing.assert_close(TERMS[name](logits, torch.ones(4)), TERMS[name](logits))


def test_a_row_without_a_label_costs_a_softmax_nothing() -> None:
    targets = SEVERAL.clone()
    targets[2] = 0
    logits = draw(4, 3).requires_grad_()
    soft_cross_entropy(logits, targets, 0.2).backward()
    assert logits.grad is not None
    assert not logits.grad[2].any()


@pytest.mark.parametrize("name", TERMS)
def test_far_logits_and_half_precision_stay_finite(name: str) -> None:
    for logits in (1e4 * draw(4, 3), draw(4, 3).bfloat16()):
        logits = logits.requires_grad_()
        loss = TERMS[name](logits)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()
