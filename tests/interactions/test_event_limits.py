"""How many unannotated events scores leave room for, against a count by hand and against clips with known events."""

import itertools
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from overtone.interactions import event_limits
from overtone.interactions.event_densities import place_unannotated
from overtone.interactions.event_limits import Damping, EventLimits

FULL = (1.0, 1.0)


def clips(rows=4000, classes=8, chance=0.1, seed=0, loud=1.0):
    """Scores of clips with an annotated event each and hidden ones that show in both modalities, nothing confused."""
    random = np.random.default_rng(seed)
    labels = np.eye(classes)[random.integers(classes, size=rows)]
    hidden = (random.random((rows, classes)) < chance) & (labels == 0)
    scores = [labels + loud * hidden + 0.1 * random.normal(size=labels.shape) for _ in range(2)]
    return tuple(torch.tensor(part, dtype=torch.float32) for part in scores), torch.tensor(labels).float(), hidden


def normals(classes):
    """Densities without an event and with an annotated one, of both modalities."""
    spread = torch.full((classes,), 0.01, dtype=torch.float64)
    return tuple([(torch.full((classes,), mean, dtype=torch.float64), spread)] * 2 for mean in (0.0, 1.0))


@pytest.mark.parametrize("loud", [1.0, 0.6])
def test_what_is_there_is_allowed_and_three_times_as_much_is_not(loud):
    scores, labels, hidden = clips(loud=loud)
    limits = EventLimits.measure(scores, labels, (loud, loud))
    absent, annotated = normals(8)
    count = torch.tensor(hidden.sum(0)).double()
    assert limits.allowed(torch.stack([count, count]), count, absent, annotated) > 1
    assert limits.allowed(3 * torch.stack([count, count]), 3 * count, absent, annotated) < 1


def test_events_of_one_modality_are_limited_by_its_scores():
    scores, labels, hidden = clips()
    limits = EventLimits.measure(scores, labels, FULL)
    absent, annotated = normals(8)
    count, none = torch.tensor(hidden.sum(0)).double(), torch.zeros(8, dtype=torch.float64)
    assert limits.allowed(torch.stack([count, none]), none, absent, annotated) > 1
    assert limits.allowed(torch.stack([none, 2 * count]), none, absent, annotated) < 1


@given(st.integers(0, 40))
@budget(deadline=None, max_examples=15)
def test_counts_are_those_of_a_loop(seed):
    random = np.random.default_rng(seed)
    rows, classes, loudness = 60, 3, (0.9, 0.7)
    labels = (random.random((rows, classes)) < 0.3).astype(float)
    scores = [random.normal(0.5, 0.4, size=labels.shape) for _ in range(2)]
    limits = EventLimits.measure(
        tuple(torch.tensor(part, dtype=torch.float64) for part in scores), torch.tensor(labels), loudness
    )
    inputs = np.column_stack([labels, np.ones(rows)])
    for number, share in enumerate((0.5, 0.75)):
        high = [(part > share * loud) & (labels == 0) for part, loud in zip(scores, loudness)]
        fitted = [
            np.clip(inputs @ np.linalg.solve(np.eye(4) + inputs.T @ inputs, inputs.T @ part), 0, 1) for part in high
        ]
        seen = expected = 0.0
        for row, column in itertools.product(range(rows), range(classes)):
            if not labels[row, column]:
                seen += float(high[0][row, column] and high[1][row, column])
                expected += fitted[0][row, column] * fitted[1][row, column]
        beyond = max(0.0, seen - expected)
        assert limits.together[number] == pytest.approx(1.5 * (beyond + 2 * np.sqrt(expected + beyond + 1)))
        for side in (0, 1):
            count = high[side].sum()
            assert limits.alone[side, number] == pytest.approx(1.5 * (count + 2 * np.sqrt(count + 1)))
    assert limits.missing.tolist() == (labels == 0).sum(0).tolist()


def test_what_comes_with_a_label_is_no_sign_of_an_event():
    """Every clip of class 0 looks like class 1, too, in both modalities, far more often together than by chance."""
    scores, labels, _ = clips(chance=0.0)
    confused = tuple(part.clone() for part in scores)
    for part in confused:
        part[:, 1] += labels[:, 0]
    plain, limits = (EventLimits.measure(part, labels, FULL) for part in (scores, confused))
    assert limits.together.max() < 0.15 * labels[:, 0].sum()
    assert (plain.together <= 3).all()


def test_blocks_change_nothing(monkeypatch):
    scores, labels, _ = clips(rows=500)
    whole = EventLimits.measure(scores, labels, FULL)
    monkeypatch.setattr(event_limits, "_CELLS", 100)
    parts = EventLimits.measure(scores, labels, FULL)
    for one, other in ((whole.alone, parts.alone), (whole.together, parts.together), (whole.missing, parts.missing)):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-3)


def test_events_without_a_sign_are_beyond_what_the_modalities_limit_together():
    """Events of either modality that meet by chance alone leave the limit of both untouched."""
    scores, labels, _ = clips(chance=0.0)
    limits = replace(EventLimits.measure(scores, labels, FULL), alone=torch.full((2, 2), torch.inf))
    absent, annotated = normals(8)
    present = torch.full((2, 8), 300.0, dtype=torch.float64)
    by_chance = present.prod(0) / limits.missing
    assert limits.allowed(present, by_chance, absent, annotated) > 1
    assert limits.allowed(present, by_chance + 100, absent, annotated) < 1


@given(st.floats(0.2, 1.0), st.floats(0.01, 0.3), st.floats(0.01, 0.3))
def test_unannotated_scores_lie_and_spread_between_absent_and_annotated_ones(loudness, narrow, wide):
    absent, annotated = (
        (torch.tensor([mean]), torch.tensor([variance])) for mean, variance in ((0.1, narrow), (1.1, wide))
    )
    mean, variance = place_unannotated(absent, annotated, loudness)
    assert mean == pytest.approx(0.1 + loudness)
    assert variance >= min(narrow, wide) - 1e-6
    assert variance <= max(narrow, wide) + 1e-6


@pytest.mark.parametrize("follows", [0.2, 0.5, 0.8, 0.95])
def test_damped_events_come_to_what_is_allowed_and_stay(follows):
    """Events follow the damping late: a share of their logarithm is carried from round to round."""
    damping, events, allowed = Damping(), 8.0, 2.0
    seen = []
    for _ in range(120):
        factor = damping.step(allowed / events)
        events = factor * events**follows * 8.0 ** (1 - follows)
        seen.append(events)
    assert seen[-1] == pytest.approx(allowed, rel=0.02)
    swings = [one > allowed for one in seen[10:]]
    assert sum(one != other for one, other in pairwise(swings)) <= 2


def test_what_is_within_the_limits_is_not_damped():
    damping = Damping()
    assert [damping.step(1.5) for _ in range(3)] == [1.0, 1.0, 1.0]
    assert damping.step(0.5) < 1
    assert 0 < damping.step(0.0) < 0.5
