"""The shape of a space: figures against their definitions, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew

from overtone.core import InputError
from overtone.evaluation import Evaluation, evaluate, evaluate_within, hubness, modality_gap
from overtone.evaluation import space as module
from overtone.report.space_words import space_in_words

RANDOM = np.random.default_rng(0)
AUDIO, VISUAL = RANDOM.normal(size=(2, 90, 8))
LABELS = RANDOM.integers(0, 4, 90)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(3, 40), st.integers(2, 40))
def test_hubness_agrees_with_its_definition(seed: int, k: int, items: int, asking: int) -> None:
    random = np.random.default_rng(seed)
    queries, gallery = random.normal(size=(asking, 5)), random.normal(size=(items, 5))
    cosines = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    ).T
    nearest = np.argsort(-cosines, axis=1)[:, :k]
    counts = np.bincount(nearest.ravel(), minlength=items)
    found = hubness(queries, gallery, k)
    assert found.k == min(k, items)
    assert found.largest == pytest.approx(counts.max() / asking)
    assert found.never == pytest.approx((counts == 0).mean())
    assert found.skew == pytest.approx(skew(counts) if counts.std() else 0.0, abs=1e-9)


def test_a_hub_is_seen_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = RANDOM.normal(size=(200, 30))
    gallery[7] = gallery.mean(0) + 1.0
    queries = RANDOM.normal(size=(150, 30)) + 1.0
    whole = hubness(queries, gallery)
    monkeypatch.setattr(module, "_BLOCK", 1000)
    assert hubness(queries, gallery) == whole
    assert whole.largest > 0.9
    assert whole.skew > 3
    with pytest.raises(InputError, match="k starts at 1; got 0"):
        hubness(queries, gallery, 0)


def test_evaluation_describes_the_space_when_asked_and_keeps_it_as_json() -> None:
    assert evaluate(AUDIO, VISUAL, LABELS).space is None
    found = evaluate(AUDIO, VISUAL, LABELS, space=True)
    assert found.space is not None
    assert found.space.gap.to_dict() == pytest.approx(modality_gap(AUDIO, VISUAL).to_dict(), abs=1e-6)
    for name, rows in (("audio", AUDIO), ("visual", VISUAL)):
        assert found.space.alone[name] == pytest.approx(evaluate_within(rows, LABELS)["map"].mean)
    assert Evaluation.from_dict(found.to_dict()).space == found.space
    assert evaluate(AUDIO, VISUAL, space=True).space.alone == {}


def test_only_whole_pairs_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    there = np.arange(90) >= 30
    found = evaluate(AUDIO, VISUAL, LABELS, space=True, present={"audio": there}).space
    whole = evaluate(AUDIO[there], VISUAL[there], LABELS[there], space=True).space
    assert found == whole
    assert found.rows == 60
    monkeypatch.setattr(module, "_MOST_ROWS", 20)
    assert evaluate(AUDIO, VISUAL, LABELS, space=True).space.rows == 20
    assert evaluate(AUDIO[:1], VISUAL[:1], space=True).space is None


def test_a_gap_and_hubs_are_called_by_name() -> None:
    near = evaluate(AUDIO, AUDIO + 0.01, LABELS, space=True)
    said = " ".join(space_in_words(near.space, ("audio", "visual"), 0.5))
    assert "lie apart" not in said
    assert "across them it is 0.500" in said
    apart = evaluate(AUDIO + 5.0, torch.as_tensor(VISUAL) - 5.0, LABELS, space=True)
    assert "The modalities lie apart" in space_in_words(apart.space, ("audio", "visual"))[0]
