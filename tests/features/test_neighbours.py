"""The neighbour graph: what holds for any similarities; diffusion against walks that are counted; weights of walks."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from overtone.features.neighbours import diffuse, neighbour_graph, walk_weights

seeds = st.integers(0, 10_000)
sizes = st.integers(1, 12)


def uniform(n: int, m: int, seed: int) -> Tensor:
    """Numbers in [-1, 1], a third of them from a coarse grid so that there are ties and zeros."""
    generator = torch.Generator().manual_seed(seed)
    values = 2 * torch.rand(n, m, generator=generator, dtype=torch.float64) - 1
    return torch.where(torch.rand(n, m, generator=generator) < 0.3, (2 * values).round() / 2, values)


@given(sizes, st.integers(1, 15), seeds)
def test_neighbour_graph(n: int, neighbours: int, seed: int) -> None:
    similarity = uniform(n, n, seed)
    before = similarity.clone()
    graph = neighbour_graph(similarity, neighbours)
    assert torch.equal(similarity, before)
    assert torch.equal(graph, graph.T)
    assert not graph.diagonal().any()
    assert set(graph.unique().tolist()) <= {0.0, 1.0}
    assert (graph.sum(1) >= min(neighbours, n - 1)).all()
    for row in range(n):  # an edge only where one of the two ranks the other among its best
        for column in graph[row].nonzero()[:, 0].tolist():
            ranks = [int((similarity[i].index_fill(0, torch.tensor(i), -9) > similarity[i, j]).sum())
                     for i, j in ((row, column), (column, row))]  # fmt: skip
            assert min(ranks) < neighbours


def walks(adjacency: Tensor, restart: float, steps: int) -> Tensor:
    """The sum over walks up to a length, one power at a time."""
    scale = [1 / math.sqrt(d) if d > 0 else 1.0 for d in adjacency.sum(1).tolist()]
    scale_ = torch.tensor(scale, dtype=adjacency.dtype)
    move = (1 - restart) * torch.diag(scale_) @ adjacency @ torch.diag(scale_)
    power = total = torch.eye(len(adjacency), dtype=adjacency.dtype)
    for _ in range(steps):
        power = power @ move
        total = total + power
    own = total.diagonal()
    return total / (own[:, None] * own[None, :]).sqrt()


@given(sizes, st.integers(1, 3), st.sampled_from([0.05, 0.3, 0.9]), st.sampled_from([0.1, 1.0, 7.0]), seeds)
def test_diffusion_sums_over_walks(n: int, neighbours: int, restart: float, weight: float, seed: int) -> None:
    adjacency = weight * neighbour_graph(uniform(n, n, seed), neighbours) * uniform(n, n, seed).abs()
    adjacency = adjacency + adjacency.T
    found = diffuse(adjacency, restart)
    torch.testing.assert_close(found, walks(adjacency, restart, 700), atol=1e-9, rtol=0)
    torch.testing.assert_close(found, found.T)
    torch.testing.assert_close(found.diagonal(), torch.ones(n, dtype=torch.float64))
    assert (found >= 0).all()
    assert (found <= 1 + 1e-12).all()


def test_diffusion_leaves_parts_apart_and_finds_neighbours_of_neighbours() -> None:
    path = torch.zeros(6, 6)
    for i, j in ((0, 1), (1, 2), (3, 4)):
        path[i, j] = path[j, i] = 1.0
    found = diffuse(path, 0.1)
    assert found[0, 2] > 0
    assert found[0, 1] > found[0, 2]
    assert not found[:3, 3:].any()
    torch.testing.assert_close(found[5], torch.eye(6)[5])  # whoever has no neighbour is like itself only


@given(st.integers(2, 12), st.integers(1, 5), st.sampled_from([0.03, 0.3]), seeds)
def test_weights_are_what_a_walk_exceeds_its_mean_by(n: int, edges: int, restart: float, seed: int) -> None:
    similarity = uniform(n, n, seed)
    walk = diffuse(neighbour_graph(similarity, edges), restart)
    walk = walk - torch.diag(walk.diagonal())
    excess = torch.stack([row - row.mean() for row in walk]).clamp_min(0)
    found = walk_weights(similarity, edges, restart)
    torch.testing.assert_close(found * excess.sum(1, keepdim=True), excess)
    assert not found.diagonal().any()
    assert ((found.sum(1) - 1).abs() < 1e-9).logical_or(excess.sum(1) == 0).all()
