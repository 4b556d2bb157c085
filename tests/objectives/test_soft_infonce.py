"""Soft InfoNCE against its formulas written out in loops, and at the edges of float32."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.objectives.soft_infonce import infonce, soft_infonce, soft_infonce_within, symmetric_soft_infonce
from overtone.objectives.targets import own_and_others, soft_top_k

FORMS = ["cross_entropy", "multi_positive"]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def soft_targets(n: int, m: int, seed: int = 9) -> Tensor:
    """Rows that sum to one, some weights zero; the own partner has some."""
    others = torch.rand(n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return own_and_others(others * (others > 0.5), 0.25)


def by_hand(queries: Tensor, keys: Tensor, targets: Tensor, temperature: float, form: str) -> float:
    """The formulas, term by term."""
    losses = []
    queries, keys = queries.detach(), keys.detach()
    for i, query in enumerate(queries):
        e = [math.exp(float(query @ k / query.norm() / k.norm()) / temperature) for k in keys]
        weights = targets[i].tolist()
        if sum(weights) == 0:
            continue
        if form == "cross_entropy":
            losses.append(-sum(w * math.log(x / sum(e)) for w, x in zip(weights, e)))
        else:
            positive = sum(w * x for w, x in zip(weights, e))
            negative = sum((1 - w) * x for j, (w, x) in enumerate(zip(weights, e)) if j != i)
            losses.append(-math.log(positive / (positive + negative)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 2.0])
@pytest.mark.parametrize("keys", [7, 11])
@pytest.mark.parametrize("form", FORMS)
def test_equals_the_formula(form: str, keys: int, temperature: float) -> None:
    q, k, targets = draw(7, 4), draw(keys, 4, seed=1), soft_targets(7, keys)
    found = soft_infonce(q, k, targets, temperature, form)
    assert found.item() == pytest.approx(by_hand(q, k, targets, temperature, form), rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_the_published_form_leaves_the_true_pair_out_of_both_sums(form: str) -> None:
    """Without weight on the own partner nothing depends on it in the multi-positive form; in the other it is a key."""
    q, k = draw(6, 4), draw(6, 4, seed=1)
    targets = soft_top_k(draw(6, 6, seed=2), 2, 0.5)
    loss = soft_infonce(q[:1], k, targets[:1], 0.5, form)
    k[0] = draw(4, seed=3)
    assert torch.equal(loss, soft_infonce(q[:1], k, targets[:1], 0.5, form)) == (form == "multi_positive")


def test_with_one_positive_it_is_cross_entropy() -> None:
    q, k = draw(8, 5), draw(8, 5, seed=1)
    logits = F.normalize(q, dim=1) @ F.normalize(k, dim=1).T / 0.07
    wanted = F.cross_entropy(logits, torch.arange(8))
    eye = torch.eye(8, dtype=torch.float64)
    for form in FORMS:  # with all weight on the own partner the two forms are one
        torch.testing.assert_close(soft_infonce(q, k, eye, 0.07, form), wanted)
    both = 0.5 * (wanted + F.cross_entropy(logits.T, torch.arange(8)))
    torch.testing.assert_close(infonce(q, k, 0.07), both)


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_zeros_take_no_part(form: str) -> None:
    q, k, targets = draw(7, 4).requires_grad_(), draw(7, 4, seed=1).requires_grad_(), soft_targets(7, 7)
    targets[[2, 5]] = 0
    loss = soft_infonce(q, k, targets, 0.1, form)
    rest = [0, 1, 3, 4, 6]
    assert loss.item() == pytest.approx(by_hand(q, k, targets, 0.1, form), rel=1e-9)
    loss.backward()
    assert q.grad is not None
    assert k.grad is not None
    assert not q.grad[[2, 5]].any()
    assert q.grad[rest].abs().sum(1).min() > 0
    assert k.grad.isfinite().all()


@pytest.mark.parametrize("form", FORMS)
def test_without_any_target_the_loss_is_zero_and_pulls_at_nothing(form: str) -> None:
    q = draw(4, 3).requires_grad_()
    loss = soft_infonce(q, draw(4, 3, seed=1), torch.zeros(4, 4), 0.1, form)
    loss.backward()
    assert loss.item() == 0
    assert q.grad is not None
    assert not q.grad.any()


@pytest.mark.parametrize("form", FORMS)
def test_gradient_is_that_of_the_value(form: str) -> None:
    q, k, targets = draw(5, 3).requires_grad_(), draw(6, 3, seed=1).requires_grad_(), soft_targets(5, 6)
    targets[1] = 0
    assert torch.autograd.gradcheck(lambda a, b: soft_infonce(a, b, targets, 0.3, form), (q, k))
    square = soft_top_k(draw(5, 5, seed=3), 2, 1.0)
    assert torch.autograd.gradcheck(lambda a: soft_infonce_within(a, square, 0.3, form), (q,))


@pytest.mark.parametrize("temperature", [1e-4, 1e-3, 0.05, 1.0, 1e4])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("others", ["neighbours", "none", "identity"])
def test_extreme_temperatures_stay_finite(others: str, form: str, temperature: float) -> None:
    first, second = (draw(12, 4, seed=s).float().requires_grad_() for s in (0, 1))
    mined = soft_top_k(draw(12, 12, seed=2).float(), 3, 0.1)
    targets = {"neighbours": own_and_others(mined, 0.2), "none": torch.zeros(12, 12), "identity": torch.eye(12)}[others]
    within = {"neighbours": mined, "none": torch.zeros(12, 12), "identity": torch.zeros(12, 12)}[others]
    loss = symmetric_soft_infonce(first, second, targets, temperature, form)
    loss = loss + soft_infonce_within(first, within, temperature, form)
    gradients = torch.autograd.grad(loss, (first, second))
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_key_without_weight_is_no_positive_however_near() -> None:
    """Its weight must be nothing, not merely small: at a low temperature e^(s/τ) makes up for any number."""
    q, k = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    loss = soft_infonce(q, k, torch.tensor([[0.0, 1.0, 0.0]]), 1e-3, "multi_positive")
    assert loss.item() == pytest.approx(1000)


@pytest.mark.parametrize("form", FORMS)
def test_symmetric_is_the_mean_of_both_directions(form: str) -> None:
    first, second, targets = draw(7, 4), draw(7, 4, seed=1), soft_targets(7, 7)
    there, back = soft_infonce(first, second, targets, 0.1, form), soft_infonce(second, first, targets, 0.1, form)
    assert there != back
    torch.testing.assert_close(symmetric_soft_infonce(first, second, targets, 0.1, form), 0.5 * (there + back))


@pytest.mark.parametrize("form", FORMS)
def test_within_a_modality_a_clip_is_no_key_of_its_own(form: str) -> None:
    z, targets = draw(6, 4), soft_top_k(draw(6, 6, seed=1).abs(), 3, 1.0)
    losses = []
    for i in range(6):
        others = [j for j in range(6) if j != i]
        logits = F.cosine_similarity(z[i : i + 1], z[others]) / 0.2
        w = targets[i, others]
        if form == "cross_entropy":
            losses.append(-(w * logits.log_softmax(0)).sum())
        else:
            losses.append(-((w * logits.exp()).sum() / logits.exp().sum()).log())
    torch.testing.assert_close(soft_infonce_within(z, targets, 0.2, form), torch.stack(losses).mean())


@pytest.mark.parametrize("form", FORMS)
def test_only_directions_count(form: str) -> None:
    q, k, targets = draw(6, 4), draw(6, 4, seed=1), soft_targets(6, 6)
    scaled = soft_infonce(q * torch.arange(1.0, 7)[:, None], 100 * k, targets, 0.1, form)
    torch.testing.assert_close(scaled, soft_infonce(q, k, targets, 0.1, form))


@pytest.mark.parametrize("form", FORMS)
def test_cosines_keep_their_digits_under_autocast(form: str) -> None:
    q, k, targets = draw(6, 4).float(), draw(6, 4, seed=1).float(), soft_targets(6, 6).float()
    wanted = symmetric_soft_infonce(q, k, targets, 0.02, form)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(symmetric_soft_infonce(q, k, targets, 0.02, form), wanted)
    assert symmetric_soft_infonce(q.bfloat16(), k.bfloat16(), targets, 0.02, form).dtype == torch.float32
