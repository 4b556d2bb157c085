"""Soft labels: class probabilities of training rows by teachers that have not seen them, and their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import json_text, load_tensors, read_header, save_tensors
from overtone.graphs.reading import SoftLabelFile
from overtone.graphs.soft_labels import Kind
from overtone.objectives.targets import as_targets

Json = Mapping[str, "Json"] | Sequence["Json"] | str | float | int | bool | None
Identity = Mapping[str, Json]
"""What a stored result depends on, as JSON values: equal identities mean equal results."""

_IN_SAMPLE = "in_sample_"
"""Before a modality's name: scores by teachers that have seen the row."""


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """Class probabilities of N clips per modality, or from elsewhere also logits.

    Attributes:
        probabilities: Modality to (N, C) float32, each row from a teacher that has not seen it.
        kind: ``"softmax"``: rows sum to one; ``"sigmoid"``: classes are independent; or logits of either.
        classes: C names.
        ids: N names of the clips.
        labels: Annotated labels: (N,) class codes, −1 for none, or (N, C) targets, zeros for none.
        folds: (N,) int64, the part that each row was in, from 0; −1 of rows without a label, which no teacher has seen
            and all have scored.
        in_sample: Modality to (N, C), each row from the teachers that have seen it, if any: for comparison only.
        provenance: What they depend on: data, settings, folds, versions.
        choice: The teachers' settings that were chosen on held-out rows, and by which figures.
        reliability: Per modality, figures of :func:`reliability`: uncalibrated, calibrated and in sample.
    """

    probabilities: dict[str, Tensor]
    kind: Kind
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: Tensor
    folds: Tensor
    in_sample: dict[str, Tensor] = field(default_factory=dict)
    provenance: Identity = field(default_factory=dict)
    choice: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)
    reliability: Mapping[str, Mapping[str, list[float] | Mapping[str, float]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def both(self) -> tuple[Tensor, Tensor]:
        """The two modalities' probabilities, in order."""
        first, second = self.probabilities.values()
        return first, second

    @property
    def annotated(self) -> Tensor:
        """(N, C) float32 annotated labels, made of class codes on each call: for what holds (N, C) chances anyway."""
        return as_targets(self.labels, len(self.classes)).float()

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The probabilities as arrays."""
        return {name: part.numpy() for name, part in self.probabilities.items()}

    def save(self, path: str | Path) -> None:
        """Write one safetensors file; names and numbers are in its header, as ``overtone graph`` reads them."""
        tensors = {**self.probabilities, "labels": self.labels, "folds": self.folds}
        tensors |= {_IN_SAMPLE + name: part for name, part in self.in_sample.items()}
        header = {
            "modalities": list(self.probabilities),
            "class_names": list(self.classes),
            "ids": list(self.ids),
            "kind": self.kind,
            "provenance": self.provenance,
            "choice": self.choice,
            "reliability": self.reliability,
        }
        save_tensors(path, tensors, {name: json_text(value) for name, value in header.items()})

    @classmethod
    def load(cls, path: str | Path) -> SoftLabels:
        """Read what :meth:`save` wrote; a file that is missing or holds something else is refused."""
        tensors, header = load_tensors(path), read_header(path)
        try:
            names = header["modalities"]
            return cls(
                probabilities={name: tensors[name] for name in names},
                kind=header["kind"],
                classes=tuple(header["class_names"]),
                ids=tuple(header["ids"]),
                labels=tensors["labels"],
                folds=tensors["folds"],
                in_sample={name: tensors[_IN_SAMPLE + name] for name in names if _IN_SAMPLE + name in tensors},
                provenance=header["provenance"],
                choice=header["choice"],
                reliability=header["reliability"],
            )
        except KeyError as missing:
            fix = "for other files see overtone graph --soft"
            raise InputError(f"{path}: not soft labels of a run", got=f"no {missing}", fix=fix) from None

    @classmethod
    def load_matching(cls, path: Path, provenance: Identity) -> SoftLabels | None:
        """Read soft labels back; None if there are none, or they depend on something else than ``provenance``."""
        found = cls.load(path) if path.exists() else None
        return found if found is not None and json_text(found.provenance) == json_text(provenance) else None

    @classmethod
    def from_file(cls, file: SoftLabelFile, kind: Kind, source: str | Path) -> SoftLabels:
        """Soft labels from any source, in the form that a run's own have; no fold is known.

        Args:
            file: As :func:`overtone.graphs.reading.read_soft_labels` reads it.
            kind: What the numbers are.
            source: Its name, for messages.

        Raises:
            InputError: The file has no labels, or they do not fit its classes.
        """
        parts = {name: torch.as_tensor(part) for name, part in file.parts.items()}
        rows, count = next(iter(parts.values())).shape
        return cls(
            probabilities=parts,
            kind=kind,
            classes=file.classes or tuple(f"class{number}" for number in range(count)),
            ids=file.ids,
            labels=torch.as_tensor(_fitting(file.labels, count, source)),
            folds=torch.full((rows,), -1),
        )


def _fitting(labels: NDArray[Any] | None, classes: int, source: str | Path) -> NDArray[Any]:
    """Labels that fit soft labels of so many classes: (n, C) float32, or (n,) class codes."""
    valid = f"class numbers from 0 to {classes - 1}, or (rows, {classes}) indicators, under y or labels"
    if labels is None:
        what = f"{source}: interactions are inferred from soft labels and annotated labels, and there are no labels"
        raise InputError(what, valid=valid, fix="add them, or leave --interactions out")
    if labels.ndim == 2 and labels.shape[1] == classes and labels.dtype.kind in "biuf":
        return labels.astype(np.float32)
    if labels.ndim == 1 and labels.dtype.kind in "iu" and labels.max() < classes:
        return labels.astype(np.int64)
    raise InputError(f"{source}: labels do not fit the soft labels", got=f"{labels.dtype} {labels.shape}", valid=valid)
