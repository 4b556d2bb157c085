"""Nearest rows: the exact search against a sorted matrix, inverted lists against the exact search."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from overtone.features import neighbour_search
from overtone.features.neighbour_search import find_neighbours, fit_directions, search_rows, unit_directions


def clustered(n: int, d: int, classes: int = 6, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, d, generator=generator)
    rows = centres[torch.randint(0, classes, (n,), generator=generator)]
    return F.normalize(rows + 0.7 * torch.randn(n, d, generator=generator), dim=1)


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 1000))
def test_an_exact_search_finds_the_most_similar_others(n: int, k: int, seed: int) -> None:
    points = clustered(n, 5, seed=seed)
    found = find_neighbours(points, k)
    assert found.recall == 1
    assert found.rows.shape == (n, min(k, n - 1))
    similarity = (points @ points.T).fill_diagonal_(-torch.inf)
    wanted = similarity.sort(dim=1, descending=True).values[:, : found.rows.shape[1]]
    torch.testing.assert_close(similarity.gather(1, found.rows.long()), wanted)


@pytest.mark.parametrize("n", [600, 6000])
def test_inverted_lists_find_nearly_all(n: int) -> None:
    points = clustered(n, 24)
    exact = find_neighbours(points, 10).rows
    found = find_neighbours(points, 10, torch.Generator().manual_seed(0), exact_rows=0)
    hits = (exact[:, :, None] == found.rows[:, None, :]).any(2).float().mean().item()
    assert hits > 0.95
    assert found.recall == pytest.approx(hits, abs=0.02)
    own = torch.arange(n, dtype=torch.int32)[:, None]
    assert not (found.rows == own).any()
    again = find_neighbours(points, 10, torch.Generator().manual_seed(0), exact_rows=0)
    assert torch.equal(again.rows, found.rows)


def test_a_row_between_cells_finds_its_neighbours_in_several() -> None:
    """With noise as strong as the spread of the classes many rows lie in a cell that holds few of their neighbours."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(40, 48, generator=generator)
    centres = torch.randn(20, 40, generator=generator)[torch.randint(0, 20, (6000,), generator=generator)]
    noisy = (centres + torch.randn(6000, 40, generator=generator)) @ spread
    points = F.normalize(noisy + torch.randn(6000, 48, generator=generator), dim=1)
    assert find_neighbours(points, 10, torch.Generator().manual_seed(0), exact_rows=0).recall > 0.96
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbour_search, "_MOST_CELLS", 1)
        assert find_neighbours(points, 10, torch.Generator().manual_seed(0), exact_rows=0).recall < 0.9


@pytest.mark.parametrize("asking", [64, 2**22])
def test_rows_look_in_as_many_cells_as_their_neighbours_need(asking: int) -> None:
    """Also where not all rows look at the same time."""
    points = clustered(3000, 24, classes=60, seed=3)
    exact, recalls = find_neighbours(points, 10).rows, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbour_search, "_ASKING", asking)
        for wanted in (0.5, 0.9, 1.0):
            patch.setattr(neighbour_search, "_WANTED", wanted)
            found = find_neighbours(points, 10, torch.Generator().manual_seed(0), exact_rows=0)
            hits = (exact[:, :, None] == found.rows[:, None, :]).any(2).float().mean().item()
            assert found.recall == pytest.approx(hits, abs=0.02)
            assert found.recall >= wanted
            recalls.append(found.recall)
    assert recalls[0] < recalls[-1] == 1


@given(st.integers(2, 60), st.integers(1, 70), st.integers(0, 1000))
def test_inverted_lists_of_few_rows(n: int, k: int, seed: int) -> None:
    """Whatever there is: equal rows, rows of zeros, more neighbours asked for than there are rows."""
    points = clustered(n, 3, seed=seed)
    points[: n // 3] = points[0]
    points[n // 2 : n // 2 + 2] = 0.0
    found = find_neighbours(points, k, torch.Generator().manual_seed(seed), exact_rows=0).rows
    for row, near in enumerate(found.tolist()):
        there = [one for one in near if one >= 0]
        assert len(set(there)) == len(there) == min(k, n - 1)  # one cell holds them all
        assert row not in there


def test_directions_keep_the_cosines() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(300, 6, generator=generator) @ torch.randn(6, 40, generator=generator)
    unit = F.normalize(rows, dim=1)
    for shaped, most in ((rows, 6), (rows.view(300, 5, 8), 6), (rows, 100)):
        found = unit_directions(shaped, fit_directions(shaped, most))
        assert found.shape[1] == min(40, most)
        torch.testing.assert_close(found @ found.T, unit @ unit.T, atol=1e-4, rtol=0)


@given(st.integers(3, 40), st.integers(1, 40), st.integers(1, 50), st.integers(0, 100))
def test_rows_searched_by_blocks_are_those_of_one_product(n: int, k: int, entries: int, seed: int) -> None:
    points, k = clustered(n, 5, seed=seed), min(k, n - 1)
    asked = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[: n // 2 + 1]
    wanted = (points @ points.T).fill_diagonal_(-torch.inf)[asked].sort(dim=1, descending=True).values[:, :k]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbour_search, "_BLOCK", entries)
        found = search_rows(points, asked, k).long()
    assert not (found == asked[:, None]).any()
    assert all(len(set(row)) == k for row in found.tolist())
    torch.testing.assert_close((points[asked] @ points.T).gather(1, found), wanted)


def test_half_precision_finds_nearly_the_same() -> None:
    points = clustered(3000, 24)
    whole, half = (
        find_neighbours(some, 10, torch.Generator().manual_seed(0), exact_rows=0).rows
        for some in (points, points.half())
    )
    assert (whole[:, :, None] == half[:, None, :]).any(2).float().mean() > 0.97
