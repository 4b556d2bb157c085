"""What a check reports, and sentences that several checks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from overtone.core import InputError

SHOWN = 5
"""How many rows or names a message lists."""


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong with a source.

    Attributes:
        name: Of the check, for programs (``"row-counts"``).
        error: The sentence, and what :func:`overtone.features.load` raises.
        fatal: False for a warning.
    """

    name: str
    error: InputError
    fatal: bool = True


def list_some(items: Sequence[object]) -> str:
    """The first few of many, for messages.

    Example:
        >>> list_some([1, 2]), list_some(range(9))
        ('1, 2', '0, 1, 2, 3, 4, ... 9 in all')
    """
    shown = ", ".join(str(item) for item in items[:SHOWN])
    return shown if len(items) <= SHOWN else f"{shown}, ... {len(items)} in all"


def single_view_error(source: str, name: str, got: str) -> InputError:
    """The refusal of a single view ``name`` where pairs are needed."""
    return InputError(
        f"{source}: holds one view, {name!r}, but two modalities are needed here",
        got=got,
        valid="'audio' and 'visual', or any two arrays with a row per clip",
        fix="bring the other modality; `overtone diagnose` is for one view with labels, and load_views reads it",
    )
