"""Hashes of rows, by which equal rows are found without comparing all pairs."""

from __future__ import annotations

import numpy as np

from overtone.core.blocks import fill_blocks
from overtone.features.arrays import Values


def hash_rows(rows: Values) -> Values:
    """(N,) 64-bit hashes of float32 rows: equal rows have equal ones, others differ but for a chance of about 2^-32.

    The words of a row are multiplied by fixed random numbers and summed modulo 2^64.
    """
    words = rows.reshape(len(rows), -1).view(np.uint32)
    factors = np.random.PCG64(0).random_raw(words.shape[1]) | np.uint64(1)
    step = max(1, (1 << 22) // max(1, words.shape[1]))
    return fill_blocks(np.empty(len(words), np.uint64), lambda part: part @ factors, words, step)
