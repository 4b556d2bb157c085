"""What a check reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from overtone.core import InputError

SHOWN = 5
"""How many rows or names a message lists."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a source.

    Attributes:
        name: Of the check, for programs (``"row-counts"``).
        error: The sentence, and what :func:`overtone.features.load` raises.
        fatal: False for a warning.
    """

    name: str
    error: InputError
    fatal: bool = True


def some(things: Sequence[Any]) -> str:
    """The first few of many, for messages.

    Example:
        >>> some([1, 2]), some(range(9))
        ('1, 2', '0, 1, 2, 3, 4, ... 9 in all')
    """
    shown = ", ".join(str(thing) for thing in things[:SHOWN])
    return shown if len(things) <= SHOWN else f"{shown}, ... {len(things)} in all"
