"""Row-aligned features of one or two modalities with everything known about the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeVar

from overtone.core import InputError, unknown_name
from overtone.core.results import Record, Result
from overtone.features.arrays import Values
from overtone.features.clip_records import clip_labels, clip_records
from overtone.features.label_reading import codes_of, identifying, one_hot

if TYPE_CHECKING:
    from torch import Tensor

F = TypeVar("F", bound="Features")

LabelKind = Literal["none", "single", "multi", "soft"]

Scalar = str | int | float | bool | None
"""A value of metadata."""

EVENTS = "events_"
"""Prefix of the entries of ``truth`` with one row per clip; all others belong to the corpus as a whole."""


@dataclass(frozen=True)
class Provenance:
    """Where features came from.

    Attributes:
        source: The file, folder or corpus that was named.
        reader: What read it (``"npz"``, ``"corpus"``, ...).
        checksum: SHA-256 over features, targets and splits as loaded.
        notes: What was decided while loading, in sentences (``"made a 70/30 split with seed 0"``).
        warnings: What may be wrong with the data but stops nothing, in sentences.
        made_split: Whether the source has no split, so that one was made while loading.
        split_remarks: Those notes and warnings that matter only where splits do.
    """

    source: str = "arrays"
    reader: str = "arrays"
    checksum: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    made_split: bool = False
    split_remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Features(Result):
    """Features of N clips: one view of them, or two modalities.

    Attributes:
        modalities: One or two, in order: name to float32 (N, d) rows or (N, T, d) sequences.
        ids: N unique names of the clips.
        labels: (N,) int64 class codes, -1 for a clip without a label, where a clip has one class at most; else (N, C)
            float32 in [0, 1], multi-hot or soft, zeros for a clip without a label. None without labels.
        label_kind: ``"single"`` (at most one class a clip), ``"multi"``, ``"soft"`` or ``"none"``.
        class_names: C names; empty without labels.
        splits: Name to sorted int64 row numbers; ``"train"`` and ``"test"`` are there after loading.
        media: Modality to N paths of the original media; empty where unknown.
        truth: What is known beyond the annotation, for judging only and never for training: ``events_<modality>``
            (N, C), ``interactions`` (2C, 2C).
        present: Modality to (N,) bool, whether each clip has it; only of modalities that some clips lack, whose rows
            there are NaN.
        groups: N names of what clips belong together (captions of one image, clips of one recording); empty where
            every clip stands alone, as a clip with an empty name does.
        provenance: Where all this came from.
        metadata: Column to N values, text, numbers or flags, None where unknown: what else is known of the clips, for
            reports and stores, never for training.
        source_rows: (N,) int64 row of each clip in the source, where that is another than its place here; else None.

    Raises:
        InputError: Neither one nor two modalities, or a part with another number of rows.

    Example:
        >>> import torch
        >>> data = Features({"image": torch.zeros(3, 64)}, ids=("a", "b", "c"))
        >>> len(data), data.names, data.shapes, data.classes
        (3, ('image',), ((64,),), 0)
    """

    modalities: dict[str, Tensor]
    ids: tuple[str, ...]
    labels: Tensor | None = None
    label_kind: LabelKind = "none"
    class_names: tuple[str, ...] = ()
    splits: dict[str, Tensor] = field(default_factory=dict)
    media: dict[str, tuple[str, ...]] = field(default_factory=dict)
    truth: dict[str, Tensor] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    present: dict[str, Tensor] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    metadata: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    source_rows: Tensor | None = None

    def __post_init__(self) -> None:
        if len(self.modalities) not in (1, 2):
            raise InputError("features have one or two modalities", got=", ".join(self.modalities) or "none")
        sized: dict[str, Sized] = {**self.modalities, **self.media, **self.metadata}
        if self.labels is not None:
            sized["labels"] = self.labels
            if self.label_kind == "single" and self.labels.dim() == 2:
                import torch

                codes = codes_of(self.labels.numpy())
                if codes is not None:
                    object.__setattr__(self, "labels", torch.from_numpy(codes))
        sized |= {f"present {name}": mask for name, mask in self.present.items()}
        if self.groups:
            sized["groups"] = self.groups
        for name, part in sized.items():
            if len(part) != len(self.ids):
                raise InputError(f"{name} must have one row per id", got=f"{len(part)} rows and {len(self.ids)} ids")

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities' names, in order."""
        return tuple(self.modalities)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of one row per modality: ``(d,)`` or ``(T, d)``."""
        return tuple(tuple(tensor.shape[1:]) for tensor in self.modalities.values())

    @property
    def classes(self) -> int:
        """Number of classes, 0 without labels."""
        if self.labels is None or self.labels.dim() == 2:
            return 0 if self.labels is None else self.labels.shape[1]
        return len(self.class_names) or int(self.labels.max()) + 1

    @property
    def targets(self) -> Tensor | None:
        """(N, C) float32 targets in [0, 1], made of class codes on each call; None without labels.

        Of many classes they are large: ``labels`` has the same in less memory.
        """
        import torch

        if self.labels is None or self.labels.dim() == 2:
            return self.labels
        return torch.from_numpy(one_hot(self.labels.numpy(), self.classes))

    @property
    def label_identity(self) -> Tensor | None:
        """What a checksum takes of the labels; None without."""
        import torch

        return None if self.labels is None else torch.from_numpy(identifying(self.labels.numpy(), self.classes))

    def has(self, name: str) -> Tensor:
        """(N,) bool, whether each clip has a modality."""
        import torch

        mask = self.present.get(name)
        return torch.ones(len(self), dtype=torch.bool) if mask is None else mask

    def __len__(self) -> int:
        return len(self.ids)

    def headline(self) -> str:
        """Source, modalities, labels and splits."""
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in self.modalities.items())
        splits = ", ".join(f"{len(rows)} {name}" for name, rows in self.splits.items())
        labels = "no labels" if self.labels is None else f"{self.label_kind} labels of {self.classes} classes"
        return f"{self.provenance.source}: {shapes}; {labels}; {splits or 'no splits'}"

    def iter_records(self) -> Iterator[Record]:
        """A row per clip: id, class or classes, split, media, what modalities it has, and its metadata."""
        classes = clip_labels(self.labels, self.class_names)
        beside = {**self.media, **{f"has_{name}": mask.tolist() for name, mask in self.present.items()}}
        return clip_records(self.ids, classes, self.splits, beside, self.metadata)

    def shown_records(self) -> Iterator[Record]:
        """None: the headline says what there is."""
        return iter(())

    def subset(self: F, rows: Tensor | Values | Sequence[int]) -> F:
        """Only these rows, in this order; splits are renumbered and those left without rows are dropped.

        Entries of ``truth`` that are not per row stay whole.

        Raises:
            InputError: A row number is out of range or given twice.
        """
        import torch

        from overtone.features.large import take_rows

        rows = torch.as_tensor(rows, dtype=torch.int64)
        place = torch.full((len(self),), -1, dtype=torch.int64)
        if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= len(self)):
            raise InputError("subset: a row number is out of range", got=f"{int(rows.min())} to {int(rows.max())}")
        place[rows] = torch.arange(len(rows))
        if int((place >= 0).sum()) != len(rows):
            raise InputError("subset: a row number is given twice")
        chosen = rows.tolist()
        splits = {name: place[members] for name, members in self.splits.items()}
        splits = {name: members[members >= 0].sort().values for name, members in splits.items()}
        present = {name: mask[rows] for name, mask in self.present.items()}
        return replace(
            self,
            modalities={name: take_rows(tensor, rows) for name, tensor in self.modalities.items()},
            ids=tuple(self.ids[row] for row in chosen),
            labels=None if self.labels is None else self.labels[rows],
            splits={name: members for name, members in splits.items() if len(members)},
            media={name: tuple(paths[row] for row in chosen) for name, paths in self.media.items()},
            truth={name: tensor[rows] if name.startswith(EVENTS) else tensor for name, tensor in self.truth.items()},
            present={name: mask for name, mask in present.items() if not bool(mask.all())},
            groups=tuple(self.groups[row] for row in chosen) if self.groups else (),
            metadata={name: tuple(values[row] for row in chosen) for name, values in self.metadata.items()},
            source_rows=rows if self.source_rows is None else self.source_rows[rows],
        )

    def split(self: F, name: str) -> F:
        """Only the rows of one split, in their order and without splits of their own; InputError if there is none."""
        if name not in self.splits:
            raise unknown_name("split", name, self.splits)
        return replace(self.subset(self.splits[name]), splits={})


def find_label_kind(labels: Tensor | Values | None) -> LabelKind:
    """What kind of labels (N,) class codes or (N, C) targets in [0, 1], a tensor or an array, are.

    Example:
        >>> import numpy as np
        >>> find_label_kind(np.eye(3)), find_label_kind(np.ones((2, 3))), find_label_kind(np.full((2, 3), 0.5))
        ('single', 'multi', 'soft')
    """
    if labels is None:
        return "none"
    if labels.ndim == 1:
        return "single"
    if not bool(((labels == 0) | (labels == 1)).all()):
        return "soft"
    return "single" if bool((labels.sum(1) <= 1).all()) else "multi"


class PairedFeatures(Features):
    """Features of the same N clips in exactly two modalities; all else is as in :class:`Features`.

    Example:
        >>> import torch
        >>> data = PairedFeatures({"audio": torch.zeros(3, 2), "visual": torch.zeros(3, 5)}, ids=("a", "b", "c"))
        >>> data.names, data.shapes
        (('audio', 'visual'), ((2,), (5,)))
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
    def paired(self) -> Tensor:
        """(N,) bool, whether each clip has both modalities."""
        first, second = self.names
        return self.has(first) & self.has(second)

    @property
    def events(self) -> tuple[Tensor, Tensor] | None:
        """(N, C) of all that is in the first modality and in the second, for judging only; None where not known."""
        first, second = (self.truth.get(EVENTS + name) for name in self.names)
        return None if first is None or second is None else (first, second)
