"""The result of an extraction: its units joined, with what is known about the clips, written as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import write_json
from overtone.features import Features, require_pairs, save
from overtone.media.availability import Availability
from overtone.media.recipes import RECORD
from overtone.media.shards import Shards
from overtone.media.units import States, Units, rows_of

CLIPS = ".clips.csv"
"""End of the name of the availability manifest beside the features."""


@dataclass(frozen=True)
class Joined:
    """Features of the clips that were there, and what is known of all.

    Attributes:
        data: The features.
        availability: Of all clips that were extracted.
        kept: For each of these whether it is in the features.
    """

    data: Features
    availability: Availability
    kept: list[bool]

    def write(self, out: Path, plan: Mapping[str, Any]) -> None:
        """Write the features, the record and the availability manifest; the features last.

        Args:
            out: The file of the features.
            plan: What was chosen, for the record.
        """
        data = self.data
        widths = {name: tensor.shape[-1] for name, tensor in data.modalities.items()}
        found = {
            "recipes": {name: {**plan["recipes"][name], "width": width} for name, width in widths.items()},
            "clips": len(data),
            "features": widths,
            "classes": data.classes,
            "splits": {name: len(rows) for name, rows in data.splits.items()},
            "notes": data.provenance.notes,
            "missing": self.availability.count_reasons(),
            "broken": self.availability.left_out(self.kept),
        }
        self.availability.write(beside(out, CLIPS), self.kept)
        write_json(beside(out, RECORD), {**plan, **found})
        save(data, out)


def join_units(units: Units, outline: Features, where: Mapping[int, Shards], *, only_pairs: bool) -> Joined:
    """Join the units of an extraction that are all done.

    Args:
        units: The units.
        outline: Ids, labels and splits of all their clips.
        where: Unit to the folder that it is in.
        only_pairs: Whether clips that lack one of two modalities are left out.

    Returns:
        The features: rows of a modality that a clip lacks are NaN. A modality that no clip has is left out.

    Raises:
        InputError: No clip is left.
    """
    states: list[States] = []
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in outline.names}
    for unit in range(len(units)):
        tensors, of_clips = where[unit].read(unit)
        states += of_clips
        for name in outline.names:
            if name in tensors:
                parts[name].append((rows_of(tensors, name), tensors[name]))
    availability = Availability(units.catalogue, outline, units.rows, states)
    there = {name: torch.tensor(availability.has(name)) for name in outline.names if parts[name]}
    catalogue = units.catalogue
    if not there:
        reason = next(iter(availability.left_out([False] * len(states)).values()))
        what = f"{catalogue.source}: not one of the {len(states)} {catalogue.what} can be decoded"
        raise InputError(what, got=f"first of all: {reason}", fix="check the files")
    every, some = torch.stack(list(there.values())).all(dim=0), torch.stack(list(there.values())).any(dim=0)
    kept = every if only_pairs else some
    if (only_pairs and len(there) < len(outline.names)) or not bool(kept.any()):
        what = f"{catalogue.source}: not one clip has both modalities"
        raise InputError(what, fix="see why in what is missing, or leave --only-pairs out")
    notes = [*outline.provenance.notes, *_describe(availability, there, kept, catalogue.what)]
    place = {row: at for at, row in enumerate(units.rows)}
    data = replace(
        outline,
        modalities={name: _fill(parts[name], place) for name in there},
        present={name: mask for name, mask in there.items() if not bool(mask.all())},
        media={name: paths for name, paths in outline.media.items() if name in there},
    ).subset(torch.nonzero(kept).flatten())
    data = replace(data, source_rows=None, provenance=replace(data.provenance, notes=tuple(notes)))
    return Joined(require_pairs(data) if len(there) == 2 else data, availability, kept.tolist())


def beside(out: Path, suffix: str) -> Path:
    """The path of a file that belongs to the result (``birds.npz`` and ``".json"``: ``birds.npz.json``)."""
    return out.with_name(out.name + suffix)


def _fill(parts: list[tuple[Tensor, Tensor]], place: Mapping[int, int]) -> Tensor:
    """(N, ...) features of all clips, NaN where there are none."""
    first = parts[0][1]
    filled = torch.full((len(place), *first.shape[1:]), float("nan"))
    for rows, features in parts:
        filled[torch.tensor([place[row] for row in rows.tolist()])] = features
    return filled


def _describe(availability: Availability, there: Mapping[str, Tensor], kept: Tensor, what: str) -> list[str]:
    """Notes on what was not there."""
    notes = []
    if lost := int((~kept).sum()):
        notes.append(f"left out {lost} {what} that cannot be decoded" if len(there) == 1 else f"left out {lost} {what}")
    for name, reasons in availability.count_reasons().items():
        total = sum(reasons.values())
        if name not in there:
            notes.append(f"no clip has {name}, so it is left out")
        elif total and len(there) > 1:
            each = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
            notes.append(f"{total} of {len(kept)} {what} without {name} ({each})")
    return notes
