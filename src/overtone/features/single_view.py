"""The refusal of a single view where pairs are needed."""

from __future__ import annotations

from dataclasses import fields

from overtone.core import InputError
from overtone.features.base import Features, PairedFeatures


def single_view_error(source: str, name: str, got: str) -> InputError:
    """The refusal of a single view ``name`` where pairs are needed."""
    return InputError(
        f"{source}: holds one view, {name!r}, but two modalities are needed here",
        got=got,
        valid="'audio' and 'visual', or any two arrays with a row per clip",
        fix="bring the other modality; `overtone embed --only` and `overtone diagnose` take one view",
    )


def require_pairs(data: Features) -> PairedFeatures:
    """The same features as pairs.

    Args:
        data: Features of two modalities.

    Returns:
        The features themselves where they are pairs already.

    Raises:
        InputError: They hold one view.
    """
    if isinstance(data, PairedFeatures):
        return data
    if len(data.modalities) == 1:
        ((name, tensor),) = data.modalities.items()
        raise single_view_error(data.provenance.source, name, str(tuple(tensor.shape)))
    return PairedFeatures(**{field.name: getattr(data, field.name) for field in fields(data)})
