"""How verbs read their features, and what they log about them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from typing_extensions import Unpack

from overtone.api.parameters import PairReading, Param, ViewReading

if TYPE_CHECKING:
    from overtone.features import Features, Inspection, PairedFeatures

F = TypeVar("F", bound="Features")

log = logging.getLogger("overtone")


def inspect(data: Annotated[str | Path, Param("DATA")], **reading: Unpack[ViewReading]) -> Inspection:
    """Show what is in DATA and list everything that is wrong with it.

    Args:
        data: A feature file, a folder, or a built-in corpus such as split-digits.
        reading: How to read them; see :func:`overtone.features.load_views`.

    Returns:
        What was found; problems of the data are listed in it, not raised.

    Raises:
        InputError: There is no such source.
    """
    from overtone import features

    return features.inspect(data, **reading)


def read(data: str | Path | PairedFeatures, reading: PairReading) -> PairedFeatures:
    """Features as they are, or loaded; decisions and doubts are logged, a single view is refused."""
    from overtone.features import Features, load, require_pairs

    return require_pairs(data) if isinstance(data, Features) else logged(load(data, **reading))


def logged(features: F) -> F:
    """The features themselves, after what was decided and what looks doubtful was logged."""
    for note in features.provenance.notes:
        log.info(note)
    for warning in features.provenance.warnings:
        log.warning(warning)
    return features
