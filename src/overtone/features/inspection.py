"""``inspect``: what is in a source, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from typing_extensions import Unpack

from overtone.core import InputError
from overtone.core.documents import Document
from overtone.core.results import Record, Result
from overtone.core.sources import expand_home
from overtone.features.arrays import Values
from overtone.features.assembly import FeatureArrays, assemble
from overtone.features.base import LabelKind
from overtone.features.checks import find_issues
from overtone.features.joining import parse_source
from overtone.features.loading import open_source
from overtone.features.reading import Reading, check_reading

_BLOCK = 1 << 22  # values converted to float64 at a time


@dataclass(frozen=True)
class ModalitySummary(Document):
    """Shape, and mean, standard deviation, lowest and highest of all values of one modality's features."""

    shape: tuple[int, ...]
    """(N, d) or (N, T, d)."""
    present: int
    """Number of clips that have this modality; the figures below are theirs."""
    mean: float
    std: float
    min: float
    max: float


@dataclass(frozen=True)
class LabelSummary(Document):
    """What is annotated."""

    kind: LabelKind
    classes: int
    """Number of classes."""
    clips: dict[str, int]
    """Class name to number of clips."""
    without: int
    """Number of clips without a class."""


@dataclass(frozen=True, repr=False)
class Inspection(Document, Result):
    """What is in a source. A field that cannot be found out because of a problem is None or empty.

    Attributes:
        source: As the user named it.
        reader: What read it (``"npz"``, ``"corpus"``, ...).
        keys: Key to shape and type of each array.
        rows: Number of clips.
        paired: Number of clips with both modalities; None of a single view.
        groups: Number of groups of clips; None where there are none.
        modalities: Name to summary.
        labels: The annotation; None without labels.
        splits: Split to number of rows.
        ids: The first three.
        metadata: Column to the number of clips for which it is known.
        truth: Key to shape of what is known beyond the annotation.
        training: What label-free training would decide, in words, by name; only where asked for.
        checksum: SHA-256 over features, targets and splits.
        unused: Key to the reason, of all keys that have no role.
        notes: What was decided while reading, in sentences.
        problems: What makes the source unusable, in sentences.
        warnings: What may be wrong but stops nothing, in sentences.
    """

    source: str
    reader: str | None = None
    keys: dict[str, str] = field(default_factory=dict)
    rows: int | None = None
    paired: int | None = None
    groups: int | None = None
    modalities: dict[str, ModalitySummary] = field(default_factory=dict)
    labels: LabelSummary | None = None
    splits: dict[str, int] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
    metadata: dict[str, int] = field(default_factory=dict)
    truth: dict[str, tuple[int, ...]] = field(default_factory=dict)
    training: dict[str, str] = field(default_factory=dict)
    checksum: str | None = None
    unused: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def headline(self) -> str:
        """Source, clips, splits, labels, and how much is wrong."""
        splits = ", ".join(f"{count:,} {name}" for name, count in self.splits.items())
        labels = "no labels" if self.labels is None else f"{self.labels.kind} labels of {self.labels.classes} classes"
        wrong = f"{len(self.problems)} problems, {len(self.warnings)} warnings"
        rows = "no clips" if self.rows is None else f"{self.rows:,} clips"
        return f"{self.source}: {rows}; {splits or 'no splits'}; {labels}; {wrong}"

    def iter_records(self) -> Iterator[Record]:
        """A row per modality."""
        return ({"modality": name, **one.to_dict()} for name, one in self.modalities.items())


def inspect(source: str | Path, *, modalities: tuple[str, ...] | None = None, **reading: Unpack[Reading]) -> Inspection:
    """Describe a source and collect all its problems; problems of the data are listed, not raised.

    Args:
        source: A file, a folder or the name of a corpus, as for :func:`overtone.features.load_views`.
        modalities: As for :func:`overtone.features.load_views`.
        reading: As for :func:`overtone.features.load`.

    Returns:
        The contents, problems and warnings. torch is not imported.

    Raises:
        InputError: There is no such source.

    Example:
        >>> found = inspect("split-digits")
        >>> found.rows, found.splits, found.problems
        (1797, {'train': 1257, 'test': 540}, ())
    """
    found = Inspection(str(source))
    how = check_reading(**reading)
    try:
        with open_source(source, how) as table:
            keys = {key: str(array) for key, array in table.arrays.items()}
            found = replace(found, reader=table.reader, keys=keys)
            parsed = parse_source(table, modalities, how)
            issues = list(find_issues(parsed))
            problems = tuple(str(issue.error) for issue in issues if issue.fatal)
            warnings = tuple(str(issue.error) for issue in issues if not (issue.fatal or issue.harmless))
            parsed.notes += [str(issue.error) for issue in issues if issue.harmless]
            found = replace(found, unused=parsed.unused, rows=parsed.first.rows, problems=problems, warnings=warnings)
            if not problems:
                found = _describe(found, assemble(parsed, how.subset))
            found = replace(found, notes=tuple(dict.fromkeys(parsed.notes)))
    except InputError as error:
        there = isinstance(source, (str, Path)) and expand_home(source).exists()
        if found.reader is None and not there:
            raise
        found = replace(found, problems=(*found.problems, str(error)))
    return found


def _describe(found: Inspection, data: FeatureArrays) -> Inspection:
    """The inspection with what is in the arrays."""
    labels = None
    if data.labels is not None:
        if data.labels.ndim == 1:
            numbers = np.bincount(data.labels[data.labels >= 0], minlength=len(data.class_names))
            without = int((data.labels < 0).sum())
        else:
            annotated = data.labels > 0
            numbers, without = annotated.sum(axis=0), int((~annotated.any(axis=1)).sum())
        counts = dict(zip(data.class_names, numbers.tolist()))
        labels = LabelSummary(data.label_kind, len(data.class_names), counts, without)
    return replace(
        found,
        rows=len(data.ids),
        paired=None if len(data.modalities) == 1 else len(data.ids) - _count_unpaired(data),
        groups=len(set(data.groups) - {""}) or None,
        modalities={name: _summarise(values, data.present.get(name)) for name, values in data.modalities.items()},
        labels=labels,
        splits={name: len(rows) for name, rows in data.splits.items()},
        ids=data.ids[:3],
        metadata={name: sum(value is not None for value in values) for name, values in data.metadata.items()},
        truth={key: values.shape for key, values in data.truth.items()},
        checksum=data.provenance.checksum,
    )


def _count_unpaired(data: FeatureArrays) -> int:
    """Number of clips that lack a modality."""
    return int((~np.stack(list(data.present.values()))).any(axis=0).sum()) if data.present else 0


def _summarise(values: Values, present: Values | None) -> ModalitySummary:
    """The figures of the rows that are there."""
    shape, count = values.shape, len(values) if present is None else int(present.sum())
    flat = (values if present is None else values[present]).reshape(-1)
    blocks = [flat[start : start + _BLOCK] for start in range(0, len(flat), _BLOCK)]
    mean = sum(float(block.sum(dtype=np.float64)) for block in blocks) / len(flat)
    variance = sum(float(np.square(block.astype(np.float64) - mean).sum()) for block in blocks) / len(flat)
    return ModalitySummary(shape, count, mean, variance**0.5, float(flat.min()), float(flat.max()))
