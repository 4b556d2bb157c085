"""How messages name clips: by source, key, row in the source and id, also where only some of them are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from overtone.core import InputError
from overtone.features.base import Features
from overtone.features.label_reading import Place

if TYPE_CHECKING:
    from torch import Tensor

LONGEST = 60
"""Characters of a name that a message shows."""


def name_of_row(name: str) -> str:
    """The id of a row as messages have it behind the row's number; nothing without one.

    Example:
        >>> name_of_row("clip90"), name_of_row("")
        (" (id 'clip90')", '')
    """
    return f" (id {name[:LONGEST]!r})" if name else ""


def place_clips(data: Features, modality: str) -> Place:
    """A function that says where one of the clips that have a modality is.

    Args:
        data: The clips, all of a source or some of them.
        modality: One of theirs.

    Returns:
        A function of the number of a clip among those that have the modality.

    Example:
        >>> import torch
        >>> some = Features({"image": torch.zeros(3, 64)}, ids=("a", "b", "c")).subset([2])
        >>> place_clips(some, "image")(0)
        "arrays, key 'image', row 2 (id 'c')"
    """
    there = data.has(modality).nonzero().flatten()

    def place(number: int) -> str:
        clip = int(there[number])
        row = clip if data.source_rows is None else int(data.source_rows[clip])
        name = data.ids[clip]
        return f"{data.provenance.source}, key {modality!r}, row {row}" + name_of_row("" if name == str(row) else name)

    return place


def refuse_zeros(data: Features, embeddings: Mapping[str, Tensor]) -> None:
    """Refuse embeddings of clips that are all zeros: they have no direction.

    Args:
        data: The clips.
        embeddings: Modality to (N, e) rows; those of clips that lack the modality are not looked at.

    Raises:
        InputError: Names the first such clip by its row in the source and its id.
    """
    for name, rows in embeddings.items():
        zero = (~rows[data.has(name)].flatten(1).any(dim=1)).nonzero().flatten().tolist()
        if zero:
            what = f"{place_clips(data, name)(zero[0])}: its embedding is all zeros and has no direction"
            fix = f"see overtone inspect; drop the clip, or mark it in a key 'present_{name}'"
            raise InputError(f"{what} ({len(zero)} such rows)", fix=fix)
