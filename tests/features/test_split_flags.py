"""Splits that are given by flags under other keys than ``is_test``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from overtone.core import InputError
from overtone.features import from_arrays
from overtone.graphs.reading import read_soft_labels

ROWS = 20
VIEWS = {
    "audio": np.random.default_rng(0).normal(size=(ROWS, 4)),
    "visual": np.random.default_rng(1).normal(size=(ROWS, 3)),
}
TRAIN, VAL = np.arange(ROWS) < 12, (np.arange(ROWS) >= 12) & (np.arange(ROWS) < 15)


def sizes(**flags: object) -> dict[str, int]:
    data = from_arrays({**VIEWS, **flags})
    assert not any("not used" in note for note in data.provenance.notes)
    return {name: len(rows) for name, rows in data.splits.items()}


@pytest.mark.parametrize(
    "flags", [TRAIN, TRAIN.astype(int), TRAIN.astype(float)[:, None], np.where(TRAIN, "True", "False")]
)
def test_what_does_not_train_tests(flags: np.ndarray) -> None:
    assert sizes(is_train=flags) == {"train": 12, "test": 8}
    assert sizes(train_mask=flags) == {"train": 12, "test": 8}


def test_masks_of_three_splits() -> None:
    test = np.arange(ROWS) >= 17
    assert sizes(train_mask=TRAIN, val_mask=VAL, test_mask=test) == {"train": 12, "val": 3, "test": 3}
    assert sizes(is_train=TRAIN, is_val=VAL) == {"train": 12, "val": 3, "test": 5}


def test_a_row_in_two_splits_is_refused() -> None:
    with pytest.raises(InputError, match=r"'train_mask' and .*'test_mask', row 4: in several splits \(8 such rows\)"):
        from_arrays({**VIEWS, "train_mask": TRAIN, "test_mask": np.arange(ROWS) >= 4})


def test_what_is_no_flag_is_listed() -> None:
    notes = " ".join(from_arrays({**VIEWS, "is_train": np.arange(ROWS)}).provenance.notes)
    assert "not used: 'is_train'" in notes


def test_soft_labels_are_those_of_rows_to_train_on(tmp_path: Path) -> None:
    scores = np.random.default_rng(0).random((ROWS, 3))
    np.savez(tmp_path / "soft.npz", audio=scores, visual=scores, y=np.arange(ROWS) % 3, is_train=TRAIN)
    assert read_soft_labels(tmp_path / "soft.npz", ("audio", "visual")).rows == tuple(range(12))
