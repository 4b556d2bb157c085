"""The data of a probe: scaled features and numbered labels of the training and test rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features import Features, only_pairs, require_pairs
from overtone.features.scaling_choice import fit_scalers
from overtone.objectives.targets import has_label


def evenly_spaced(total: int, most: int) -> Tensor:
    """At most ``most`` row numbers out of ``total``, evenly spaced, the same every time."""
    return torch.linspace(0, total - 1, min(total, most), dtype=torch.float64).round().long()


@dataclass(frozen=True)
class LabelledRows:
    """Rows of one split, on the device: (N, d) scaled features of each view, labels, and row numbers in the data.

    Labels are (N,) int64 class numbers, or (N, C) targets where clips have several or soft labels.
    """

    views: tuple[Tensor, ...]
    labels: Tensor
    numbers: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def spaced(self, most: int) -> LabelledRows:
        """At most ``most`` of the rows, evenly spaced, so that every evaluation has the same ones."""
        if len(self) <= most:
            return self
        rows = evenly_spaced(len(self), most)
        there = rows.to(self.labels.device)
        return LabelledRows(tuple(view[there] for view in self.views), self.labels[there], self.numbers[rows])


@dataclass(frozen=True)
class ProbeData:
    """What every loss is trained on and evaluated on.

    Attributes:
        train: Training rows; labels are numbered among the classes that have training rows.
        test: Test rows; labels are numbered by ``class_names``, those of all classes.
        classes: ``"train"`` and ``"test"`` to the number of classes that have rows there.
        class_disjoint: Whether no class has both training and test rows.
        notes: What was left out and why, in sentences.
    """

    train: LabelledRows
    test: LabelledRows
    classes: dict[str, int]
    class_names: tuple[str, ...]
    class_disjoint: bool
    notes: tuple[str, ...]


def prepare_data(data: Features, scaling: str, device: torch.device) -> ProbeData:
    """Fit scalers on the training rows, scale, number the classes, and move everything to the device.

    Rows of other splits than ``train`` and ``test`` are not used.

    Raises:
        InputError: There are no labels, no split, sequences instead of rows, or fewer than two training classes.
    """
    notes: list[str] = []
    if data.present:
        data = only_pairs(require_pairs(data), "losses are compared on pairs")
        notes.append(data.provenance.notes[-1])
    if data.labels is None:
        raise InputError(
            f"{data.provenance.source}: losses of metric learning need labels, and the data has none",
            fix="bring class numbers under the key 'y'",
        )
    for split in ("train", "test"):
        if split not in data.splits:
            raise InputError(f"the data has no split {split!r}", got=", ".join(data.splits) or "no splits")
    for name, view in data.modalities.items():
        if view.dim() != 2:
            raise InputError(f"{name}: heads take one row per clip", got=tuple(view.shape), fix="use --sequences mean")
    chosen = {split: _labelled(data, data.splits[split], split, notes) for split in ("train", "test")}
    scalers, _ = fit_scalers(scaling, {name: view[chosen["train"]] for name, view in data.modalities.items()})

    def rows_of(numbers: Tensor) -> tuple[Tensor, ...]:
        return tuple(scalers[name](view[numbers]).to(device) for name, view in data.modalities.items())

    labels = {split: data.labels[numbers] for split, numbers in chosen.items()}
    present = {split: _occurring(part, data.classes) for split, part in labels.items()}
    if int(present["train"].sum()) < 2:
        raise InputError(
            f"{data.provenance.source}: the training rows have one class only, so there is nothing to tell apart",
            fix="bring rows of at least two classes",
        )
    if labels["train"].dim() == 1:  # numbered among the classes that have training rows
        labels["train"] = (present["train"].cumsum(0) - 1)[labels["train"]]
    else:
        labels["train"] = labels["train"][:, present["train"]]
    rows = {split: LabelledRows(rows_of(chosen[split]), labels[split].to(device), chosen[split]) for split in chosen}
    return ProbeData(
        train=rows["train"],
        test=rows["test"],
        classes={split: int(some.sum()) for split, some in present.items()},
        class_names=data.class_names,
        class_disjoint=not bool((present["train"] & present["test"]).any()),
        notes=tuple(notes),
    )


def _occurring(labels: Tensor, classes: int) -> Tensor:
    """(C,) bool: which classes have rows, of (N,) class codes or (N, C) targets."""
    return torch.bincount(labels, minlength=classes) > 0 if labels.dim() == 1 else (labels > 0).any(0)


def _labelled(data: Features, rows: Tensor, split: str, notes: list[str]) -> Tensor:
    assert data.labels is not None
    known = has_label(data.labels[rows])
    if not known.all():
        notes.append(f"{int((~known).sum())} {split} rows without a label were left out")
    if int(known.sum()) < 2:
        raise InputError(f"{data.provenance.source}: fewer than two {split} rows have a label", got=int(known.sum()))
    return rows[known]
