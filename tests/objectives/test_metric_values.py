"""Values, gradients and counts of the metric-learning losses against their formulas written out in loops."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from overtone.objectives import MetricLoss, metric_losses, pairs
from overtone.objectives.arcface import turned
from overtone.objectives.pairs import distances
from overtone.objectives.targets import relation

Matrix = list[list[float]]


def build(name: str, **settings: Any) -> MetricLoss:
    return metric_losses()[name](**settings)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Batch:
    """A batch as plain numbers: cosines, distances and weights of pairs."""

    def __init__(self, kind: str, across: bool, seed: int, n: int = 9, m: int = 7) -> None:
        self.z, gallery = draw(n, 4, seed=seed), draw(m, 4, seed=seed + 1)
        random = torch.Generator().manual_seed(seed)
        label = {
            "hard": lambda rows: torch.arange(rows) % 3,
            "uneven": lambda rows: (
                torch.randint(4, (rows,), generator=random).clamp_min(1).scatter(0, torch.tensor([0, 1]), 2)
            ),
            "several": lambda rows: torch.randint(2, (rows, 4), generator=random).double(),
            "soft": lambda rows: torch.rand(rows, 3, generator=random, dtype=torch.float64).softmax(1),
        }[kind]
        self.y = label(n)
        self.more = (gallery, label(m)) if across else ()
        others, other_labels = self.more or (self.z, self.y)
        a, b = F.normalize(self.z, dim=1), F.normalize(others, dim=1)
        related = relation(self.y, other_labels).double()
        self.rows, self.columns = range(n), range(len(others))
        self.cos: Matrix = (a @ b.T).tolist()
        self.apart: Matrix = torch.cdist(a, b).tolist()
        self.own = {(i, i) for i in self.rows} if not across else set()
        self.positive = [[0.0 if (i, j) in self.own else float(related[i, j]) for j in self.columns] for i in self.rows]
        self.negative = [
            [0.0 if (i, j) in self.own else 1 - float(related[i, j]) for j in self.columns] for i in self.rows
        ]

    def pairs(self, weights: Matrix) -> list[tuple[int, int, float]]:
        return [(i, j, weights[i][j]) for i in self.rows for j in self.columns if weights[i][j] > 0]

    def has_both(self, i: int) -> bool:
        return sum(self.positive[i]) > 0 and sum(self.negative[i]) > 0


def mean(terms: list[tuple[float, float]], reduction: str) -> float:
    """Of (weight, term) pairs, over those that are not 0 or over all."""
    counted = [(w, t) for w, t in terms if t > 0 or reduction == "all"]
    return sum(w * t for w, t in counted) / max(sum(w for w, _ in counted), 1e-300)


def active(terms: list[tuple[float, float]]) -> float:
    return sum(w for w, t in terms if t > 0)


def check(loss: MetricLoss, batch: Batch, value: float, counted: float, total: float, skipped: int) -> None:
    found = loss(batch.z, batch.y, *batch.more)
    assert found.item() == pytest.approx(value, rel=1e-6, abs=1e-9)
    assert loss.counts is not None
    assert [float(c) for c in loss.counts[:3]] == pytest.approx([counted, total, skipped], rel=1e-6, abs=1e-6)


every_batch = pytest.mark.parametrize(
    "batch",
    [
        Batch(kind, across, seed=s)
        for s, (kind, across) in enumerate(product(["hard", "uneven", "several", "soft"], [False, True]))
    ],
    ids=[
        f"{kind}-{'across' if across else 'within'}"
        for kind, across in product(["hard", "uneven", "several", "soft"], [False, True])
    ],
)
hard_batch = pytest.mark.parametrize(
    "batch", [Batch("hard", False, 1), Batch("hard", True, 2), Batch("uneven", False, 5), Batch("uneven", True, 4)]
)


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
    check(loss, batch, value, active(near) + active(far), total, 0)


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


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.5, 3.0])
@pytest.mark.parametrize("mining", ["all", "semi-hard", "batch-hard"])
@every_batch
def test_triplet(batch: Batch, mining: str, margin: float) -> None:
    if mining == "semi-hard" and margin == 0:
        pytest.skip("there are none")
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


@pytest.mark.parametrize("tuples", ["one-per-class", "every-row"])
@hard_batch
def test_n_pair(batch: Batch, tuples: str) -> None:
    m = len(batch.columns)
    partner = {
        i: min((j for j in batch.columns if batch.positive[i][j]), key=lambda j: (j - i) % m)
        for i in batch.rows
        if batch.has_both(i)
    }
    classes = [int(label) for label in batch.y]
    if tuples == "one-per-class":
        partner = {i: j for i, j in partner.items() if i == min(k for k in partner if classes[k] == classes[i])}
    terms = []
    for i, j in partner.items():
        competing = [partner[k] for k in partner if classes[k] != classes[i]]
        e = [math.exp(batch.cos[i][k] / 0.5) for k in [j, *competing]]
        terms.append(-math.log(e[0] / sum(e)))
    counted = sum(1 - math.exp(-t) > 0.5 for t in terms)
    value = sum(terms) / len(terms)
    loss = build("n-pair", tuples=tuples, temperature=0.5, active_threshold=0.5)
    check(loss, batch, value, counted, len(terms), len(batch.rows) - len(terms))


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@every_batch
def test_infonce(batch: Batch, temperature: float) -> None:
    value = weight = counted = 0.0
    for i in filter(batch.has_both, batch.rows):
        against = sum(w * math.exp(batch.cos[i][k] / temperature) for k, w in enumerate(batch.negative[i]))
        shares = [1 / (1 + against / math.exp(batch.cos[i][j] / temperature)) for j in batch.columns]
        value += sum(-w * math.log(p) for w, p in zip(batch.positive[i], shares))
        weight += sum(batch.positive[i])
        counted += sum(w * (1 - p) for w, p in zip(batch.positive[i], shares)) / sum(batch.positive[i]) > 0.6
    kept = sum(map(batch.has_both, batch.rows))
    loss = build("infonce", temperature=temperature, active_threshold=0.6)
    check(loss, batch, value / weight, counted, kept, len(batch.rows) - kept)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@every_batch
def test_scl(batch: Batch, temperature: float) -> None:
    terms, counted = [], 0
    for i in batch.rows:
        if sum(batch.positive[i]) == 0:
            continue
        e = [0.0 if (i, j) in batch.own else math.exp(batch.cos[i][j] / temperature) for j in batch.columns]
        shares = [x / sum(e) for x in e]
        logs = [w * math.log(p) for w, p in zip(batch.positive[i], shares) if w > 0]
        terms.append(-sum(logs) / sum(batch.positive[i]))
        counted += 1 - sum(w * p for w, p in zip(batch.positive[i], shares)) > 0.6
    loss = build("scl", temperature=temperature, active_threshold=0.6)
    check(loss, batch, sum(terms) / len(terms), counted, len(terms), len(batch.rows) - len(terms))


@pytest.mark.parametrize("margin", [0.0, 0.5, 2.5])
def test_arcface(margin: float) -> None:
    torch.manual_seed(0)
    loss = build("arcface", classes=3, embedding_dim=4, margin=margin, scale=4.0, active_threshold=0.3).double()
    z, y = draw(9, 4), torch.arange(9) % 3
    cosines = (F.normalize(z, dim=1) @ F.normalize(loss.centres, dim=1).T).tolist()
    terms = []
    for row, own in zip(cosines, y.tolist()):
        angle = math.acos(row[own])
        moved = math.cos(angle + margin) if angle + margin < math.pi else row[own] - margin * math.sin(margin)
        e = [math.exp(4 * (moved if k == own else c)) for k, c in enumerate(row)]
        terms.append(-math.log(e[own] / sum(e)))
    assert loss(z, y).item() == pytest.approx(sum(terms) / 9)
    assert loss.counts is not None
    assert [float(c) for c in loss.counts] == [sum(1 - math.exp(-t) > 0.3 for t in terms), 9, 0, 9]


def test_arcface_falls_as_the_angle_does_all_the_way_round() -> None:
    loss = build("arcface", classes=2, embedding_dim=2)
    loss.centres.data = torch.tensor([[1.0, 0.0], [0.0, 1e-3]])
    angles = torch.linspace(0, -math.pi, 400)  # away from both
    values = [loss(torch.stack((a.cos(), a.sin()))[None], torch.tensor([0])).item() for a in angles[:200]]
    assert all(a <= b + 1e-4 for a, b in pairwise(values))
    assert (turned(angles.cos(), 0.5).diff() < 1e-6).all()


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_ccl(kind: str) -> None:
    torch.manual_seed(0)
    loss = build("ccl", classes=3, embedding_dim=4, scale=3.0, margin=0.2, pull=0.7).double()
    z, y = draw(9, 4), torch.arange(9) % 3
    weights = F.one_hot(y, 3).double() if kind == "hard" else draw(9, 3, seed=2).softmax(1)
    unit, centres = F.normalize(z, dim=1), F.normalize(loss.centres, dim=1).detach()
    value = total = 0.0
    for row, own in zip(unit, weights.tolist()):
        cosines = (centres @ row).tolist()
        against = sum((1 - w) * math.exp(3 * c) for w, c in zip(own, cosines))
        for w, c, centre in zip(own, cosines, centres):
            e = math.exp(3 * (c - 0.2))
            value += w * (-math.log(e / (e + against)) + 0.7 * float((row - centre).square().sum()))
            total += w
    assert loss(z, y if kind == "hard" else weights).item() == pytest.approx(value / total)


def test_centres_bring_two_modalities_together() -> None:
    """The rows of a gallery are judged as those of the batch are."""
    loss = build("ccl", classes=3, embedding_dim=4)
    z, gallery, y = draw(9, 4).float(), draw(6, 4, seed=1).float(), torch.arange(9) % 3
    joined = loss(torch.cat((z, gallery)), torch.cat((y, y[:6])))
    torch.testing.assert_close(loss(z, y, gallery, y[:6]), joined)


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    loss = build("ccl", classes=3, embedding_dim=4)
    z, y = draw(9, 4).float(), F.one_hot(torch.arange(9) % 3, 3).float()
    y[[2, 5]] = 0
    rest = [0, 1, 3, 4, 6, 7, 8]
    torch.testing.assert_close(loss(z, y), loss(z[rest], y[rest]))
    loss(z, y)
    assert loss.counts is not None
    assert [float(c) for c in loss.counts[1:]] == [7, 2, 9]


def test_anchors_without_a_positive_are_left_out_and_counted() -> None:
    z, y = draw(6, 4), torch.tensor([0, 0, 1, 1, 2, 3])
    for loss in (build("infonce"), build("scl"), build("triplet"), build("triplet", mining="batch-hard")):
        loss(z, y)
        assert loss.counts is not None
        assert loss.counts.skipped == 2
        assert loss.counts.anchors == 6


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


@given(st.integers(3, 10), st.integers(0, 1000))
def test_targets_mean_what_labels_mean(n: int, seed: int) -> None:
    labels = draw(n, 3, seed=seed).softmax(1)
    targets = labels @ labels.T
    for loss in (build("contrastive"), build("triplet"), build("infonce"), build("scl")):
        z = draw(n, 4, seed=seed + 1)
        torch.testing.assert_close(loss(z, labels), loss(z, targets=targets), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ["euclidean", "squared", "cosine"])
def test_distances_are_those_of_the_rows(kind: str) -> None:
    a, b = F.normalize(draw(6, 4), dim=1), F.normalize(draw(5, 4, seed=1), dim=1)
    wanted = {"euclidean": torch.cdist(a, b), "squared": torch.cdist(a, b) ** 2, "cosine": 1 - a @ b.T}[kind]
    torch.testing.assert_close(distances(a @ b.T, kind), wanted)
