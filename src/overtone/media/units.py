"""Units of an extraction: a few clips, decoded and prepared, and described by the backbones."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.workers import Made
from overtone.media.backbones import Backbone, Prepared
from overtone.media.catalogue import IMAGE, Catalogue, Source
from overtone.media.decoding import BrokenMedium, Frames, Medium, Sampling, Sound, decode_medium, find_blank
from overtone.media.decoding.images import decode
from overtone.media.parts import embed_parts, prepare_parts

_BLOCK = 1 << 20
_ROWS, _PARTS, _COUNTS = "rows ", "parts ", "counts "
"""Prefixes of the names of tensors; a modality follows."""


@dataclass(frozen=True)
class MediumState:
    """What was found out about one medium of a clip.

    Attributes:
        reason: Why it is not there; empty where it is.
        sha256: Of its file, or of its bytes; empty where there is none.
        seconds: Length of what was decoded of a video or sound.
    """

    reason: str = ""
    sha256: str = ""
    seconds: float | None = None


States: TypeAlias = dict[str, MediumState]
"""Modality to what is known of a clip's medium."""


@dataclass(frozen=True)
class Units:
    """Clips in units of a few, each made on its own: in any process, in any order, with the same result.

    Attributes:
        catalogue: The clips.
        rows: Rows of the catalogue that are extracted.
        backbones: Modality to backbone.
        size: Clips of a unit.
        sampling: Which frames of videos.
        steps: Steps of a sequence; None for one row per clip.
        strict: Whether a medium that cannot be decoded is an error.
    """

    catalogue: Catalogue
    rows: Sequence[int]
    backbones: Mapping[str, Backbone]
    size: int
    sampling: Sampling
    steps: int | None = None
    strict: bool = False

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def numbers(self, unit: int) -> Sequence[int]:
        """Rows of the catalogue of a unit's clips."""
        return [self.rows[place] for place in self.places(unit)]

    def places(self, unit: int) -> range:
        """Places of a unit's clips among all that are extracted."""
        return range(unit * self.size, min((unit + 1) * self.size, len(self.rows)))

    def prepare(self, unit: int) -> Made:
        """Decode the clips of a unit: arrays for the backbones as tensors, and the state of each medium.

        Raises:
            InputError: A medium cannot be decoded, and the extraction is strict.
        """
        started = time.perf_counter()
        tensors: dict[str, Tensor] = {}
        states: list[dict[str, Any]] = [{} for _ in self.numbers(unit)]
        for modality, backbone in self.backbones.items():
            rows, media = [], []
            for place, row in enumerate(self.numbers(unit)):
                state, prepared = self._prepare_medium(row, modality, backbone)
                states[place][modality] = asdict(state)
                if prepared is not None:
                    rows.append(row)
                    media.append(prepared)
            tensors[_ROWS + modality] = torch.tensor(rows, dtype=torch.int64)
            if media:
                tensors[_PARTS + modality] = torch.from_numpy(np.concatenate(media))
                tensors[_COUNTS + modality] = torch.tensor([len(parts) for parts in media])
        return Made(tensors, {"states": states, "decoding": time.perf_counter() - started})

    def embed(self, prepared: Made) -> Made:
        """Describe the clips of a unit: ``MODALITY`` (n, d) or (n, T, d), and ``rows MODALITY`` (n,)."""
        started = time.perf_counter()
        tensors: dict[str, Tensor] = {}
        for modality, backbone in self.backbones.items():
            tensors[_ROWS + modality] = prepared.tensors[_ROWS + modality]
            if _PARTS + modality in prepared.tensors:
                counts = prepared.tensors[_COUNTS + modality].tolist()
                media = [part.numpy() for part in torch.split(prepared.tensors[_PARTS + modality], counts)]
                tensors[modality] = embed_parts(backbone, media, sequence=self.steps is not None)
        return Made(tensors, {**prepared.values, "describing": time.perf_counter() - started})

    def _prepare_medium(self, row: int, modality: str, backbone: Backbone) -> tuple[MediumState, Prepared | None]:
        """What is known of a medium, and its parts; None where it is not there."""
        source = self.catalogue.media[modality](row)
        if source is None:
            return MediumState("none given"), None
        sha256 = ""
        try:
            sha256 = _hash_source(source)
            medium = _decode(source, backbone.takes, self.sampling, *self.catalogue.span(row))
            blank = None if modality == IMAGE else find_blank(medium)
            if blank is not None:
                return MediumState(blank, sha256, _seconds_of(medium)), None
            return MediumState("", sha256, _seconds_of(medium)), prepare_parts(backbone, medium, steps=self.steps)
        except BrokenMedium as reason:
            if self.strict:
                where = self.catalogue.place(row, modality)
                fix = "replace or remove it, or leave out what cannot be decoded: without --strict"
                raise InputError(f"{where}: cannot be decoded ({reason})", fix=fix) from None
            return MediumState(str(reason), sha256), None


def rows_of(made: Mapping[str, Tensor], modality: str) -> Tensor:
    """(n,) rows of the catalogue whose features a unit has."""
    return made[_ROWS + modality]


def _decode(source: Source, takes: str, sampling: Sampling, start: float | None, stop: float | None) -> Medium:
    if isinstance(source, Path):
        return decode_medium(source, takes, sampling, start, stop)
    return source if isinstance(source, str) else decode(source)


def _seconds_of(medium: Medium) -> float | None:
    if isinstance(medium, Sound):
        return round(medium.seconds, 3)
    return round(float(medium.times[-1]), 3) if isinstance(medium, Frames) and len(medium) > 1 else None


def _hash_source(source: Source) -> str:
    """SHA-256 (hex); empty where there is no file."""
    if isinstance(source, Path):
        try:
            found = source.stat()
            return _hash_file(source, found.st_mtime_ns, found.st_size)
        except (OSError, ValueError) as error:
            raise BrokenMedium(getattr(error, "strerror", None) or str(error)) from None
    if isinstance(source, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(source).data).hexdigest()
    return hashlib.sha256(source.encode() if isinstance(source, str) else source).hexdigest()


@lru_cache(maxsize=64)
def _hash_file(path: Path, changed: int, size: int) -> str:
    """SHA-256 of a file; that of a recording with several clips is computed once."""
    if not path.is_file():
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
