"""Reconstruction, distillation, learned weights, plain sums."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.objectives import metric_losses, objectives
from overtone.objectives.canonical import canonical_loss
from overtone.objectives.distillation import distillation
from overtone.objectives.reconstruction import masked_reconstruction, reconstruction_of_both
from overtone.objectives.soft_infonce import soft_infonce
from overtone.objectives.weighting import LearnedWeights, weighted_sum


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(6, 5), (6, 4, 5)])
def test_masked_reconstruction_is_the_mean_over_rows_of_the_hidden_entries(shape: tuple[int, ...]) -> None:
    guess, truth, mask = draw(*shape), draw(*shape, seed=1), draw(*shape, seed=2) > 0
    mask[3] = False
    losses = []
    for g, t, m in zip(guess, truth, mask):
        errors = [(float(a) - float(b)) ** 2 for a, b, hidden in zip(g.flatten(), t.flatten(), m.flatten()) if hidden]
        losses.append(sum(errors) / max(1, len(errors)))
    assert masked_reconstruction(guess, truth, mask, "masked").item() == pytest.approx(sum(losses) / 6, rel=1e-5)
    everywhere = masked_reconstruction(guess, truth, mask, "all")
    torch.testing.assert_close(everywhere, torch.nn.functional.mse_loss(guess, truth))


def test_masked_reconstruction_pulls_at_hidden_entries_only() -> None:
    guess, mask = draw(6, 5).requires_grad_(), draw(6, 5, seed=2) > 0
    masked_reconstruction(guess, draw(6, 5, seed=1), mask, "masked").backward()
    assert guess.grad is not None
    assert torch.equal(guess.grad != 0, mask)


def test_shares_of_a_batch_average_to_its_reconstruction() -> None:
    """However many entries each share hides: so several processes descend what one would."""
    guess, truth = draw(8, 5), draw(8, 5, seed=1)
    mask = draw(8, 5, seed=2) > torch.tensor([1.0, -1.0]).repeat_interleave(4)[:, None]
    shares = [masked_reconstruction(guess[at], truth[at], mask[at], "masked") for at in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(torch.stack(shares).mean(), masked_reconstruction(guess, truth, mask, "masked"))


def test_without_a_mask_there_is_nothing_to_reconstruct() -> None:
    guess = draw(3, 2).requires_grad_()
    loss = masked_reconstruction(guess, draw(3, 2, seed=1), torch.zeros(3, 2, dtype=torch.bool), "masked")
    loss.backward()
    assert loss.item() == 0
    assert guess.grad is not None
    assert not guess.grad.any()


def test_both_modalities_count_alike_whatever_their_widths() -> None:
    parts = [(draw(4, d), draw(4, d, seed=1), draw(4, d, seed=2) > 0) for d in (3, 30)]
    wanted = 0.5 * (masked_reconstruction(*parts[0], "masked") + masked_reconstruction(*parts[1], "masked"))
    torch.testing.assert_close(reconstruction_of_both((parts[0], parts[1]), "masked"), wanted)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / a.norm() / b.norm())


def test_distillation_of_embeddings_is_two_minus_two_cosines() -> None:
    student, teacher = draw(5, 3), draw(5, 3, seed=1)
    wanted = sum(2 - 2 * cosine(s, t) for s, t in zip(student, teacher)) / 5
    assert distillation(student, teacher, "embedding").item() == pytest.approx(wanted, rel=1e-5)
    assert distillation(student, -student, "embedding").item() == pytest.approx(4)


def test_distillation_of_similarities_compares_all_pairs_and_allows_rotations() -> None:
    student, teacher = draw(5, 3), draw(5, 4, seed=1)
    wanted = sum((cosine(student[i], student[j]) - cosine(teacher[i], teacher[j])) ** 2
                 for i in range(5) for j in range(5)) / 25  # fmt: skip
    assert distillation(student, teacher, "similarity").item() == pytest.approx(wanted, rel=1e-5)
    rotation = torch.linalg.qr(draw(3, 3, seed=2)).Q
    assert distillation(student @ rotation, student, "similarity").item() == pytest.approx(0, abs=1e-10)
    assert distillation(student @ rotation, student, "embedding").item() > 0.1


@pytest.mark.parametrize("kind", ["embedding", "similarity"])
def test_the_teacher_gets_no_gradient(kind: str) -> None:
    student, teacher = draw(5, 3).requires_grad_(), draw(5, 3, seed=1).requires_grad_()
    distillation(student, teacher, kind).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.abs().sum() > 0


def learn(terms: dict[str, Tensor], steps: int = 600) -> LearnedWeights:
    weights = LearnedWeights(dict.fromkeys(terms, 1.0))
    optimizer = torch.optim.SGD(weights.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        weights(terms).backward()
        optimizer.step()
    return weights


def test_float64_stays_float64() -> None:
    a, b = torch.randn(2, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for value in (
        distillation(a, b, "embedding"),
        distillation(a, b, "similarity"),
        masked_reconstruction(a, b, torch.ones(6, 3), "masked"),
        weighted_sum({"one": a.sum()}, {"one": 0.3}),
    ):
        assert value.dtype == torch.float64
    cosines = torch.nn.functional.cosine_similarity(a, b)
    torch.testing.assert_close(distillation(a, b, "embedding"), (2 - 2 * cosines).mean(), rtol=1e-13, atol=0)


def test_an_unknown_choice_is_named() -> None:
    z = torch.eye(3)
    for call in (
        lambda: distillation(z, z, "foo"),
        lambda: masked_reconstruction(z, z, z, "foo"),
        lambda: soft_infonce(z, z, z, 0.1, "foo"),
        lambda: canonical_loss(z, z, 0.1, "foo"),
    ):
        with pytest.raises(InputError, match="unknown .* 'foo'; valid: "):
            call()


def test_learned_weights_come_to_one_over_the_terms() -> None:
    terms = {"b": torch.tensor(4.0), "a": torch.tensor(0.05)}
    weights = learn(terms)
    found = dict(zip(weights.names, weights.log_variance.neg().exp().tolist()))
    assert found == pytest.approx({"a": 20.0, "b": 0.25}, rel=1e-3)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_term_that_is_used_up_does_not_run_away(value: float) -> None:
    weights = learn({"a": torch.tensor(value)})
    assert weights.log_variance.neg().exp().item() == pytest.approx(1000, rel=0.01)


def test_learned_weights_start_as_given_and_weigh_the_gradient() -> None:
    weights = LearnedWeights({"b": 3.0, "a": 0.5})
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(1e-5, requires_grad=True)
    weights({"a": a, "b": b, "not weighed": torch.tensor(7.0)}).backward()
    assert a.grad is not None
    assert b.grad is not None
    assert (a.grad.item(), b.grad.item()) == pytest.approx((0.5, 3.0))
    with pytest.raises(KeyError):
        weights({"a": a})


def test_weighted_sum() -> None:
    terms = {"a": torch.tensor(2.0), "b": torch.tensor(5.0).bfloat16()}
    assert weighted_sum(terms, {"a": 0.5, "b": 2.0, "c": 9.0}).item() == 11
    assert weighted_sum(terms, {"a": 0.5, "b": 2.0}).dtype == torch.float32
    with pytest.raises(InputError, match="every term .* is switched off"):
        weighted_sum({}, {"a": 1.0})


def test_every_objective_says_what_goes_in_and_what_comes_out() -> None:
    assert len(objectives) > len(metric_losses()) > 0
    for _, thing in objectives.items():
        assert (thing.__doc__ or "").strip()
        if not isinstance(thing, type):
            assert "Args:\n" in thing.__doc__
            assert "Returns:\n" in thing.__doc__
