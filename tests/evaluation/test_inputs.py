"""What cannot be evaluated is refused in one sentence that says where and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.evaluation import counterpart_ranks, evaluate, evaluate_within, mean_average_precision, rank_scores

GOOD = np.random.default_rng(0).normal(size=(6, 3))
LABELS = np.array([0, 0, 1, 1, 2, 2])


def spoilt(row: int, value: float) -> np.ndarray:
    rows = GOOD.copy()
    rows[row] = value
    return rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((spoilt(4, np.nan), GOOD, LABELS), r"audio, row 4: holds NaN"),
        ((GOOD, spoilt(2, np.inf), LABELS), r"visual, row 2: holds NaN or infinity"),
        ((spoilt(3, 0.0), GOOD, LABELS), r"audio, row 3: is all zeros"),
        ((np.zeros((6, 3)), GOOD, LABELS), r"audio, row 0 \(and 5 more\)"),
        ((GOOD, GOOD[:5], LABELS), r"same clip; got 6 and 5 rows"),
        ((GOOD, GOOD[:, :2], LABELS), r"one width.*got 3 and 2"),
        ((GOOD[0], GOOD, LABELS), r"audio: embeddings must be rows"),
        ((GOOD[:0], GOOD[:0], LABELS[:0]), r"audio: embeddings must be rows; got shape \(0, 3\)"),
        ((GOOD, "x", LABELS), r"visual: not an array of numbers"),
        ((None, GOOD, LABELS), r"audio: not an array of numbers"),
        ((GOOD * 1j, GOOD, LABELS), r"real numbers"),
        ((GOOD, GOOD, LABELS[:4]), r"targets: one row of labels per clip.*4 rows; valid: 6"),
        ((GOOD, GOOD, LABELS + 0.5), r"targets, row 0: label out of range \(6 such rows\).*whole numbers"),
        ((GOOD, GOOD, np.full((6, 2), 1.5)), r"targets, row 0: label out of range \(6 such rows\).*valid: 0 to 1"),
        ((GOOD, GOOD, np.full((6, 2), np.nan)), r"targets, row 0: label out of range \(6 such rows\).*valid: 0 to 1"),
        ((GOOD, GOOD, np.zeros((6, 2, 2))), r"targets: not labels"),
    ],
)
def test_wrong_input_is_named(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recall_at": (1, 0)}, "recall_at: cutoffs start at 1"),
        ({"memory_mb": 0}, "memory_mb must be positive"),
        ({"class_names": ["a", "b"]}, r"label out of range.*0 to 1 \(there are 2 class names\)"),
        ({"bootstrap": -1}, "draws must be positive"),
        ({"bootstrap": 1.5}, "the number of draws: not a whole number; got 1.5"),
        ({"queries": 1.5}, "queries: not a whole number; got 1.5"),
        ({"recall_at": (1.5,)}, "recall_at: not a whole number; got 1.5"),
        ({"class_names": ["a", "b", "a"]}, "two classes are called 'a'"),
        ({"present": {"visual": np.full(6, np.nan)}}, r"presence of visual, row 0 \(and 5 more\): is neither true nor"),
        ({"present": {"visual": np.arange(6)}}, r"presence of visual, row 2 \(and 3 more\): is neither true nor false"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(GOOD, GOOD, LABELS, **options)


def test_what_can_only_mean_one_thing_is_taken() -> None:
    assert evaluate(GOOD, GOOD, LABELS, recall_at=5).to_dict() == evaluate(GOOD, GOOD, LABELS, recall_at=(5,)).to_dict()
    assert evaluate(GOOD, GOOD, LABELS, groups=None).to_dict() == evaluate(GOOD, GOOD, LABELS).to_dict()
    assert evaluate(GOOD, GOOD, LABELS, queries=np.int64(2)).sample == evaluate(GOOD, GOOD, queries=2).sample


@pytest.mark.filterwarnings("error")
def test_read_only_arrays_are_arrays() -> None:
    locked = GOOD.copy()
    locked.flags.writeable = False
    assert evaluate(locked, locked, LABELS).to_dict() == evaluate(GOOD, GOOD, LABELS).to_dict()


def test_names_of_modalities_are_those_given() -> None:
    with pytest.raises(InputError, match=r"^left, row 1:"):
        evaluate(spoilt(1, np.nan), GOOD, names=("left", "right"))


def test_other_doors_check_too() -> None:
    with pytest.raises(InputError, match="queries and gallery: embeddings of one width"):
        mean_average_precision(GOOD, GOOD[:, :2], LABELS, LABELS)
    with pytest.raises(InputError, match="same classes"):
        mean_average_precision(GOOD, GOOD, LABELS, np.eye(3)[LABELS])
    with pytest.raises(InputError, match="query_targets: one row per query"):
        mean_average_precision(GOOD, GOOD[:5], LABELS[:5], LABELS)
    with pytest.raises(InputError, match="same clip"):
        counterpart_ranks(GOOD, GOOD[:5])
    with pytest.raises(InputError, match="at least two clips"):
        evaluate_within(GOOD[:1], LABELS[:1])
    with pytest.raises(InputError, match="one shape"):
        rank_scores(np.zeros((1, 2)), np.zeros((1, 3)))
    with pytest.raises(InputError, match="row 0, column 1: NaN"):
        rank_scores(np.array([[0.0, np.nan]]), np.array([[True, False]]))


def test_one_bad_row_is_named_and_others_are_counted() -> None:
    one, three = (torch.ones(5, 2) * (torch.arange(5) >= bad)[:, None] for bad in (1, 3))
    with pytest.raises(InputError, match="audio, row 0: is all zeros"):
        evaluate(one, torch.ones(5, 2))
    with pytest.raises(InputError, match=r"audio, row 0 \(and 2 more\): is all zeros"):
        evaluate(three, torch.ones(5, 2))
    with pytest.raises(InputError, match=r"row 0 \(and 1 more\)"):
        evaluate(torch.ones(5, 2) * (torch.arange(5) >= 2)[:, None], torch.ones(5, 2))


def test_soft_targets_by_which_every_clip_is_relevant_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    random = np.random.default_rng(0)
    rows, soft = random.normal(size=(40, 4)), random.dirichlet(np.ones(3), 40)
    evaluate(rows, rows[::-1], soft, bootstrap=0)
    assert "targets: 100% of the pairs of clips share a class" in caplog.text
    assert "labels >= 0.5" in caplog.text
    caplog.clear()
    evaluate(rows, rows[::-1], soft >= 0.5, bootstrap=0)
    evaluate(rows, rows[::-1], soft, bootstrap=0, warn=False)
    assert not caplog.text
    evaluate_within(rows, ["a", "nan"] * 20, bootstrap=0)
    assert "'nan', which looks like a missing label" in caplog.text
