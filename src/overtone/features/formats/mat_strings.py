"""Text in MATLAB 7.3 files: rows of characters, and ``string`` arrays, whose text lies apart among all objects."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from overtone.features.arrays import Values

if TYPE_CHECKING:
    import h5py

_MISSING = 2**64 - 1
"""Number of characters of a string that is ``<missing>``."""


def decode_rows(characters: Values) -> Values:
    """(n,) text of (n, width) UTF-16 numbers, without the blanks that fill rows up."""
    rows = np.atleast_2d(characters).astype("<u2")
    return np.array([_decode(row).rstrip(" \0") for row in rows], dtype=str)


def read_strings(file: h5py.File, variable: Values) -> Values | None:
    """(n,) text of a ``string`` array, empty where it is ``<missing>``; None where the file does not hold it.

    The variable has the number of its object alone. The file's table of objects (``#subsystem#/MCOS``) says in which
    cell their values are: a string's are its version, its dimensions, the length of each string, and all characters.

    Args:
        file: An open file.
        variable: The values under the variable's name.
    """
    try:
        numbers = variable.ravel().tolist()
        cells = file["#subsystem#/MCOS"][()].ravel()
        words = np.frombuffer(file[cells[0]][()].astype(np.uint8).tobytes(), "<u4")
        values = file[cells[2 + _find_cell(words, numbers[2 + numbers[1]])]][()].ravel()
        dimensions = int(values[1])
        count = int(np.prod(values[2 : 2 + dimensions]))
        lengths = [0 if length == _MISSING else length for length in values[2 + dimensions :][:count].tolist()]
        characters = values[2 + dimensions + count :].astype("<u8").view("<u2")
    except (KeyError, IndexError, ValueError, TypeError, OverflowError, AttributeError):
        return None
    if len(lengths) != count or sum(lengths) > len(characters):
        return None
    ends = np.cumsum([0, *lengths]).tolist()
    return np.array([_decode(characters[start:end]) for start, end in pairwise(ends)], dtype=str)


def _find_cell(words: Values, number: int) -> int:
    """Number of the cell with the saved value of an object, by the table's numbers of 32 bits."""
    starts = [int(offset) // 4 for offset in words[2:10]]
    saved = int(words[starts[2] : starts[3]].reshape(-1, 6)[number, 3])
    at = starts[1]
    for _ in range(saved):  # a block each: how many fields, three numbers a field, an even number in all
        at += (1 + 3 * int(words[at]) + 1) // 2 * 2
    fields = words[at + 1 : at + 1 + 3 * int(words[at])].reshape(-1, 3)
    return int(next(value for _, kind, value in fields.tolist() if kind == 1))


def _decode(characters: Values) -> str:
    return characters.tobytes().decode("utf-16-le", "replace")
