"""A run that begins: what is known to those who infer targets for it, and what ``run.json`` says of it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from overtone.core import ProgressCallback
from overtone.core.version import __version__
from overtone.features import PairedFeatures
from overtone.media.recipes import recipes_of
from overtone.methods.base import InferredTargets, Method
from overtone.training.data import TrainingData
from overtone.training.distribution import Group
from overtone.training.settings import TrainingSettings


@dataclass(frozen=True)
class RunContext:
    """A run that is open and has not taken a step: what is known to those who infer targets for it.

    Its folder, if it has one, is claimed and holds ``run.json``.

    Attributes:
        method, device: The method, and where it is.
        data: What the method may see, with the splits as used.
        settings: The loop's, with defaults.
        group: The processes of the run.
        folder: The run folder, None if there is none.
        progress, label: Called after every unit of work, and what it calls the run.
        info: What ``run.json`` will hold; further entries may be added.
    """

    method: Method
    data: PairedFeatures
    settings: TrainingSettings
    group: Group
    device: torch.device
    folder: Path | None
    progress: ProgressCallback | None
    label: str
    info: dict[str, Any]


Infer = Callable[[RunContext], InferredTargets | None]
"""Infers the targets of a run's training rows once the run is open; None for none."""


def describe_run(
    method: str, data: PairedFeatures, prepared: TrainingData, trained_on: str, group: Group, device: torch.device
) -> dict[str, Any]:
    """What ``run.json`` says of a run that begins."""
    source = data.provenance
    recipes = recipes_of(data)
    unpaired = int((~data.paired[data.splits["train"]]).sum())
    return {
        "method": method,
        "state": "running",
        "modalities": list(data.names),
        "shapes": [list(shape) for shape in data.shapes],
        "corpus": prepared.corpus._asdict(),
        "splits": {name: len(members) for name, members in prepared.features.splits.items()},
        "scaling": {
            name: {
                "steps": scaler.kind,
                **({"reason": prepared.chosen[name].reason} if name in prepared.chosen else {}),
            }
            for name, scaler in prepared.scalers.items()
        },
        **({"unpaired": {"rows": unpaired, "used": bool(prepared.features.present)}} if unpaired else {}),
        **({"pairs": prepared.pairs.summary()} if prepared.pairs else {}),
        **({"clusters": prepared.clusters.summary()} if prepared.clusters else {}),
        "data": {
            "source": source.source,
            "reader": source.reader,
            "checksum": source.checksum,
            "notes": list(source.notes),
            "trained_on": trained_on,
        },
        **({"recipes": {name: recipe.to_dict() for name, recipe in recipes.items()}} if recipes else {}),
        "versions": {"overtone": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "processes": group.size,
        "parts": prepared.train.parts.size,
    }
