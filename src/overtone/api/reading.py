"""How verbs come by their features, and what they say meanwhile."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, TypeVar

from overtone.features import Features, PairedFeatures, load, paired

F = TypeVar("F", bound=Features)

Data = str | Path | PairedFeatures
"""Features, or where :func:`overtone.load` finds them."""

log = logging.getLogger("overtone")
"""Says what was decided and what looks doubtful while data are read."""


def read(data: Data, **reading: Any) -> PairedFeatures:
    """Features as they are, or loaded, with what was decided and what looks doubtful in the log.

    Args:
        data: Features, a file, a folder or a corpus name.
        reading: What :func:`load` takes besides (``modalities``, ``view``, ``sequences``, ``seed``).

    Returns:
        Checked features.

    Raises:
        InputError: The data cannot be used, or hold a single view.
    """
    return paired(data) if isinstance(data, Features) else logged(load(data, **reading))


def logged(features: F) -> F:
    """The features themselves, with what was decided and what looks doubtful in the log."""
    for note in features.provenance.notes:
        log.info(note)
    for warning in features.provenance.warnings:
        log.warning(warning)
    return features
