"""Builders of targets: what holds for any similarities."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from overtone.objectives.targets import from_labels, own_and_others, soft_top_k

seeds = st.integers(0, 10_000)
sizes = st.integers(1, 12)


def uniform(n: int, m: int, seed: int) -> Tensor:
    """Numbers in [-1, 1], a third of them from a coarse grid so that there are ties and zeros."""
    generator = torch.Generator().manual_seed(seed)
    values = 2 * torch.rand(n, m, generator=generator, dtype=torch.float64) - 1
    return torch.where(torch.rand(n, m, generator=generator) < 0.3, (2 * values).round() / 2, values)


@given(sizes, st.integers(0, 5), st.integers(1, 15), st.floats(1e-3, 10), seeds)
def test_soft_top_k(n: int, more: int, k: int, temperature: float, seed: int) -> None:
    similarity = uniform(n, n + more, seed)
    before = similarity.clone()
    weights = soft_top_k(similarity, k, temperature)
    assert torch.equal(similarity, before)
    assert weights.shape == similarity.shape
    assert not weights.diagonal().any()
    assert (weights >= 0).all()
    assert not weights[similarity <= 0].any()
    assert ((weights > 0).sum(1) <= k).all()
    for row, (total, found) in enumerate(zip(weights.sum(1).tolist(), similarity)):
        others = [x for column, x in enumerate(found.tolist()) if column != row and x > 0]
        assert total == pytest.approx(1 if others else 0)
        best = sorted(others, reverse=True)[:k]
        wanted = [math.exp((x - best[0]) / temperature) for x in best]
        kept = sorted(weights[row].tolist(), reverse=True)[: len(best)]
        assert kept == pytest.approx([w / sum(wanted) for w in wanted])


def test_soft_top_k_takes_half_precision() -> None:
    similarity = uniform(6, 6, 0).bfloat16()
    weights = soft_top_k(similarity, 2, 0.1)
    assert ((weights > 0).sum(1) <= 2).all()
    assert weights.any()
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(soft_top_k(similarity, 2, 0.1).float(), weights.float(), atol=0.01, rtol=0)


@given(sizes, st.integers(0, 5), st.floats(0, 1), seeds)
def test_own_and_others(n: int, more: int, own: float, seed: int) -> None:
    others = uniform(n, n + more, seed).clamp_min(0)
    targets = own_and_others(others, own)
    torch.testing.assert_close(targets.sum(1), torch.ones(n, dtype=torch.float64))
    assert (targets >= 0).all()
    for row in range(n):
        rest = [column for column in range(n + more) if column != row]
        total = others[row, rest].sum()
        assert targets[row, row].item() == pytest.approx(own if total > 0 else 1)
        if total > 0:
            torch.testing.assert_close(targets[row, rest], (1 - own) * others[row, rest] / total)


def test_single_labels_share_the_mass_among_their_class() -> None:
    targets = from_labels(torch.eye(3)[[0, 0, 1, 2, 0]])
    third = 1 / 3
    torch.testing.assert_close(targets[0], torch.tensor([third, third, 0, 0, third]))
    torch.testing.assert_close(targets[2:4, 2:4], torch.eye(2))


def test_several_labels_count_by_how_many_are_shared() -> None:
    targets = from_labels(torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]]))
    torch.testing.assert_close(targets[0], torch.tensor([2.0, 2, 1]) / 5)
    torch.testing.assert_close(targets[2], torch.tensor([1.0, 1, 2]) / 4)


def test_soft_labels_count_by_their_product() -> None:
    targets = from_labels(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    torch.testing.assert_close(targets, torch.tensor([[0.5, 0.5], [1 / 3, 2 / 3]]))


@pytest.mark.parametrize("own", [0.0, 0.4])
def test_a_clip_without_label_has_its_own_partner(own: float) -> None:
    targets = from_labels(torch.tensor([[0.0, 0], [1, 0], [1, 0]]), own)
    torch.testing.assert_close(targets[0], torch.tensor([1.0, 0, 0]))
    torch.testing.assert_close(targets.sum(1), torch.ones(3))
    assert targets[1, 1].item() == pytest.approx(own or 0.5)
