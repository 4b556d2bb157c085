"""Near and far walks against the dense inverse, and what holds for any graph."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from overtone.features import sparse_walks
from overtone.features.neighbour_search import find_neighbours
from overtone.features.neighbours import graph_weights, neighbour_graph
from overtone.features.sparse_graph import SparseGraph, join_neighbours
from overtone.features.sparse_spectrum import leading_eigenpairs, solve_walks
from overtone.features.sparse_walks import fit_walks

seeds = st.integers(0, 1000)


def points(n: int, classes: int = 8, noise: float = 0.8, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 16, generator=generator)
    rows = centres[torch.randint(0, classes, (n,), generator=generator)]
    return F.normalize(rows + noise * torch.randn(n, 16, generator=generator), dim=1)


def graph_of(rows: Tensor, edges: int = 10) -> SparseGraph:
    return join_neighbours(find_neighbours(rows, edges).rows[None], len(rows))


def shares(weights: Tensor) -> Tensor:
    return weights / weights.sum(1, keepdim=True).clamp_min(1e-30)


def dense(graph: SparseGraph) -> Tensor:
    return graph.matrix().to_dense()


def fit(graph: SparseGraph, restart: float = 0.03, start: Tensor | None = None, seed: int = 0):
    return fit_walks(graph, restart, start, torch.Generator().manual_seed(seed))


@given(st.integers(2, 50), st.integers(1, 12), seeds)
def test_the_graph_is_that_of_dense_similarities(n: int, edges: int, seed: int) -> None:
    rows = points(n, seed=seed)
    graph = graph_of(rows, edges)
    assert torch.equal(dense(graph), neighbour_graph(rows @ rows.T, edges))
    adjacency = dense(graph)
    scale = adjacency.sum(1).rsqrt()
    torch.testing.assert_close(dense(graph.normalise()), scale[:, None] * adjacency * scale)
    torch.testing.assert_close(graph.matrix(0.5, 0.25).to_dense(), 0.5 * adjacency + 0.25 * torch.eye(n))


def test_an_edge_weighs_as_many_as_the_ways_that_have_it() -> None:
    lists = torch.tensor([[[1], [2], [-1], [-1]], [[1], [0], [-1], [-1]]], dtype=torch.int32)
    wanted = torch.tensor([[0.0, 2.0, 0.0, 0.0], [2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0] * 4])
    assert torch.equal(dense(join_neighbours(lists, 4)), wanted)


@pytest.mark.parametrize(
    ("n", "classes", "noise", "most"),
    [(60, 4, 0.8, 0.002), (400, 8, 0.8, 0.01), (1500, 8, 0.8, 0.03), (1500, 40, 0.5, 0.02)],
)
@pytest.mark.parametrize("restart", [0.03, 0.2])
def test_targets_are_near_those_of_the_dense_inverse(n, classes, noise, most, restart) -> None:
    """Total variation between rows of targets; half of the sum of absolute differences."""
    rows = points(n, classes, noise)
    graph = graph_of(rows)
    wanted = graph_weights(dense(graph), restart)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(1))[: min(n, 256)]
    walks = fit(graph, restart)
    later = fit(graph, restart, walks.subspace(), seed=1)
    for found in (walks, later):
        apart = (found.among(chosen) - shares(wanted[chosen][:, chosen])).abs().sum(1).mean() / 2
        assert apart < most


def test_the_rest_of_the_spectrum_is_not_left_to_the_first_steps(monkeypatch) -> None:
    """With few eigenpairs the fitted coefficients matter: (1, α, α²) would leave out all longer walks."""
    monkeypatch.setattr(sparse_walks, "RANK", 8)
    rows = points(600, 30, 0.5)
    graph = graph_of(rows)
    wanted = shares(graph_weights(dense(graph), 0.03))
    everyone = torch.arange(600)
    walks = fit(graph)

    def apart(found) -> float:
        return float((found.among(everyone) - wanted).abs().sum(1).mean() / 2)

    assert apart(walks) < 0.6 * apart(replace(walks, near=torch.tensor([0.97, 0.97**2])))


@given(st.integers(3, 80), st.integers(1, 6), st.sampled_from([0.03, 0.4]), seeds)
def test_weights_are_shares_among_others(n: int, edges: int, restart: float, seed: int) -> None:
    """With rows that no walk reaches, and with batches of any size."""
    rows = points(n, seed=seed)
    lists = find_neighbours(rows, edges).rows
    lists[:2] = -1
    lists[(lists == 0) | (lists == 1)] = -1
    walks = fit(join_neighbours(lists[None], n), restart, seed=seed)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[: max(2, n // 2)]
    weights = walks.among(chosen)
    assert weights.isfinite().all()
    assert weights.min() >= 0
    assert not weights.diagonal().any()
    total = weights.sum(1)
    assert ((total - 1).abs() < 1e-5).logical_or(total == 0).all()
    turned = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed + 1))
    torch.testing.assert_close(walks.among(chosen[turned]), weights[turned][:, turned], atol=1e-5, rtol=1e-4)
    for lonely in (0, 1):
        assert not weights[chosen == lonely].gt(1e-3).any()


def test_other_numbers_of_the_rows_change_nothing() -> None:
    rows = points(500)
    turned = torch.randperm(500, generator=torch.Generator().manual_seed(3))
    first, second = fit(graph_of(rows)), fit(graph_of(rows[turned]))
    chosen = torch.arange(200)
    apart = (second.among(chosen) - first.among(turned[chosen])).abs().sum(1).mean() / 2
    assert apart < 0.01


def test_the_same_graph_gives_the_same_walks() -> None:
    graph = graph_of(points(300))
    first, second = fit(graph), fit(graph)
    for name in ("far", "signs", "near", "scale", "mean"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    rows = torch.arange(100)
    assert torch.equal(first.among(rows), second.among(rows))


def test_a_graph_without_edges_has_no_weights() -> None:
    walks = fit(join_neighbours(torch.full((1, 20, 3), -1, dtype=torch.int32), 20))
    assert not walks.among(torch.arange(8)).any()


def test_what_a_gpu_computes_without_asking_is_what_a_cpu_computes(monkeypatch) -> None:
    walks = fit(graph_of(points(900)))
    rows = torch.randperm(900, generator=torch.Generator().manual_seed(0))[:200]
    wanted = walks._near(rows)
    owners = []

    def square(values: Tensor, slots: Tensor, ends: Tensor) -> Tensor:
        owners.append(torch.searchsorted(ends, torch.arange(len(slots)), right=True).clamp_max_(len(ends) - 1))
        return sparse_walks._square_dense(values, slots, owners[-1], len(ends))

    monkeypatch.setattr(sparse_walks, "_square_sparse", square)
    torch.testing.assert_close(walks._near(rows), wanted)
    m, scale = dense(walks.graph), walks.scale
    near = walks.near[0] * m + walks.near[1] * m @ m
    torch.testing.assert_close(wanted, (scale[:, None] * near * scale)[rows][:, rows], atol=1e-5, rtol=1e-4)


def test_leading_eigenpairs_are_those_of_a_dense_solver() -> None:
    graph = graph_of(points(700, 10)).normalise()
    wanted = torch.linalg.eigvalsh(dense(graph))[-32:]
    generator = torch.Generator().manual_seed(0)
    values, vectors = leading_eigenpairs(graph, 32, generator=generator)
    again, vectors = leading_eigenpairs(graph, 32, vectors, generator)
    for found in (values, again):
        torch.testing.assert_close(found[-10:], wanted[-10:], atol=2e-3, rtol=0)
        torch.testing.assert_close(found, wanted, atol=0.1, rtol=0)  # close to each other, and of little weight
        assert (found <= wanted + 1e-4).all()
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(32), atol=1e-4, rtol=0)


@pytest.mark.parametrize("keep", [0.6, 0.97])
def test_walks_are_solved_for(keep: float) -> None:
    matrix = graph_of(points(300)).normalise().matrix()
    right = torch.randn(300, 5, generator=torch.Generator().manual_seed(0))
    wanted = torch.linalg.solve(torch.eye(300) - keep * matrix.to_dense(), right)
    torch.testing.assert_close(solve_walks(matrix, right, keep), wanted, atol=1e-3, rtol=1e-3)
