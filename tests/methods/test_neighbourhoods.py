"""Neighbourhoods as HSC-MAE mines them: what is similar, how similarity becomes weights."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from overtone.methods.neighbourhoods import Mining, part_weights
from overtone.networks import CanonicalProjection


def mining(**more):
    usual = {"view": "joint", "with_features": False, "weighting": "walk", "neighbours": 3, "edges": 3, "restart": 0.05}
    return Mining(**{**usual, "temperature": 0.1, **more})


def looked_at(rows=20):
    generator = torch.Generator().manual_seed(0)
    pair = [F.normalize(torch.randn(rows, 4, generator=generator), dim=1) for _ in range(2)]
    projection = CanonicalProjection((4, 4))
    projection.fit(*pair, 0.1)
    return tuple(pair), projection


def balanced(*parts):
    """Mean of the cosines, each divided by its variance over the pairs of different rows."""
    cosines = [part @ part.T for part in parts]
    others = ~torch.eye(len(parts[0]), dtype=torch.bool)
    shares = torch.stack([1 / cosine[others].var(correction=0) for cosine in cosines])
    return sum(share * cosine for share, cosine in zip(shares / shares.sum(), cosines))


def test_similarity_of_clips():
    (first, second), _ = looked_at()
    features = torch.randn(20, 7), torch.randn(20, 13, 2)
    joint = mining().similarity((first, second), features)
    torch.testing.assert_close(joint, balanced(first, second))
    mean = F.normalize(first + second, dim=1)
    torch.testing.assert_close(mining(view="mean").similarity((first, second), features), mean @ mean.T)
    flat = [F.normalize(part.flatten(1), dim=1) for part in features]
    wanted = balanced(first, second, *flat)
    torch.testing.assert_close(mining(with_features=True).similarity((first, second), features), wanted)


def test_similarity_in_one_modality_looks_at_the_rows_that_have_it():
    (first, second), _ = looked_at()
    features = torch.randn(20, 7), torch.randn(20, 13)
    there = torch.arange(20) < 12, torch.arange(20) > 4
    found, shares = mining(with_features=True).similarities((first, second), features, there)
    assert float(shares.sum()) == pytest.approx(1.0)
    for similarity, points, rows, has in zip(found, (first, second), features, there):
        torch.testing.assert_close(similarity[has][:, has], balanced(points[has], F.normalize(rows[has], dim=1)))
        assert (similarity[~has] == -torch.inf).all()


def test_parts_of_many_directions_have_the_larger_share():
    generator = torch.Generator().manual_seed(0)
    few, many = (F.normalize(torch.randn(500, width, generator=generator), dim=1) for width in (4, 100))
    torch.testing.assert_close(part_weights([few, many]), torch.tensor([4 / 104, 100 / 104]), atol=0.01, rtol=0)


def test_parts_whose_rows_are_all_alike_have_no_share():
    told = F.normalize(torch.randn(30, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    alike, nothing = F.normalize(torch.ones(30, 5), dim=1), torch.zeros(30, 5)
    assert part_weights([alike, told, nothing]).tolist() == [0.0, 1.0, 0.0]
    assert part_weights([alike, nothing]).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("neighbours", "kept"), [(3, 3), (0.2, 4), (0.01, 1), (100, 19)])
def test_softmax_weighting_keeps_a_number_or_a_share(neighbours, kept):
    similarity = torch.rand(20, 20, generator=torch.Generator().manual_seed(0)) + 0.1
    weights = mining(weighting="softmax", neighbours=neighbours, temperature=1.0).weights(similarity)
    assert ((weights > 0).sum(1) == kept).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(20))


def test_walks_reach_neighbours_of_neighbours():
    """Two arcs of a circle: the far end of the own arc is no similar row, but walks come by."""
    angles = torch.cat([torch.linspace(0, 1.4, 15), torch.linspace(3.2, 4.6, 15)])
    points = torch.stack([angles.cos(), angles.sin()], 1)
    similarity = points @ points.T
    walked = mining(weighting="walk", edges=2, restart=0.05).weights(similarity)
    direct = mining(weighting="softmax").weights(similarity)
    assert walked[0, 7] > 0
    assert direct[0, 7] == 0
    for weights in (walked, direct):
        torch.testing.assert_close(weights.sum(1), torch.ones(30))
        assert not weights.diagonal().any()
        assert weights[:15, 15:].max() < 1e-4
        assert weights.min() >= 0


def test_neighbours_in_a_memory():
    pair, projection = looked_at()
    known = tuple(torch.cat([z[:8], z[12:]]) for z in pair)
    weights = mining().mine_among(tuple(z[:8] for z in pair), known, projection)
    assert weights.shape == (8, 16)
    assert not weights.diagonal().any()
    assert ((weights > 0).sum(1) <= 3).all()
    assert weights[:, 8:].any()
    alone = mining(weighting="softmax").mine(tuple(z[:8] for z in pair), (torch.zeros(8, 1),) * 2, projection)
    torch.testing.assert_close(mining().mine_among(*[tuple(z[:8] for z in pair)] * 2, projection), alone)


@pytest.mark.parametrize("view", ["joint", "mean"])
def test_among_known_rows_the_view_is_the_same_as_in_the_batch(view):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 4, generator=generator), torch.randn(12, 4, generator=generator)
    projection = CanonicalProjection((4, 4))
    projection.fit(*rows, 0.1)
    chosen = mining(view=view, weighting="softmax", temperature=0.05)
    torch.testing.assert_close(chosen.mine_among(rows, rows, projection), chosen.mine(rows, rows, projection))
