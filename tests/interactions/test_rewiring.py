"""A shuffled graph keeps what a control must keep, and nothing else."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.interactions.rewiring import rewire


def draw(seed: int, classes: int, share: float) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    size = (2 * classes, 2 * classes)
    graph = torch.rand(size, generator=random) * (torch.rand(size, generator=random) < share)
    return graph.fill_diagonal_(0.0)


def same_class(classes: int) -> torch.Tensor:
    return torch.eye(classes).repeat(2, 2) > 0


@given(st.integers(0, 1000), st.integers(2, 12), st.floats(0, 0.6))
def test_degrees_weights_and_modalities_stay(seed, classes, share):
    graph = draw(seed, classes, share)
    before = graph.clone()
    found = rewire(graph, torch.Generator().manual_seed(seed))
    assert torch.equal(graph, before)  # what was given is left alone
    for blocks in (1, 2):  # of the whole graph, and from each modality to each
        for one, other in zip(graph.chunk(blocks), found.chunk(blocks)):
            for part, moved in zip(one.chunk(blocks, 1), other.chunk(blocks, 1)):
                for way in (0, 1):
                    assert torch.equal((part > 0).sum(way), (moved > 0).sum(way))
                torch.testing.assert_close(part.sum(0), moved.sum(0))  # a weight stays with its target
                assert torch.equal(part.sort(0).values, moved.sort(0).values)
    own = same_class(classes)
    assert torch.equal(found[own], graph[own])


def test_no_edge_of_a_sparse_graph_stays_and_a_seed_decides_where_it_goes():
    graph = draw(0, 15, 0.05)
    edges = (graph > 0) & ~same_class(15)
    found = [rewire(graph, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert ((found[0] > 0) & edges).sum() == 0


def test_every_rewiring_is_as_likely():
    """Four edges a → b: of the 24 ways to permute their ends, nine leave none where it was."""
    graph = torch.zeros(16, 16)
    graph[torch.arange(4), torch.arange(12, 16)] = 1.0
    random = torch.Generator().manual_seed(0)
    ways = torch.stack([rewire(graph, random)[:4, 12:] for _ in range(135)])
    _, counts = ways.flatten(1).unique(dim=0, return_counts=True)
    assert len(counts) == 9
    assert (counts - 15).abs().max() < 15  # four standard deviations


def test_edges_with_nowhere_to_go_stay():
    alone, star, own = torch.zeros(3, 8, 8)
    alone[0, 5] = star[0, 5] = star[0, 6] = star[0, 7] = own[0, 4] = own[5, 1] = 1.0
    for graph in (alone, star, own, torch.zeros(8, 8)):
        assert torch.equal(rewire(graph), graph)
