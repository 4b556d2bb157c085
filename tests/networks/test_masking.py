"""Masks: as many entries as asked for, whole steps, and what stands in their place."""

from __future__ import annotations

import math

import pytest
import torch

from overtone.networks import MaskValue, bernoulli_mask


def uniform(n: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.rand(n, *shape, generator=generator)


@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(40,), (4, 10)])
def test_the_share_of_hidden_entries(shape: tuple[int, ...], ratio: float) -> None:
    mask = bernoulli_mask(uniform(500), shape, ratio)
    assert mask.shape == (500, *shape)
    assert mask.dtype == torch.bool
    count = mask.numel()
    assert abs(mask.sum().item() - count * ratio) <= 4 * math.sqrt(count * ratio * (1 - ratio))
    for axis in range(mask.dim()):  # no row and no column is favoured
        rest = [other for other in range(mask.dim()) if other != axis]
        each = count // mask.shape[axis]
        shares = mask.float().mean(rest)
        assert (shares - ratio).abs().max() <= 5.5 * math.sqrt(ratio * (1 - ratio) / each) + 1e-7


def test_entries_are_hidden_independently() -> None:
    mask = bernoulli_mask(uniform(4000), (6,), 0.5).float()
    correlation = torch.corrcoef(mask.T) - torch.eye(6)
    assert correlation.abs().max() < 5 / math.sqrt(4000)


def test_whole_steps_are_hidden_beside_single_entries() -> None:
    mask = bernoulli_mask(uniform(2000), (5, 8), 0.0, 0.3)
    assert torch.equal(mask.any(2), mask.all(2))
    steps = mask.all(2).float()
    assert abs(steps.mean().item() - 0.3) < 4 * math.sqrt(0.21 / steps.numel())
    both = bernoulli_mask(uniform(2000), (5, 8), 0.2, 0.3)
    assert both.float().mean().item() == pytest.approx(1 - 0.8 * 0.7, abs=0.02)


def test_a_row_without_time_has_no_steps_to_hide() -> None:
    assert not bernoulli_mask(uniform(50), (8,), 0.0, 0.9).any()


def test_the_same_numbers_give_the_same_mask() -> None:
    first, again, other = (bernoulli_mask(uniform(9, seed), (5, 8), 0.4, 0.1) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("shape", [(6, 4), (6, 3, 4)])
def test_hidden_entries_become_zero_or_what_is_learned(shape: tuple[int, ...]) -> None:
    features = torch.randn(*shape) + 5
    mask = torch.rand(*shape) < 0.5
    zero, learned = MaskValue(4), MaskValue(4, learned=True)
    assert not list(zero.parameters())
    assert torch.equal(zero(features, mask), torch.where(mask, 0.0, features))
    assert learned.value is not None
    with torch.no_grad():
        learned.value.copy_(torch.arange(4.0))
    filled = learned(features, mask)
    assert torch.equal(filled, torch.where(mask, torch.arange(4.0).expand(shape), features))
    filled.sum().backward()
    assert learned.value.grad is not None
    assert torch.equal(learned.value.grad, mask.flatten(0, -2).sum(0).float())


def test_a_ratio_may_be_a_tensor() -> None:
    assert torch.equal(bernoulli_mask(uniform(50), (8,), torch.tensor(0.25)), bernoulli_mask(uniform(50), (8,), 0.25))
