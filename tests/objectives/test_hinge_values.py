"""Values, gradients and counts of contrastive and triplet losses against their formulas written out in loops."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from overtone.objectives import MetricLoss, pairs
from overtone.objectives.pairs import distances

from .conftest import Batch, active, build, check, draw, every_batch, mean


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("reduction", ["pairs", "kinds", "active"])
@every_batch
def test_contrastive(batch: Batch, reduction: str, power: int) -> None:
    near = [(w, max(0.0, batch.apart[i][j] - 0.8) ** power) for i, j, w in batch.pairs(batch.positive)]
    far = [(w, max(0.0, 1.5 - batch.apart[i][j]) ** power) for i, j, w in batch.pairs(batch.negative)]
    over = "active" if reduction == "active" else "all"
    value = mean(near + far, over) if reduction == "pairs" else mean(near, over) + mean(far, over)
    loss = build("contrastive", pos_margin=0.8, neg_margin=1.5, power=power, reduction=reduction)
    total = sum(w for w, _ in near + far)
    alone = sum(sum(p) + sum(n) == 0 for p, n in zip(batch.positive, batch.negative))
    check(loss, batch, value, active(near) + active(far), total, alone)


def triplets(batch: Batch, margin: float, mining: str) -> tuple[list[tuple[float, float]], float]:
    """(weight, term) of the triplets that the mining takes, and the weight of all it could take."""
    found, total = [], 0.0
    for i in batch.rows:
        of_anchor = [
            (batch.positive[i][p] * batch.negative[i][n], p, n)
            for p, n in product(batch.columns, batch.columns)
            if p != n
        ]
        if mining == "batch-hard":
            p = max(batch.columns, key=lambda j: batch.positive[i][j] * (1 + batch.apart[i][j]))
            n = max(batch.columns, key=lambda j: batch.negative[i][j] * (5 - batch.apart[i][j]))
            of_anchor = [(batch.positive[i][p] * batch.negative[i][n] * (p != n), p, n)]
        total += sum(w for w, _, _ in of_anchor)
        for w, p, n in of_anchor:
            violation = batch.apart[i][p] - batch.apart[i][n] + margin
            if mining != "semi-hard" or batch.apart[i][n] > batch.apart[i][p]:
                found.append((w, max(0.0, violation)))
    return [(w, t) for w, t in found if w > 0], total


@pytest.mark.parametrize(
    ("mining", "margin"),
    [
        *((mining, margin) for mining in ("all", "batch-hard") for margin in (0.0, 0.05, 0.5, 3.0)),
        *(("semi-hard", margin) for margin in (0.05, 0.5, 3.0)),  # without a margin there are no semi-hard ones
    ],
)
@every_batch
def test_triplet(batch: Batch, mining: str, margin: float) -> None:
    terms, total = triplets(batch, margin, mining)
    out = sum(not batch.has_both(i) for i in batch.rows)
    for reduction in ("active", "all"):
        value = mean(terms, "active") if reduction == "active" else sum(w * t for w, t in terms) / total
        loss = build("triplet", margin=margin, mining=mining, reduction=reduction, distance="euclidean")
        check(loss, batch, value, active(terms), total, out)


def test_triplets_of_a_batch_counted_by_hand() -> None:
    """Points on a circle at 0°, 10°, 30° and 90°: the first and third are of one class."""
    angles = torch.tensor([0.0, 30.0, 10.0, 90.0]).deg2rad()
    z, y = torch.stack((angles.cos(), angles.sin()), 1), torch.tensor([0, 0, 1, 1])
    loss = build("triplet", margin=0.05, distance="euclidean")
    loss(z, y)
    assert loss.counts is not None
    # anchor 0°: 30° is nearer than 90°, not than 10°; 30°: the same; 10°: both others are nearer than 90°; 90°: 30° is
    assert [float(c) for c in loss.counts[:3]] == [5, 8, 0]


def test_active_share_of_triplets_falls_to_nothing_when_all_is_well() -> None:
    z, y = torch.eye(3)[torch.arange(9) % 3].requires_grad_(), torch.arange(9) % 3
    loss = build("triplet", margin=0.2)
    value = loss(z, y)
    value.backward()
    assert value.item() == 0
    assert loss.counts is not None
    assert loss.counts.active == 0
    assert loss.counts.total == 9 * 2 * 6
    assert z.grad is not None
    assert not z.grad.any()


def test_ties_without_a_margin_are_not_active() -> None:
    loss = build("triplet", margin=0.0)
    assert loss(torch.ones(8, 3), torch.arange(8) % 2).item() == 0
    assert loss.counts is not None
    assert loss.counts.active == 0


@pytest.mark.parametrize(
    "loss",
    [
        build("contrastive", power=1, reduction="active"),
        build("triplet", margin=0.3),
        build("triplet", mining="semi-hard", margin=0.3),
    ],
)
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_gradient_of_the_hinges_against_the_listed_terms(loss: MetricLoss, distance: str) -> None:
    """The sum over active terms is written as a linear form: its gradient must be that of the terms themselves."""
    loss = type(loss)(**{**dict(loss.settings), "distance": distance})
    z, y = draw(12, 5).requires_grad_(), torch.arange(12) % 3
    unit = F.normalize(z, dim=1)
    cosines = unit @ unit.T
    apart = 1 - cosines if distance == "cosine" else (2 - 2 * cosines + torch.eye(12)).sqrt()
    same = y[:, None] == y[None, :]
    own = torch.eye(12, dtype=torch.bool)
    if loss.name == "contrastive":
        near, far = apart[same & ~own].relu(), (1 - apart)[~same].relu()
        wanted = near[near > 0].mean() + far[far > 0].mean()
    else:
        triples = (same & ~own)[:, :, None] & ~same[:, None, :]
        terms = (apart[:, :, None] - apart[:, None, :] + 0.3)[triples]
        wanted = terms[(terms > 0) & ((terms < 0.3) | (loss.settings.model_dump()["mining"] == "all"))].mean()
    found = loss(z, y)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(value, z, retain_graph=True)[0] for value in (found, wanted)))


@given(st.integers(4, 14), st.integers(2, 5), st.floats(0.01, 1.5), st.integers(0, 1000), st.booleans())
def test_triplets_are_counted_as_if_they_had_been_listed(
    n: int, classes: int, margin: float, seed: int, coarse: bool
) -> None:
    z = draw(n, 3, seed=seed).float()
    z = z.round() if coarse else z  # many equal distances, and rows of zeros
    y = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed)).scatter(
        0, torch.arange(3), torch.tensor([0, 0, 1])
    )
    loss = build("triplet", margin=margin, distance="euclidean")
    found = loss(z, y)
    batch = pairs(z, y)
    apart = distances(batch.cosines(), "euclidean")
    terms = (apart[:, :, None] + margin - apart[:, None, :])[
        (batch.positive[:, :, None] * batch.negative[:, None, :]) > 0
    ]
    assert loss.counts is not None
    assert loss.counts.active == (terms > 0).sum()
    assert loss.counts.total == len(terms)
    assert found.item() == pytest.approx(
        terms.clamp_min(0).sum().item() / max(1, int((terms > 0).sum())), rel=1e-4, abs=1e-6
    )


@pytest.mark.parametrize("kind", ["euclidean", "squared", "cosine"])
def test_distances_are_those_of_the_rows(kind: str) -> None:
    a, b = F.normalize(draw(6, 4), dim=1), F.normalize(draw(5, 4, seed=1), dim=1)
    wanted = {"euclidean": torch.cdist(a, b), "squared": torch.cdist(a, b) ** 2, "cosine": 1 - a @ b.T}[kind]
    torch.testing.assert_close(distances(a @ b.T, kind), wanted)
