"""Explained scores: against the formula written out, against scores that are only unmixed, and at the edges."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

import overtone.interactions.explained_scores as explaining
from overtone.interactions import event_chances
from overtone.interactions.event_model import EventModel, Evidence
from overtone.interactions.explained_scores import explain_scores


def mixture(rows=900, classes=6, shared=1.5, seed=0, share=0.12):
    """Scores of events that move all scores, with noise that scores share; chances of 0 to 0.02 and 0.9 to 0.92."""
    random = np.random.default_rng(seed)
    events = random.random((rows, classes)) < share
    noise = random.normal(size=(rows, 3)) @ random.normal(size=(3, classes)) * shared
    mixing = 3.0 * np.eye(classes) + 0.6 * random.normal(size=(classes, classes))
    scores = events @ mixing + noise + random.normal(size=(rows, classes))
    chances = 0.9 * events + 0.02 * random.random((rows, classes))
    return events, torch.as_tensor(scores), torch.as_tensor(chances)


def written_out(s, q):
    """The formula, clip by clip and class by class."""
    rows, classes = s.shape
    pi, b = q.mean(0), s.mean(0)
    second, crossed = np.zeros((classes, classes)), np.zeros((classes, classes))
    for n in range(rows):
        second += np.outer(q[n] - pi, q[n] - pi) + np.diag(q[n] * (1 - q[n]))
        crossed += np.outer(q[n] - pi, s[n] - b)
    second, crossed = second / rows, crossed / rows
    mixing = np.linalg.inv(second + 0.01 * np.trace(second) / classes * np.eye(classes)) @ crossed
    left = (q * (1 - q)).mean(0)
    noise = np.zeros((classes, classes))
    for n in range(rows):
        beyond = s[n] - b - mixing.T @ (q[n] - pi)
        noise += (np.outer(beyond, beyond) + mixing.T @ np.diag(q[n] * (1 - q[n])) @ mixing) / rows
    inner = noise + mixing.T @ np.diag((left + pi * (1 - pi)) / 2) @ mixing
    k = np.linalg.inv(inner + 1e-3 * np.trace(inner) / classes * np.eye(classes))
    found = np.zeros((rows, classes))
    for n in range(rows):
        for c in range(classes):
            others = sum((q[n, j] - pi[j]) / 2 * mixing[j] for j in range(classes) if j != c)
            found[n, c] = mixing[c] @ k @ (s[n] - b - others) / (mixing[c] @ k @ mixing[c])
    return found


def precision(events, scores):
    return np.mean([average_precision_score(e, s) for e, s in zip(events.T, np.asarray(scores).T)])


@pytest.mark.parametrize("cells", [1 << 20, 50])
def test_explained_scores_are_those_of_the_formula(monkeypatch, cells):
    monkeypatch.setattr(explaining, "_CELLS", cells)
    _, scores, chances = mixture(rows=80, classes=4)
    found = explain_scores(scores, chances)
    assert found.dtype == torch.float32
    assert found.numpy() == pytest.approx(written_out(scores.numpy(), chances.numpy()), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_noise_that_scores_share_is_taken_away(seed):
    events, scores, chances = mixture(seed=seed)
    found = explain_scores(scores, chances)
    assert precision(events, found) > precision(events, scores) + 0.1
    there, absent = (np.mean([part[e == k].mean() for part, e in zip(found.numpy().T, events.T)]) for k in (1, 0))
    assert there - absent == pytest.approx(1.0, abs=0.25)


def test_chances_of_a_class_do_not_confirm_themselves():
    """What a clip's chance of a class is does not move its own explained score, where parameters stay."""
    _, scores, chances = mixture(rows=20_000, classes=4)
    other = chances.clone()
    other[0, 2] = 1 - other[0, 2]
    before, after = explain_scores(scores, chances)[0], explain_scores(scores, other)[0]
    assert float(after[2]) == pytest.approx(float(before[2]), abs=0.01)
    assert (after - before).abs()[[0, 1, 3]].max() > 0.01


def test_a_class_without_chances_or_without_variance_has_finite_scores():
    _, scores, chances = mixture(rows=200, classes=4)
    chances[:, 1], scores[:, 2] = 0.0, 1.0
    assert explain_scores(scores, chances).isfinite().all()


def hidden(shared, seed=0, rows=2500, classes=8):
    """Two modalities in which scores share noise; one of a clip's events is annotated."""
    random = np.random.default_rng(seed)
    events = random.random((rows, classes)) < 0.1
    events[np.arange(rows), random.integers(classes, size=rows)] = True
    labels = np.eye(classes)[np.where(events, random.random(events.shape), -1).argmax(1)]
    scores = {}
    for name in ("audio", "visual"):
        noise = random.normal(size=(rows, 2)) @ random.normal(size=(2, classes)) * shared
        scores[name] = 4.0 * events - 3 + noise + random.normal(size=events.shape)
    return events, labels, scores


@pytest.mark.parametrize("seed", range(2))
def test_event_chances_gain_by_explained_scores(monkeypatch, seed):
    events, labels, scores = hidden(2.5, seed)
    unknown = labels == 0

    def reached():
        found = event_chances(scores, labels, kind="sigmoid-logits").clips.numpy()
        return average_precision_score(events[unknown], found[unknown])

    explained = reached()
    monkeypatch.setattr(importlib.import_module("overtone.interactions.event_chances"), "_EXPLAINED_ALONE", 0)
    assert explained > reached() + 0.02


def test_a_model_that_goes_on_expects_no_more_events_than_the_one_before():
    random = np.random.default_rng(0)
    labels = torch.eye(5)[random.integers(5, size=800)]
    unmixed = [labels + 0.35 * torch.as_tensor(random.normal(size=(800, 5))).float() for _ in range(2)]
    first = EventModel(Evidence((unmixed[0], unmixed[1]), labels), given_loudness=(1.0, 1.0)).fit()
    seen_now = (torch.as_tensor(random.random((800, 5))) < 0.1).float() * (labels == 0)  # in both modalities
    evidence = Evidence((unmixed[0] + seen_now, unmixed[1] + seen_now), labels)
    after = EventModel(evidence, before=first).fit()
    assert min(EventModel(evidence).fit().unannotated) > 0.3
    assert all(late <= 1.1 * early for late, early in zip(after.unannotated, first.unannotated))
    assert after.most == first.unannotated
    assert EventModel(evidence, before=after).most == first.unannotated
