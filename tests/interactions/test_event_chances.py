"""Chances of events against the truth, and exactly in a small case."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.graphs import unmixed_scores
from overtone.interactions import event_chances
from overtone.interactions.event_calibration import EventCalibration, calibrate_events
from overtone.interactions.event_densities import density_ratio
from overtone.interactions.event_model import EventModel, Evidence


def clips(rows=1500, classes=5, faint=1.0, edge=None, seed=0):
    """Scores of clips with events of which one is annotated; class 0 may bring class 1 into the second modality."""
    random = np.random.default_rng(seed)
    happens = random.random((rows, classes)) < 0.15
    happens[np.arange(rows), random.integers(classes, size=rows)] = True
    shows = [happens & (random.random(happens.shape) < 0.9) for _ in range(2)]
    if edge:
        shows[1][:, 1] |= shows[0][:, 0] & (random.random(rows) < edge)
    either = shows[0] | shows[1]
    labels = np.zeros((rows, classes))
    kept = np.where(happens & either, random.random(happens.shape), -1.0).argmax(1)
    labels[np.arange(rows), kept] = either[np.arange(rows), kept]
    loud = np.where(labels > 0, 1.0, faint)
    scores = {
        name: 6.0 * part * loud - 3 + random.normal(size=part.shape) for name, part in zip(("audio", "visual"), shows)
    }
    return scores, labels, either, shows


def brier(chances, truth, labels):
    unknown = labels == 0
    return float(((chances.numpy() - truth) ** 2)[unknown].mean())


@pytest.mark.parametrize(("faint", "most"), [(1.0, 0.001), (0.8, 0.005), (0.65, 0.012), (0.5, 0.022)])
def test_as_many_events_are_expected_as_there_are(faint, most):
    scores, labels, either, shows = clips(faint=faint)
    found = event_chances(scores, labels, kind="sigmoid-logits")
    hidden = (either & (labels == 0)).sum()
    assert found.unannotated * len(labels) == pytest.approx(hidden, rel=0.2)
    assert brier(found.clips, either, labels) < most
    for part, truth in zip(found.modalities.values(), shows):
        assert part.sum() == pytest.approx(truth.sum(), rel=0.15)
    assert (torch.tensor(list(found.loudness.values())) < 0.9).all() == (faint < 0.8)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_events_that_most_clips_have_are_told_from_those_that_none_has(share):
    random = np.random.default_rng(1)
    labels = np.eye(6)[random.integers(6, size=600)]
    there = labels > 0
    there[:, 5] |= random.random(600) < share
    scores = {name: 4.5 * there - 2 + 0.7 * random.normal(size=there.shape) for name in ("audio", "visual")}
    found = event_chances(scores, labels, kind="sigmoid-logits").clips[:, 5]
    unknown = labels[:, 5] == 0
    assert float(found[unknown].sum()) == pytest.approx(there[unknown, 5].sum(), rel=0.05)
    assert found[unknown & ~there[:, 5]].max() < 0.5


def test_a_class_whose_scores_say_nothing_keeps_its_annotation():
    scores, labels, _, _ = clips(rows=600)
    for part in scores.values():
        part[:, 2] = -1.0
    found = event_chances(scores, labels, kind="sigmoid-logits")
    assert torch.equal(found.clips[:, 2], torch.as_tensor(labels[:, 2]).float())
    assert found.unannotated > 0


@pytest.mark.parametrize("faint", [1.0, 0.4])
def test_an_edge_finds_events_that_scores_alone_do_not(faint):
    scores, labels, either, _ = clips(edge=0.7, faint=faint)
    graph = torch.zeros(10, 10)
    graph[0, 6] = 1.0
    without, using = (event_chances(scores, labels, part, kind="sigmoid-logits") for part in (None, graph))
    truth, unknown = either[:, 1], labels[:, 1] == 0
    errors = [float(((found.clips[:, 1].numpy() - truth) ** 2)[unknown].mean()) for found in (without, using)]
    assert errors[1] < 0.8 * errors[0]
    assert (using.strengths > 0).sum() == 1
    assert without.strengths is None
    if faint == 1:
        assert using.strengths[0, 6] == pytest.approx(0.7, abs=0.1)


def confused(skew):
    """Scores of clips with one event each, none hidden: noise with a long upper tail; every other class looks a little
    like the next one, in both modalities.
    """
    random = np.random.default_rng(0)
    labels = np.eye(20)[random.integers(20, size=3000)]
    alike = np.roll(labels * (np.arange(20) % 2 == 0), 1, axis=1)
    noise = [skew * random.gamma(1.0, size=labels.shape) + 0.3 * random.normal(size=labels.shape) for _ in range(2)]
    return {name: 3.0 * labels + alike + part for name, part in zip(("audio", "visual"), noise)}, labels


@pytest.mark.parametrize(("skew", "most"), [(0.3, 0.3), (0.6, 1.0), (1.2, 1.0), (2.0, 1.0)])
def test_few_confusions_of_teachers_are_taken_for_events(skew, most):
    """A fit of normal densities alone expects 3 to 8 events a clip."""
    scores, labels = confused(skew)
    found = event_chances(scores, labels, kind="sigmoid-logits")
    assert found.unannotated < most
    assert set(found.loudness.values()) == {1.0}  # faint events would meet in both modalities


@pytest.mark.parametrize("skew", [1.2, 2.0])
def test_edges_between_confused_classes_bring_no_events(skew):
    scores, labels = confused(skew)
    graph = torch.kron(torch.ones(2, 2), torch.diag((torch.arange(19) % 2 == 0).float(), 1))
    without, using = (event_chances(scores, labels, part, kind="sigmoid-logits") for part in (None, graph))
    assert using.unannotated < 1.1 * without.unannotated


def test_edges_are_weaker_where_they_bring_more_than_scores_alone_say():
    scores, labels, *_ = clips(edge=0.7)
    unmixed = unmixed_scores(scores, labels, kind="sigmoid-logits")
    evidence = Evidence(tuple(torch.tensor(part).float() for part in unmixed.values()), torch.tensor(labels).float())
    edges = (torch.tensor([0]), torch.tensor([6]))
    free, limited, plenty = (
        EventModel(evidence, edges, (1.0, 1.0), alone=alone).fit() for alone in (None, (0.3, 0.3), (2.0, 2.0))
    )
    assert torch.equal(free.strengths, plenty.strengths)
    assert limited.strengths < 0.6 * free.strengths
    assert sum(limited.unannotated) < sum(free.unannotated)


def test_annotated_classes_are_certain_and_edges_within_a_class_are_left_out():
    scores, labels, *_ = clips(rows=300)
    graph = torch.eye(10).roll(5, 1)  # from each class to itself in the other modality
    found = event_chances(scores, labels, graph, kind="sigmoid-logits")
    assert (found.clips[labels > 0] == 1).all()
    assert (found.strengths == 0).all()
    same = event_chances(scores, labels, kind="sigmoid-logits")
    assert torch.equal(found.clips, same.clips)


def test_a_class_that_nobody_is_annotated_with_stays_out():
    scores, labels, *_ = clips(rows=400)
    labels[:, 3] = 0
    found = event_chances(scores, labels, kind="sigmoid-logits")
    assert (found.clips[:, 3] == 0).all()
    assert found.rates[3] == 0


@given(st.integers(0, 50))
@budget(deadline=None, max_examples=20)
def test_posteriors_are_those_of_counting_all_cases(seed):
    """A class that two sources may bring into the first modality: by enumeration of everything that may happen."""
    random = np.random.default_rng(seed)
    table = random.dirichlet(np.ones(4))
    strengths, sources = random.uniform(0.1, 0.9, 2), random.uniform(0.1, 0.9, 2)
    scores = [torch.tensor(random.normal(size=(1, 3))) for _ in range(2)]
    model = EventModel(
        Evidence((scores[0], scores[1]), torch.zeros(1, 3)), (torch.tensor([1, 2]), torch.tensor([0, 0]))
    )
    model.strengths = torch.tensor(strengths)
    model.itself = torch.tensor(np.tile(table[:, None], (1, 3)))
    model.shown = torch.full((4, 3), 0.25, dtype=torch.float64)
    normal = (torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    loud = (torch.ones(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    model.densities = [(normal, loud, loud)] * 2
    model.chances = torch.tensor([[0.5, *sources, 0.5, 0.5, 0.5]], dtype=torch.float64)
    model._expect()
    ratios = [
        float(density_ratio(part[:, :1], (loud[0][:1], loud[1][:1]), (normal[0][:1], normal[1][:1]))) for part in scores
    ]
    weights = np.zeros(4)  # shows nowhere, in the first, in the second, in both
    for start, *fired in product(range(4), (0, 1), (0, 1)):
        chance = table[start]
        for edge, happens in enumerate(fired):
            acts = strengths[edge] * sources[edge]
            chance *= acts if happens else 1 - acts
        shows = (start in (1, 3) or any(fired), start in (2, 3))
        weights[shows[0] + 2 * shows[1]] += chance * ratios[0] ** shows[0] * ratios[1] ** shows[1]
    posterior = weights / weights.sum()
    assert float(model.chances[0, 0]) == pytest.approx(posterior[1] + posterior[3], abs=1e-6)
    assert float(model.clips[0, 0]) == pytest.approx(1 - posterior[0], abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "graph", "said"),
    [
        ({"audio": np.zeros((4, 2))}, None, "two modalities"),
        (None, torch.zeros(3, 3), r"\(3, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(scores, graph, said):
    given_scores, labels, *_ = clips(rows=60)
    with pytest.raises(InputError, match=said):
        event_chances(
            scores or given_scores, labels if scores is None else labels[:4, :2], graph, kind="sigmoid-logits"
        )


@pytest.mark.parametrize("wrong", [2.0, -1.0, np.nan])
def test_labels_that_are_no_shares_are_refused(wrong):
    scores, labels, *_ = clips(rows=60)
    labels[7, 3] = wrong
    with pytest.raises(InputError, match="labels: row 7, column 3 is no share"):
        event_chances(scores, labels, kind="sigmoid-logits")


@budget(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 5))
def test_chances_that_are_true_shares_are_calibrated(seed, rows, classes):
    random = np.random.default_rng(seed)
    chances = torch.as_tensor(random.random((rows, classes)))
    labels = torch.as_tensor(random.random((rows, classes)) < 0.3)
    events = torch.as_tensor(random.random((rows, classes)) < 0.5) | labels
    found = calibrate_events(chances, events, labels)
    if found is None:
        assert labels.all()
        return
    p, y = chances[~labels].numpy(), events[~labels].numpy().astype(float)
    assert found.true == y.sum()
    assert found.expected == pytest.approx(p.sum())
    assert found.brier == pytest.approx(((p - y) ** 2).mean())
    assert sum(one.pairs for one in found.bins) == len(p)
    weighted = sum(one.pairs * abs(one.chance - one.share) for one in found.bins) / len(p)
    assert found.ece == pytest.approx(weighted)
    assert EventCalibration.from_dict(found.to_dict()) == found


def test_few_annotated_clips_bound_what_a_score_counts_for():
    """A clip with a high score in one modality, of a class that two clips are annotated with: 20 times 2 at most."""
    random = np.random.default_rng(0)
    labels = torch.zeros(2000, 2)
    labels[:2, 0], labels[2:, 1] = 1.0, 1.0
    scores = [0.05 * torch.as_tensor(random.normal(size=(2000, 2))).float() + labels for _ in range(2)]
    scores[0][7, 0] = 1.0
    model = EventModel(Evidence((scores[0], scores[1]), labels)).fit()
    none, one, _, both = model.itself[:, 0]
    odds = float(model.modalities[0][7, 0] / (1 - model.clips[7, 0]))
    assert odds <= 1.5 * float(40 * one + 40 * 40 * both) / float(none)
    assert model.modalities[0][7, 0] < 0.5


@pytest.mark.parametrize("silent", [False, True])
def test_a_class_that_all_annotated_clips_have_leaves_finite_chances(silent):
    """Nothing is annotated otherwise: at once, or after a class whose scores are all the same is left out."""
    random = np.random.default_rng(0)
    labels = np.zeros((60, 2))
    labels[:20, 0] = 1.0
    labels[20:40, 1] = 1.0 if silent else 0.0
    labels[:5, 1] = 1.0
    scores = {name: random.random((60, 2)).clip(0.01, 0.99) for name in ("audio", "visual")}
    if silent:
        for part in scores.values():
            part[:, 1] = 0.5
    found = event_chances(scores, labels)
    assert found.clips.isfinite().all()
    assert torch.equal(found.clips[labels > 0], torch.ones(int(labels.sum())))


@pytest.mark.parametrize("seed", range(10))
def test_two_clips_and_scores_that_are_all_the_same_have_finite_chances(seed):
    random = np.random.default_rng(seed)
    extreme = {name: np.round(random.random((2, 3))).clip(1e-7, 1 - 1e-7) for name in ("audio", "visual")}
    assert event_chances(extreme, [0, 1]).clips.isfinite().all()
    flat = {name: np.full((4, 2), 0.5) for name in ("audio", "visual")}
    found = event_chances(flat, [0, 1, 0, -1], torch.ones(4, 4))
    assert found.clips.tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    assert found.unannotated == 0.0
