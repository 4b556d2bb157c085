"""Soft labels of a corpus's training rows: what teachers that have not seen a row say of it, and their file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import json_text, load_tensors, save_tensors

Kind = Literal["softmax", "logits", "sigmoid", "sigmoid-logits"]
"""What numbers are; those of our own teachers are probabilities: softmax or sigmoid."""

IN_SAMPLE = "in_sample_"
"""Before a modality's name: what teachers that have seen a row say of it."""


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """Class probabilities of N clips per modality, or from elsewhere also logits.

    Attributes:
        probabilities: Modality to (N, C) float32, each row from a teacher that has not seen it.
        kind: ``"softmax"``: rows sum to one; ``"sigmoid"``: classes are independent; or logits of either.
        classes: C names.
        ids: N names of the clips.
        labels: (N, C) what is annotated; a row of zeros where nothing is.
        folds: (N,) int64, the part that each row was in, from 0; −1 of rows without a label, which no teacher has seen
            and all have scored.
        in_sample: Modality to (N, C), each row from the teachers that have seen it, if any: for comparison only.
        provenance: What they depend on: data, settings, folds, versions.
        choice: The teachers' settings that were chosen on held-out rows, and by which figures.
        reliability: Per modality what :func:`reliability` says before and after calibration, out of fold and in sample.
    """

    probabilities: dict[str, Tensor]
    kind: Kind
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: Tensor
    folds: Tensor
    in_sample: dict[str, Tensor] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    reliability: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def both(self) -> tuple[Tensor, Tensor]:
        """The two modalities' probabilities, in order."""
        first, second = self.probabilities.values()
        return first, second

    def save(self, path: str | Path) -> None:
        """Write one safetensors file; names and numbers are in its header, as ``overtone graph`` reads them.

        Args:
            path: The file.
        """
        tensors = {**self.probabilities, "labels": self.labels, "folds": self.folds}
        tensors |= {IN_SAMPLE + name: part for name, part in self.in_sample.items()}
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
        """Read soft labels back.

        Args:
            path: A file that :meth:`save` wrote.

        Raises:
            InputError: There is none, or it holds something else.
        """
        tensors, header = load_tensors(path), header_of(path)
        try:
            names = header["modalities"]
            return cls(
                probabilities={name: tensors[name] for name in names},
                kind=header["kind"],
                classes=tuple(header["class_names"]),
                ids=tuple(header["ids"]),
                labels=tensors["labels"],
                folds=tensors["folds"],
                in_sample={name: tensors[IN_SAMPLE + name] for name in names if IN_SAMPLE + name in tensors},
                provenance=header["provenance"],
                choice=header["choice"],
                reliability=header["reliability"],
            )
        except KeyError as missing:
            raise InputError(
                f"{path}: not soft labels of a run",
                got=f"no {missing}",
                fix="for other files see overtone graph --soft",
            ) from None


def header_of(path: str | Path) -> dict[str, Any]:
    """The JSON values in a safetensors file's header; anything else there is left out."""
    with safe_open(str(path), "pt") as file:
        metadata = file.metadata() or {}
    found = {}
    for name, text in metadata.items():
        try:
            found[name] = json.loads(text)
        except ValueError:
            continue
    return found


def stored_soft_labels(path: Path, provenance: Mapping[str, Any]) -> SoftLabels | None:
    """Soft labels from a file; None if there is none, or they depend on something else.

    Args:
        path: The file.
        provenance: What they must depend on.

    Raises:
        InputError: The file is damaged.
    """
    if not path.exists():
        return None
    found = SoftLabels.load(path)
    return found if json_text(found.provenance) == json_text(provenance) else None


def labelled(labels: Tensor) -> Tensor:
    """(N,) bool: which rows have a label."""
    return torch.as_tensor(labels.sum(1) > 0)
