"""From features to what a run trains on: held-out rows, fitted scalers, tensors on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import checksum
from overtone.features import PairedFeatures, Scaler, hold_out
from overtone.methods.base import CorpusInfo, Method
from overtone.training.loop import Rows
from overtone.training.settings import TrainingSettings

SAMPLE = 1024
"""Training rows whose embeddings are looked at where none are held out."""


@dataclass(frozen=True)
class Material:
    """Everything a run knows of its data.

    Attributes:
        data: What the method may see, with the splits as used: unscaled, by name.
        corpus: What the method is told.
        scalers: Per modality, fitted on the training rows.
        train: Training rows.
        held_out: Validation rows, None if there are none.
        splits: Number of rows per split, as used.
    """

    data: PairedFeatures
    corpus: CorpusInfo
    scalers: dict[str, Scaler]
    train: Rows
    held_out: Rows | None
    splits: dict[str, int]

    def looked_at(self) -> Rows:
        """The held-out rows, or else a sample of the training rows."""
        if self.held_out is not None:
            return self.held_out
        every = max(1, len(self.train) // SAMPLE)
        first, second = (rows[::every] for rows in self.train.features)
        return Rows((first, second))


def visible(data: PairedFeatures, method: type[Method]) -> PairedFeatures:
    """The data as a method may see it: without labels, and without what is for judging only, unless it is supervised.

    Raises:
        InputError: The method needs labels and there are none, or there are no training rows.
    """
    if "train" not in data.splits:
        raise InputError("the data has no split 'train'", got=", ".join(data.splits) or "no splits")
    data = replace(data, truth={}, media={})
    if not method.supervised:
        return replace(data, targets=None, label_kind="none", class_names=())
    if data.targets is None:
        raise InputError(f"{method.name} learns from labels, and the data has none", fix="choose a label-free method")
    return data


def told(data: PairedFeatures) -> CorpusInfo:
    """What is known of (visible) data before anything is held out or scaled: the ground of a method's defaults."""
    return CorpusInfo(data.shapes, len(data.splits["train"]), data.classes)


def prepare(data: PairedFeatures, settings: TrainingSettings, device: torch.device) -> Material:
    """Hold rows out, fit the scalers on the remaining training rows, scale, and move everything to the device once.

    Args:
        data: Visible data.
        settings: Completed settings.
        device: Where to train.

    Raises:
        InputError: The epoch is to be chosen on held-out rows and there are none.
    """
    if settings.validation_fraction:
        data = hold_out(data, settings.validation_fraction, settings.seed)
    if settings.select != "last" and len(data.splits.get("val", ())) < 2:
        raise InputError(
            f"select={settings.select} needs at least 2 held-out rows",
            got=len(data.splits.get("val", ())),
            fix="set validation_fraction=0.1, or select=last",
        )
    train = data.splits["train"]
    scalers = {name: Scaler.fit(settings.scaling, rows[train]) for name, rows in data.modalities.items()}

    def rows_of(split: Tensor) -> Rows:
        first, second = (scalers[name](rows[split]).to(device) for name, rows in data.modalities.items())
        return Rows((first, second), None if data.targets is None else data.targets[split].to(device))

    rows = rows_of(train)
    shapes = tuple(rows.features[0].shape[1:]), tuple(rows.features[1].shape[1:])
    held_out = rows_of(data.splits["val"]) if len(data.splits.get("val", ())) > 1 else None
    return Material(
        data,
        CorpusInfo(shapes, len(train), data.classes),
        scalers,
        rows,
        held_out,
        {name: len(members) for name, members in data.splits.items()},
    )


def fingerprint(data: PairedFeatures) -> str:
    """SHA-256 of what training depends on in visible data: features, labels if seen, train and validation rows."""
    parts = [*data.modalities.values(), *([] if data.targets is None else [data.targets])]
    return checksum(*parts, *(data.splits[name] for name in ("train", "val") if name in data.splits))
