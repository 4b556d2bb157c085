"""Clips to look through: their names, their media, and what they hold, scaled so that distances mean something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.documents import Document
from overtone.core.results import Record
from overtone.features import Features, PairedFeatures, Scalar, Scaler
from overtone.features.clip_records import rename_taken
from overtone.features.hashing import hash_rows
from overtone.features.presence import only_pairs
from overtone.features.scaling_choice import fit_scalers

LEAST_CLIPS = 12
"""Below this many clips no neighbourhood stands out from any other."""


@dataclass(frozen=True)
class Clip(Document):
    """A clip by name.

    Attributes:
        id: Its id.
        media: Modality to the path of its media; empty where unknown.
        metadata: Column to value, of what else is known of it.
    """

    id: str
    media: dict[str, str]
    metadata: dict[str, Scalar] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Names of its media files, without their folders; empty where unknown."""
        return ", ".join(dict.fromkeys(PurePath(path).name for path in self.media.values() if path))

    def to_record(self, own: Record) -> Record:
        """A row of a table: the id, a result's own columns, the media files, and what else is known of the clip."""
        row = {"id": self.id, **own, "file": self.file or None}
        return {**row, **rename_taken(self.metadata, row)}


def name_clips(data: Features) -> tuple[Clip, ...]:
    """The clips of features by name, with what is known of them.

    Args:
        data: Features.
    """
    return tuple(
        Clip(
            name,
            {modality: paths[row] for modality, paths in data.media.items()},
            {column: values[row] for column, values in data.metadata.items()},
        )
        for row, name in enumerate(data.ids)
    )


@dataclass(frozen=True)
class ScaledClips:
    """Clips with scaled features.

    Attributes:
        clips: N clips.
        views: Modality to (N, d) scaled rows; sequences are laid out step behind step.
        first_copy: (N,) number of the first clip with equal features; most clips' own.
    """

    clips: tuple[Clip, ...]
    views: dict[str, Tensor]
    first_copy: Tensor

    @classmethod
    def of(cls, data: Features, scalers: Mapping[str, Scaler] | None = None, only: str | None = None) -> ScaledClips:
        """Take the clips that have what is asked for.

        Args:
            data: Features of one or two modalities.
            scalers: Modality to scaler, such as a run's; None: chosen and fitted on these rows.
            only: The one modality to look at; None: all, of clips that have all.

        Raises:
            InputError: There is no such modality, or there are fewer than 12 such clips.
        """
        if only is not None and only not in data.modalities:
            raise InputError(f"{data.provenance.source}: no modality {only!r}", valid=", ".join(data.names))
        if only is not None:
            data = data.subset(data.has(only).nonzero().flatten())
        elif isinstance(data, PairedFeatures):
            data = only_pairs(data, "halves are compared clip by clip")
        if len(data) < LEAST_CLIPS:
            what = f"{data.provenance.source}: too few clips to compare"
            raise InputError(what, got=len(data), valid=f"{LEAST_CLIPS} or more")
        rows = {name: values for name, values in data.modalities.items() if only in (None, name)}
        scalers = fit_scalers("auto", rows)[0] if scalers is None else scalers
        first = _first_copies(list(rows.values()))
        # the same rows scale to the same numbers only up to rounding
        return cls(
            name_clips(data), {name: scalers[name](values).flatten(1)[first] for name, values in rows.items()}, first
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities' names, in order."""
        return tuple(self.views)

    def joined(self) -> Tensor:
        """(N, d) rows of all modalities side by side, each of unit length by itself, all together of unit length."""
        units = [torch.nn.functional.normalize(rows, dim=1) for rows in self.views.values()]
        rows: Tensor = torch.cat(units, dim=1) / len(units) ** 0.5
        return rows

    def __len__(self) -> int:
        return len(self.clips)


def _first_copies(views: list[Tensor]) -> Tensor:
    """(N,) number of the first row that is equal in all views."""
    hashes = np.stack([hash_rows(values.float().contiguous().numpy()) for values in views], axis=1)
    _, first, group = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    return torch.from_numpy(first[group.ravel()])


def select_significant(chances: Tensor, share: float) -> Tensor:
    """(N,) which clips are reported, so that those that chance explains are at most a share of them.

    Of N clips with nothing to report, N p have a chance of at most p. The largest p is taken at which that is at most
    the share of the clips reported (Benjamini & Hochberg, JRSS B 1995).

    Args:
        chances: (N,) probability of each clip's distance, or of one more extreme, where there is nothing to report.
        share: The false discovery rate.

    Example:
        >>> select_significant(torch.tensor([1e-6, 0.2, 0.02, 0.9]), 0.05).tolist()
        [True, False, True, False]
    """
    ordered = chances.sort().values
    places = torch.arange(1, len(ordered) + 1, device=chances.device)
    possible = ordered[ordered * len(ordered) / places <= share]
    chosen: Tensor = chances <= (float(possible[-1]) if len(possible) else -1.0)
    return chosen
