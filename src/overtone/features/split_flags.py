"""Splits by flags of their own: ``is_train``, or ``train_mask``, ``val_mask`` and ``test_mask``, become names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Array, Column
from overtone.features.parsed_table import FALSE, TRUE, read_flags

_FLAGS = {
    "train": ("is_train", "is_training", "train_mask"),
    "val": ("is_val", "is_valid", "is_validation", "val_mask"),
    "test": ("is_test", "is_testing", "test_mask"),
}


def name_by_flags(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Keys of flags to the one column of names of splits that they make together; empty without flags to train on.

    A row with no flag tests where no flags of the test split are there, and is in no split else.

    Args:
        columns: All columns; flags have one value a row, true and false, 1 and 0, or words for these.

    Raises:
        InputError: A row is in several splits.
    """
    found = {split: next((key for key in keys if key in columns), None) for split, keys in _FLAGS.items()}
    keys = {split: key for split, key in found.items() if key is not None and _are_flags(columns[key])}
    if "train" not in keys or len({columns[key].rows for key in keys.values()}) > 1:
        return {}
    flags = np.array([read_flags(columns[key]) for key in keys.values()])
    where = " and ".join(columns[key].where for key in keys.values())
    if (twice := np.flatnonzero(flags.sum(axis=0) > 1)).size:
        raise InputError(f"{where}, row {twice[0]}: in several splits ({twice.size} such rows)", valid="one or none")
    rest = "" if "test" in keys else "test"
    names = np.where(flags.any(axis=0), np.array(list(keys))[flags.argmax(axis=0)], rest)
    column = Column([Array(names, where)])
    return dict.fromkeys(keys.values(), column)


def _are_flags(column: Column) -> bool:
    """Whether a column has one flag a row."""
    if not column.single or not all(part.numeric or part.textual for part in column.parts):
        return False
    if all(part.textual for part in column.parts):
        return {word.strip().lower() for word in column.text()} <= {*TRUE, *FALSE}
    return bool(np.isin(column.read(), (0, 1)).all())
