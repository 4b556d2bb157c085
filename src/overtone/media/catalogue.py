"""What a layout finds: the images and what is known about them, without decoding any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from overtone.core import InputError
from overtone.core.sources import check_inside
from overtone.features.class_order import sort_classes
from overtone.media.decoding.images import Raw

T = TypeVar("T")

UNLABELLED = -1
"""Class number of an image without a class."""


@dataclass(frozen=True)
class Catalogue:
    """N images and what is known about them.

    Attributes:
        source: As the user named it.
        layout: Name of the layout that was found.
        ids: N unique names.
        image: Row number to image, not decoded; called from several threads.
        labels: N class numbers, -1 where unknown; None without classes.
        class_names: C unique names, in the order of the numbers.
        splits: N of ``"train"``, ``"val"``, ``"test"`` and ``""``; empty where the layout has no split.
        media: N paths; empty where images do not lie in files of their own.
        class_disjoint: Whether the layout is customarily split by class.
        notes: What was decided, in sentences.
    """

    source: Path
    layout: str
    ids: tuple[str, ...]
    image: Callable[[int], Raw]
    labels: np.ndarray[Any, Any] | None = None
    class_names: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    class_disjoint: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.ids:
            raise InputError(f"{self.source}: no images (layout {self.layout})", fix="check the path")
        parts = [part for part in (self.labels, self.splits, self.media) if part is not None]
        others = sorted({len(part) for part in parts} - {0, len(self)})
        if others:
            what = f"{self.source}: the layout {self.layout} has {len(self)} images, but labels, splits or files for "
            raise InputError(what + ", ".join(map(str, others)), fix="check that the download is complete")
        for kind, names in (("image", self.ids), ("class", self.class_names)):
            if len(set(names)) < len(names):
                twice = repr(Counter(names).most_common(1)[0][0])
                raise InputError(f"{self.source}: two {kind} names are the same", got=twice, fix="rename one of them")
        if self.labels is not None:
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < UNLABELLED or high >= len(self.class_names):
                valid = f"0 to {len(self.class_names) - 1}, -1 for unknown"
                raise InputError(f"{self.source}: class numbers out of range", got=f"{low} to {high}", valid=valid)

    def __len__(self) -> int:
        return len(self.ids)


def catalogue_files(
    source: Path, layout: str, files: Sequence[Path], *, root: Path | None = None, **known: Any
) -> Catalogue:
    """A catalogue of images in files of their own; ids are paths from ``root``, by default from ``source``.

    InputError where a list of the data set names a file outside of that folder.
    """
    base = root or source
    names = (file.relative_to(base) if base in file.parents else file for file in files)
    ids = tuple(name.as_posix() for name in names)
    for name in ids:
        check_inside(name, source)
    media = tuple(str(file.resolve()) for file in files)
    return Catalogue(source, layout, ids, files.__getitem__, media=media, **known)


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


def disambiguate(names: Sequence[str], keys: Sequence[Any]) -> tuple[str, ...]:
    """Names; those that occur twice are followed by their key.

    Example:
        >>> disambiguate(["crane", "crane", "owl"], ["n01", "n02", "n03"])
        ('crane (n01)', 'crane (n02)', 'owl')
    """
    counts = Counter(names)
    return tuple(f"{name} ({key})" if counts[name] > 1 else name for name, key in zip(names, keys))
