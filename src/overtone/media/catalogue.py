"""What a layout finds: the media of clips and what is known about them, without decoding any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, TypeVar

import numpy as np
from typing_extensions import Unpack

from overtone.core import InputError
from overtone.core.sources import check_inside
from overtone.features.base import Scalar
from overtone.features.class_order import sort_classes
from overtone.media.decoding.images import Raw

IMAGE = "image"
"""The one modality of images alone."""

T = TypeVar("T")

Source: TypeAlias = Raw | str
"""A medium before it is decoded: a file, the bytes or pixels of an image, or the words of a text."""

Find: TypeAlias = Callable[[int], Source | None]
"""Row number to the medium of a clip; None where it has none."""

Span: TypeAlias = "tuple[float | None, float | None]"
"""Seconds of a file between which a clip lies; None for the file's begin or end."""

UNLABELLED = -1
"""Class number of a clip without a class."""


@dataclass(frozen=True)
class Catalogue:
    """N clips and what is known about them.

    Attributes:
        source: As the user named it.
        layout: Name of the layout that was found.
        ids: N unique names.
        media: Modality to a function from row number to medium; called from several processes.
        labels: N class numbers, -1 where unknown; None without classes.
        class_names: C unique names, in the order of the numbers.
        splits: N of ``"train"``, ``"val"``, ``"test"`` and ``""``; empty where the layout has no split.
        files: Modality to N paths, empty ones where there is no file; without those that do not lie in files.
        class_disjoint: Whether the layout is customarily split by class.
        notes: What was decided, in sentences.
        spans: N spans of videos and sounds; empty where all are taken whole.
        groups: N names of what clips belong together; empty where every clip stands alone.
        metadata: Column to N values of what else is known.
    """

    source: Path
    layout: str
    ids: tuple[str, ...]
    media: Mapping[str, Find]
    labels: np.ndarray[Any, Any] | None = None
    class_names: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    class_disjoint: bool = False
    notes: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    groups: tuple[str, ...] = ()
    metadata: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.ids:
            raise InputError(f"{self.source}: no {self.what} (layout {self.layout})", fix="check the path")
        parts: list[Any] = [self.labels, self.splits, *self.files.values(), self.spans, self.groups]
        parts += self.metadata.values()
        others = sorted({len(part) for part in parts if part is not None} - {0, len(self)})
        if others:
            what = (
                f"{self.source}: the layout {self.layout} has {len(self)} {self.what}, but labels, splits or files for "
            )
            raise InputError(what + ", ".join(map(str, others)), fix="check that the download is complete")
        for kind, names in ((self.what.removesuffix("s"), self.ids), ("class", self.class_names)):
            if len(set(names)) < len(names):
                twice = repr(Counter(names).most_common(1)[0][0])
                raise InputError(f"{self.source}: two {kind} names are the same", got=twice, fix="rename one of them")
        if self.labels is not None:
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < UNLABELLED or high >= len(self.class_names):
                valid = f"0 to {len(self.class_names) - 1}, -1 for unknown"
                raise InputError(f"{self.source}: class numbers out of range", got=f"{low} to {high}", valid=valid)

    @property
    def what(self) -> str:
        """What messages call its rows."""
        return "images" if tuple(self.media) == (IMAGE,) else "clips"

    def span(self, row: int) -> Span:
        """The span of a clip."""
        return self.spans[row] if self.spans else (None, None)

    def place(self, row: int, modality: str) -> str:
        """Where a medium is, for messages."""
        path = self.files[modality][row] if modality in self.files else ""
        return path or f"{self.source}, {modality} of {self.ids[row]!r}"

    def __len__(self) -> int:
        return len(self.ids)


class Known(TypedDict, total=False):
    """What a layout may know of its rows, as of :class:`Catalogue`."""

    labels: np.ndarray[Any, Any] | None
    class_names: tuple[str, ...]
    splits: tuple[str, ...]
    class_disjoint: bool
    notes: tuple[str, ...]
    spans: tuple[Span, ...]
    groups: tuple[str, ...]
    metadata: Mapping[str, tuple[Scalar, ...]]


def catalogue_files(
    source: Path, layout: str, files: Sequence[Path], *, root: Path | None = None, **known: Unpack[Known]
) -> Catalogue:
    """A catalogue of images in files of their own; ids are paths from ``root``, by default from ``source``.

    InputError where a list of the data set names a file outside of that folder.
    """
    base = root or source
    names = (file.relative_to(base) if base in file.parents else file for file in files)
    ids = tuple(name.as_posix() for name in names)
    for name in ids:
        check_inside(name, source)
    paths = tuple(str(file.resolve()) for file in files)
    return Catalogue(source, layout, ids, {IMAGE: files.__getitem__}, files={IMAGE: paths}, **known)


def number_classes(
    names: Sequence[str], order: Sequence[str] | None = None
) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """Class names by row to class numbers by row, and the classes in their order (sorted, if none is given).

    Example:
        >>> number_classes(["dog", "cat", "dog"])
        (array([1, 0, 1]), ('cat', 'dog'))
    """
    classes = tuple(sort_classes(names) if order is None else order)
    place = {name: number for number, name in enumerate(classes)}
    return np.array([place.get(name, UNLABELLED) for name in names], dtype=np.int64), classes


def chain_rows(parts: Sequence[tuple[int, Callable[[int], T]]]) -> Callable[[int], T]:
    """Row number to item over parts that follow each other, each its number of rows and its own such function."""
    starts = np.cumsum([0, *(count for count, _ in parts)])

    def item(row: int) -> T:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return parts[part][1](int(row - starts[part]))

    return item


def disambiguate(names: Sequence[str], keys: Sequence[object]) -> tuple[str, ...]:
    """Names; those that occur twice are followed by their key.

    Example:
        >>> disambiguate(["crane", "crane", "owl"], ["n01", "n02", "n03"])
        ('crane (n01)', 'crane (n02)', 'owl')
    """
    counts = Counter(names)
    return tuple(f"{name} ({key})" if counts[name] > 1 else name for name, key in zip(names, keys))
