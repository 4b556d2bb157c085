"""Effective rank and distances of all pairs against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from overtone.core import InputError
from overtone.evaluation import effective_rank
from overtone.evaluation.geometry import covariance_rank, pair_distances


def test_effective_rank_counts_equal_directions() -> None:
    for rank in (1, 2, 5):
        directions = torch.linalg.qr(torch.randn(8, rank))[0]
        cross = torch.cat([directions.T, -directions.T])
        assert effective_rank(cross) == pytest.approx(rank, abs=1e-4)
    corners = np.concatenate([np.eye(4), -np.eye(4)])
    assert effective_rank(corners) == pytest.approx(4.0)


def test_effective_rank_of_what_is_no_space_is_refused() -> None:
    for wrong, message in ([[[1.0, 2.0], [np.nan, 0.0]], "rows, row 1: holds NaN"], [np.ones((0, 3)), "must be rows"]):
        with pytest.raises(InputError, match=message):
            effective_rank(wrong)


def test_effective_rank_of_nearly_equal_rows_is_zero_whatever_their_length() -> None:
    assert effective_rank(torch.ones(50, 8) / 8**0.5) == 0.0
    assert effective_rank(torch.randn(50, 8) * 1e-7 + 1.0) == 0.0
    for length in (1e-3, 1.0, 1e3):
        at = length * torch.eye(4)[0] + torch.zeros(1000, 4)
        around = torch.randn(1000, 4, generator=torch.Generator().manual_seed(0)).double() / 2  # of length 1 on average
        assert effective_rank(at + 0.9e-3 * length * around) == 0.0
        assert effective_rank(at + 1.2e-3 * length * around) > 3.9


def test_effective_rank_is_the_entropy_of_the_shares_of_variance() -> None:
    rows = torch.randn(40, 6) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.1, 0.01])
    variances = torch.linalg.svdvals((rows - rows.mean(0)).double()).square()
    shares = variances / variances.sum()
    assert effective_rank(rows) == pytest.approx(float(torch.exp(-(shares * shares.log()).sum())), rel=1e-5)


def test_effective_rank_lies_between_a_line_and_a_ball() -> None:
    assert covariance_rank(torch.diag(torch.tensor([1.0, 0, 0]).double())) == pytest.approx(1)
    assert covariance_rank(torch.eye(7).double() / 7) == pytest.approx(7)
    assert covariance_rank(torch.zeros(3, 3).double()) == 0


def test_distances_of_many_points_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    points = torch.randn(37, 5, generator=torch.Generator().manual_seed(0)).double()
    whole = pair_distances(points)
    monkeypatch.setattr("overtone.evaluation.geometry._BLOCK", 100)
    blocked = pair_distances(points)
    pairs = F.pdist(points)
    assert blocked[:3] == pytest.approx((float(pairs.mean()), float(pairs.std(correction=0)), float(pairs.min())))
    assert blocked[:3] == pytest.approx(whole[:3], abs=1e-14)
    assert blocked.pair == whole.pair
    a, b = blocked.pair
    assert float((points[a] - points[b]).norm()) == pytest.approx(blocked.smallest)
