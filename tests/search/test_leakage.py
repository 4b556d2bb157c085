"""Near-duplicates between splits: planted ones are found, others are not, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import overtone
from overtone import api
from overtone.evaluation import Evaluation, Leakage, LeakedClip
from overtone.features import from_arrays
from overtone.report.space_words import leakage_in_words
from overtone.search import find_leakage

COPIES, NEAR = 3, 12


def corpus(seed: int, *, leaked: bool = True) -> dict[str, Any]:
    """300 training and 100 test clips in a curved space of few dimensions; some test clips are training clips again."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(400, 5))
    parts = {}
    for name, width in (("audio", 30), ("visual", 20)):
        rows = np.tanh(hidden @ random.normal(size=(5, width))) + 0.05 * random.normal(size=(400, width))
        if leaked:
            rows[300 : 300 + COPIES] = rows[:COPIES]
            near = slice(300 + COPIES, 300 + COPIES + NEAR)
            rows[near] = rows[COPIES : COPIES + NEAR] + 0.002 * random.normal(size=(NEAR, width))
        parts[name] = rows.astype(np.float32)
    return {**parts, "split": np.array(["train"] * 300 + ["test"] * 100)}


@pytest.mark.parametrize("seed", range(3))
def test_planted_near_duplicates_are_found(seed: int) -> None:
    found = find_leakage(from_arrays(corpus(seed)))
    assert found is not None
    assert found.copies == COPIES
    assert COPIES + NEAR <= found.found <= COPIES + NEAR + 2
    assert found.expected <= 0.05 * found.found + 1e-9
    assert (found.tests, found.tests_of, found.training, found.training_of) == (100, 100, 300, 300)
    assert [(clip.test, clip.train) for clip in found.clips[:3]] == [("300", "0"), ("301", "1"), ("302", "2")]
    assert all(int(clip.test) - int(clip.train) == 300 for clip in found.clips)


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_leaks_next_to_nothing_is_found(seed: int) -> None:
    found = find_leakage(from_arrays(corpus(seed, leaked=False)))
    assert found is not None
    assert (found.copies, found.found <= 1) == (0, True)


def test_without_two_splits_or_with_few_clips_nothing_is_looked_for() -> None:
    arrays = corpus(0)
    few = {**arrays, "split": np.array(["train"] * 390 + ["test"] * 10)}
    assert find_leakage(from_arrays(few)) is None
    data = from_arrays(arrays)
    assert find_leakage(replace(data, splits={"train": data.splits["train"]})) is None


def test_an_evaluation_and_an_inspection_tell_it(tmp_path) -> None:
    np.savez(tmp_path / "clips.npz", **corpus(0))
    run = overtone.train("cca", tmp_path / "clips.npz")
    found = api.evaluate(run, tmp_path / "clips.npz", bootstrap=0)
    assert found.leakage is not None
    assert found.leakage.copies == COPIES
    assert Evaluation.from_dict(found.to_dict()).leakage == found.leakage
    assert api.evaluate(run, tmp_path / "clips.npz", bootstrap=0, split="train").leakage is None
    told = api.inspect(tmp_path / "clips.npz", training=True).warnings
    assert any("near-duplicates of one of 300 training clips" in sentence for sentence in told)
    assert not any("near-duplicates" in sentence for sentence in api.inspect(tmp_path / "clips.npz").warnings)


def test_the_verdict() -> None:
    clip = LeakedClip("b", "a", 0.0)
    many = leakage_in_words(Leakage(12, 2, 0.4, 300, 300, 700, 700, (clip,)))
    assert many == (
        "Leakage: of 300 test clips 12 are near-duplicates of one of 700 training clips (2 of them copies, 0.4 "
        "expected by chance), such as 'b' of 'a'. They inflate the figures: keep what belongs together on one side "
        "(--group)."
    )
    few = leakage_in_words(Leakage(1, 0, 0.04, 300, 3000, 700, 70_000, (clip,)))
    assert "of 300 of 3,000 test clips 1 are near-duplicates of one of 700 of 70,000 training clips" in few
    assert few.endswith("They are few.")
    assert leakage_in_words(Leakage(0, 0, 0.0, 300, 300, 700, 700)).endswith(
        "Nothing leaks from one split into the other."
    )
