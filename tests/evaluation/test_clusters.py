"""How large shared clusters are: against a count by hand, on planted clusters, and on points without any."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.evaluation import clusters
from overtone.evaluation.clusters import cluster_size


def planted(classes: int, members: int, noise: float = 0.7, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two noisy views of so many centres in 16 dimensions, with so many rows each."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 16, generator=generator).repeat_interleave(members, dim=0)
    first, second = (centres + noise * torch.randn(len(centres), 16, generator=generator) for _ in range(2))
    return first, second


def test_agreement_is_the_share_of_common_neighbours_beyond_chance() -> None:
    first, second = planted(8, 10)
    found = cluster_size(first, second)
    nearest = []
    for view in (first.numpy(), second.numpy()):
        unit = view / np.linalg.norm(view, axis=1, keepdims=True)
        cosines = unit @ unit.T
        np.fill_diagonal(cosines, -np.inf)
        nearest.append(np.argsort(-cosines, axis=1))
    assert found.neighbours == (2, 3, 4, 6, 8, 11, 16, 23, 32)
    for size, agreement in zip(found.neighbours, found.agreement):
        shared = np.mean([len(set(a[:size]) & set(b[:size])) for a, b in zip(*nearest)]) / size
        assert agreement == pytest.approx((shared - size / 79) / (1 - size / 79), abs=1e-6)
    low, middle, high = (np.log(found.agreement[place]) for place in (0, 4, 8))
    assert found.size == 8  # the only one that 80 rows allow
    assert found.bend == pytest.approx(middle - (low + high) / 2)


@pytest.mark.parametrize(("classes", "members"), [(100, 11), (60, 20), (30, 45), (20, 90)])
def test_planted_clusters_have_their_size(classes: int, members: int) -> None:
    found = cluster_size(*planted(classes, members))
    assert members / 2 <= found.size <= 2 * members
    assert found.sure_bend > 0.2
    assert not found.is_largest


def test_points_without_clusters_have_no_small_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(1500, 6, generator=generator)
    first, second = (points + 0.5 * torch.randn(1500, 6, generator=generator) for _ in range(2))
    found = cluster_size(first, second)
    assert found.is_largest  # near half of all rows every agreement levels off
    assert found.sure_bend < 0.2
    assert cluster_size(first, torch.randn(1500, 6, generator=generator)).sure_bend == 0.0


def test_some_rows_stand_for_all_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    views = planted(100, 12)
    whole = cluster_size(*views)
    some = cluster_size(*views, queries=400)
    assert some.size == whole.size
    assert some.agreement == pytest.approx(whole.agreement, rel=0.1)
    assert some.error > 1.3 * whole.error
    monkeypatch.setattr(clusters, "_ENTRIES", 5000)
    assert cluster_size(*views) == whole


def test_sequences_are_rows_and_their_lengths_do_not_matter() -> None:
    first, second = planted(20, 12)
    scaled = first * torch.rand(len(first), 1).add(0.5)
    assert cluster_size(scaled.reshape(-1, 4, 4), second).size == cluster_size(first, second).size


@pytest.mark.parametrize(("first", "second"), [(63, 63), (100, 99)])
def test_few_rows_and_different_numbers_are_refused(first: int, second: int) -> None:
    with pytest.raises(InputError, match="rows to compare"):
        cluster_size(torch.randn(first, 3), torch.randn(second, 3))
