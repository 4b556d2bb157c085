"""Dropout from random bytes: the right share, the mean kept, nothing after training."""

from __future__ import annotations

import math

import pytest
import torch

from overtone.networks import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1001, 37), (401, 3, 31)])
def test_the_share_of_zeros_and_the_scale_of_the_rest(shape: tuple[int, ...], p: float) -> None:
    torch.manual_seed(0)
    entries = torch.ones(shape)
    dropped = Dropout(p)(entries)
    exact = round(256 * p) / 256
    share = (dropped == 0).float().mean().item()
    assert abs(share - exact) < 4 * math.sqrt(exact * (1 - exact) / entries.numel())
    assert dropped[dropped != 0].unique().tolist() == pytest.approx([1 / (1 - exact)])
    by_column = (dropped == 0).float().mean(0)
    assert (by_column - exact).abs().max() < 5.5 * math.sqrt(exact * (1 - exact) / shape[0])
    assert torch.equal(entries, torch.ones(shape))


def test_neighbouring_entries_are_independent() -> None:
    torch.manual_seed(0)
    dropped = (Dropout(0.5)(torch.ones(40_000, 9)) == 0).float()
    correlation = torch.corrcoef(dropped.T) - torch.eye(9)
    assert correlation.abs().max() < 5 / math.sqrt(40_000)


def test_the_gradient_passes_where_the_entry_did() -> None:
    torch.manual_seed(0)
    entries = torch.randn(50, 7, requires_grad=True)
    dropped = Dropout(0.5)(entries)
    dropped.sum().backward()
    assert entries.grad is not None
    torch.testing.assert_close(entries.grad * entries.detach(), dropped.detach())


def test_the_seed_decides_and_evaluation_is_the_identity() -> None:
    dropout, entries = Dropout(0.3), torch.randn(20, 5)
    torch.manual_seed(3)
    first = dropout(entries)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(entries))
    assert not torch.equal(first, dropout(entries))
    assert dropout.eval()(entries) is entries
    assert Dropout(0.0)(entries) is entries


def test_half_precision_stays_half() -> None:
    assert Dropout(0.5)(torch.ones(8, 3).bfloat16()).dtype == torch.bfloat16
