"""Values and counts of the losses with a softmax or with centres against their formulas written out in loops."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from overtone.objectives.arcface import turned

from .conftest import Batch, build, check, draw, every_batch, hard_batch


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
        paired = [p + n > 0 for p, n in zip(batch.positive[i], batch.negative[i])]
        e = [math.exp(c / temperature) if there else 0.0 for c, there in zip(batch.cos[i], paired)]
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


@given(st.integers(3, 10), st.integers(0, 1000))
def test_targets_mean_what_labels_mean(n: int, seed: int) -> None:
    labels = draw(n, 3, seed=seed).softmax(1)
    targets = labels @ labels.T
    for loss in (build("contrastive"), build("triplet"), build("infonce"), build("scl")):
        z = draw(n, 4, seed=seed + 1)
        torch.testing.assert_close(loss(z, labels), loss(z, targets=targets), rtol=1e-6, atol=1e-9)
