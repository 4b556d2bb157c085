"""The currency of everything that aligns: features of exactly two modalities."""

from __future__ import annotations

from dataclasses import fields

from torch import Tensor

from overtone.core import InputError
from overtone.features.base import PER_ROW_TRUTH, Features


class PairedFeatures(Features):
    """Features of the same N clips in exactly two modalities; all else is as in :class:`Features`.

    Raises:
        InputError: Not two modalities, or a part with another number of rows.

    Example:
        >>> import torch
        >>> data = PairedFeatures({"audio": torch.zeros(3, 2), "visual": torch.zeros(3, 5)}, ids=("a", "b", "c"))
        >>> len(data), data.names, data.shapes, data.classes
        (3, ('audio', 'visual'), ((2,), (5,)), 0)
    """

    def __post_init__(self) -> None:
        if len(self.modalities) != 2:
            raise InputError("paired features have exactly two modalities", got=", ".join(self.modalities) or "none")
        super().__post_init__()

    @property
    def names(self) -> tuple[str, str]:
        """The two modalities' names, in order."""
        first, second = self.modalities
        return first, second

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shape of one row per modality: ``(d,)`` or ``(T, d)``."""
        first, second = (tuple(tensor.shape[1:]) for tensor in self.modalities.values())
        return first, second

    @property
    def events(self) -> tuple[Tensor, Tensor] | None:
        """(N, C) of all that is in the first modality and in the second, for judging only; None where not known."""
        first, second = (self.truth.get(PER_ROW_TRUTH + name) for name in self.names)
        return None if first is None or second is None else (first, second)


def paired(data: Features) -> PairedFeatures:
    """The same features as pairs.

    Args:
        data: Features of two modalities.

    Returns:
        The features themselves where they are pairs already.

    Raises:
        InputError: They hold one view.

    Example:
        >>> import torch
        >>> paired(Features({"audio": torch.zeros(1, 2), "visual": torch.zeros(1, 5)}, ids=("a",))).names
        ('audio', 'visual')
    """
    if isinstance(data, PairedFeatures):
        return data
    if len(data.modalities) == 1:
        ((name, tensor),) = data.modalities.items()
        raise one_view(data.provenance.source, name, str(tuple(tensor.shape)))
    return PairedFeatures(**{field.name: getattr(data, field.name) for field in fields(data)})


def one_view(source: str, name: str, got: str) -> InputError:
    """The refusal of a single view where pairs are needed.

    Args:
        source: What holds it.
        name: Of the view.
        got: What is there.

    Returns:
        The error, to be raised.
    """
    return InputError(
        f"{source}: holds one view, {name!r}, but two modalities are needed here",
        got=got,
        valid="'audio' and 'visual', or any two arrays with a row per clip",
        fix="bring the other modality; `overtone diagnose` is for one view with labels, and load_views reads it",
    )
