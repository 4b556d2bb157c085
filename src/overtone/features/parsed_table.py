"""A table whose arrays have a role each, what the checks read and features are made from; and the issues they find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Column, SparseRows, Table, Values
from overtone.features.base import Scalar
from overtone.features.hashing import hash_rows
from overtone.features.label_reading import Labels, read_labels
from overtone.features.messages import LONGEST, name_of_row
from overtone.features.reading import CheckedReading
from overtone.features.splitting import draw_split

SPLITS = {
    "train": "train",
    "tr": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "te": "test",
    "testing": "test",
}
"""Names of splits, as suffixes of keys and as values of ``split``, and the split that each means."""

TRUE, FALSE = ("true", "1", "yes", "1.0"), ("false", "0", "no", "0.0")
"""Words for flags, in small letters."""

INTERACTIONS, STRENGTHS = "interactions", "interaction_strengths"
"""Keys of the interactions between classes; strengths go with pairs of node numbers only."""

_TEST_FRACTION = 0.3


KEYS = 10
"""How many keys a message lists."""

SHOWN = 5
"""How many rows or names a message lists."""


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong with a source."""

    name: str
    """Of the check, for programs (``"row-counts"``)."""
    error: InputError
    """What :func:`overtone.features.load` raises if it is fatal, and else warns of."""
    fatal: bool = True
    of_splits: bool = False
    """Whether it matters only where splits do."""
    harmless: bool = False
    """Whether it is worth a note, but no warning: nothing comes of it."""


def list_some(items: Sequence[object]) -> str:
    """The first few of many, for messages.

    Example:
        >>> list_some([1, 2]), list_some(range(9))
        ('1, 2', '0, 1, 2, 3, 4, ... 9 in all')
    """
    shown = ", ".join(str(item) for item in items[:SHOWN])
    return shown if len(items) <= SHOWN else f"{shown}, ... {len(items)} in all"


def name_splits(split: Column | None, is_test: Column | None, first: Column) -> tuple[str, ...]:
    """The name of each row's split, in small letters, by a column of names, of flags, or by parts of a column.

    Empty where there is neither.
    """
    if split is not None:
        return tuple(name.strip().lower() for name in split.text())
    if is_test is not None:
        return tuple("test" if flag else "train" for flag in read_flags(is_test).tolist())
    return tuple(name for name, count in zip(first.splits, first.counts) for _ in range(count))


def read_flags(column: Column) -> Values:
    """(N,) bool of flags: true and false, 1 and 0, or these words; anything but a known word for true is false."""
    values = column.read().ravel()
    if values.dtype.kind not in "SU":
        return np.asarray(values.astype(bool))
    return np.isin([word.strip().lower() for word in column.text()], TRUE)


def mean_of_steps(sequences: Values, lengths: Values) -> Values:
    """(n, d) mean over the first steps of (n, T, d) sequences, as many as each of (n,) lengths says.

    Example:
        >>> mean_of_steps(np.array([[[1.0], [3.0], [0.0]]]), np.array([2]))
        array([[2.]])
    """
    taken = np.arange(sequences.shape[1]) < lengths[:, None]
    total = np.where(taken[:, :, None], sequences, 0).sum(axis=1, dtype=np.float64)
    return np.asarray(total / lengths[:, None])


@dataclass
class ParsedTable:
    """Columns by their role, of which a source may lack all but the modalities; and how they are to be read."""

    table: Table
    modalities: dict[str, Column]
    """The one or two columns of features, in order."""
    labels: Column | None
    """Class numbers (N,), class names (N,) or targets (N, C)."""
    ids: Column | None
    """Names of the clips, the same for all modalities."""
    own_ids: dict[str, Column]
    """Each of two modalities to its own names, by which its rows are matched to the first one's."""
    split: Column | None
    is_test: Column | None
    class_names: Column | None
    truth: dict[str, Column]
    """Columns that are known beyond the annotation, for judging only."""
    media: dict[str, Column]
    """Modality to the column of media paths."""
    present: dict[str, Column]
    """Modality to flags (N,): whether each of its rows is there."""
    lengths: dict[str, Column]
    """Modality to the number of steps of each of its sequences."""
    groups: Column | None
    """Names of what rows belong together, or rows of features that are equal where clips do."""
    quantised: bool
    """Whether 8-bit values mean (x - 128) / 256."""
    how: CheckedReading
    notes: list[str]
    """What was decided, in sentences."""
    metadata: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    """Column to a value for each clip, of what else is known of the clips."""
    doubts: list[Issue] = field(default_factory=list)
    """What looked wrong while roles were found."""
    unused: dict[str, str] = field(default_factory=dict)
    """Key to the reason, of all keys without a role."""
    split_remarks: list[str] = field(default_factory=list)
    """Those notes and warnings that matter only where splits do."""

    def __post_init__(self) -> None:
        self._converted: dict[str, Values] = {}

    @property
    def source(self) -> str:
        """The source as the user named it."""
        return self.table.source

    @property
    def first(self) -> Column:
        """The first modality, whose row order is the clips' order."""
        return next(iter(self.modalities.values()))

    def features(self, name: str) -> Values:
        """(N, d) or (N, T, d) float32 rows of a modality in the source's order; converted on the first call."""
        if name not in self._converted:
            column = self.modalities[name]
            axes = len(column.parts[0].shape)
            pool = self.how.sequences == "mean" and axes in (3, 5)
            quantised = self.quantised and column.parts[0].dtype == np.uint8
            lengths = self.lengths[name].read().ravel().astype(np.int64) if pool and name in self.lengths else None
            done = 0

            def change(block: Values) -> Values:
                nonlocal done
                if axes == 5:  # places of a picture, as in the AVE layout
                    block = block.mean(axis=(2, 3))
                if pool and lengths is not None:
                    block = mean_of_steps(block, lengths[done : done + len(block)])
                elif pool:
                    block = block.mean(axis=1)
                done += len(block)
                return (block - 128) / 256 if quantised else block

            self._converted[name] = column.float32(change if pool or quantised or axes == 5 else None)
            if name in self.presence:
                self._converted[name] = np.array(self._converted[name])
                self._converted[name][~self.presence[name]] = np.nan
            rows = column.parts[0].rows
            if isinstance(rows, SparseRows):
                self.notes.append(f"{name}: {rows}; read as dense float32")
            if axes == 5:
                height, width = column.parts[0].shape[2:4]
                self.notes.append(f"{name}: the {height} × {width} places of each step averaged")
            if pool:
                by = f" by {self.lengths[name].where}" if lengths is not None else ""
                self.notes.append(f"{name}: sequences of {column.parts[0].shape[1]} steps averaged over time{by}")
            if quantised:
                self.notes.append(f"{name}: 8-bit values of the VEGAS layout read as (x - 128) / 256")
        return self._converted[name]

    def place(self, column: Column) -> Callable[[int], str]:
        """Says where a row of a column is, for messages: file, key, row in the file, and the clip's id."""

        return lambda row: column.place(row) + name_of_row(self._name(column, row))

    def list_rows(self, column: Column, rows: Sequence[int]) -> str:
        """The first few of many rows of a column, by number in their part and id, for messages."""
        named = [(column.number(row), self._name(column, row)[:LONGEST]) for row in rows[:SHOWN]]
        shown = ", ".join(f"{number} {name!r}" if name else number for number, name in named)
        return shown if len(rows) <= SHOWN else f"{shown}, ... {len(rows)} in all"

    def _name(self, column: Column, row: int) -> str:
        """The id of a row of a column; empty where it has none."""
        own = next((name for name, other in self.modalities.items() if other is column), None)
        names = self.own_names.get(own or next(iter(self.modalities)), ()) or self.id_names
        return names[row] if row < len(names) else ""

    @cached_property
    def id_names(self) -> tuple[str, ...]:
        """The clips' ids; empty where the source has none."""
        return self.ids.text() if self.ids is not None else ()

    @cached_property
    def presence(self) -> dict[str, Values]:
        """Modality to (N,) bool in its own order of rows, of those that some rows lack: by their key or, if asked, NaN.

        Flags that cannot be read are passed over here: the checks refuse them.
        """
        found = {}
        for name, column in self.modalities.items():
            flags = np.ones(column.rows, dtype=bool)
            if self.how.missing == "nan" and all(
                part.dtype.kind == "f" and len(part.shape) > 1 for part in column.parts
            ):
                blocks = [block for part in column.parts for block in part.blocks()]
                flags = ~np.concatenate([np.isnan(block).all(axis=tuple(range(1, block.ndim))) for block in blocks])
            given = self.present.get(name)
            if given is not None and given.rows == column.rows and given.single:
                flags &= read_flags(given)
            if not flags.all():
                found[name] = flags
        return found

    @cached_property
    def group_names(self) -> tuple[str, ...]:
        """The group of each row; empty where there are none."""
        if self.groups is None:
            return ()
        if self.groups.single:
            return self.groups.text()
        return tuple(map(str, hash_rows(self.groups.float32()).tolist()))

    @cached_property
    def split_names(self) -> tuple[str, ...]:
        """The name of each row's split as the source gives it; empty where the source has no split."""
        return name_splits(self.split, self.is_test, self.first)

    @property
    def made_split(self) -> bool:
        """Whether the source has no split, so that one is made."""
        return not self.split_names

    @cached_property
    def splits(self) -> dict[str, Values]:
        """Split to sorted row numbers: the source's, else a seeded one made without labels."""
        if not self.made_split:
            names = np.array([SPLITS.get(name, "") for name in self.split_names])
            kinds = ("train", "val", "test") if "val" in names else ("train", "test")
            return {split: np.flatnonzero(names == split) for split in kinds}
        train, test = draw_split(self.first.rows, _TEST_FRACTION, self.how.seed, self.group_names)
        whole = " and with every group on one side" if self.group_names else ""
        what = f"no split in the source: made a 70/30 split with seed {self.how.seed}, without using labels{whole}"
        self.split_remarks.append(what)
        self.notes.append(what)
        return {"train": train, "test": test}

    @cached_property
    def own_names(self) -> dict[str, tuple[str, ...]]:
        """Modality to its own ids."""
        return {name: column.text() for name, column in self.own_ids.items()}

    @cached_property
    def names_of_classes(self) -> tuple[str, ...]:
        """The classes' names, the user's or the source's; empty where neither names them."""
        if self.how.class_names:
            return self.how.class_names
        return self.class_names.text() if self.class_names is not None else ()

    @cached_property
    def read_labels(self) -> Labels:
        """The labels, which must be there; InputError where they cannot be read."""
        assert self.labels is not None
        one_class = len(self.names_of_classes) == 1
        values, where = self.labels.read(), self.labels.where
        threshold = self.how.label_threshold
        return read_labels(values, where, self.place(self.labels), column_is_class=one_class, threshold=threshold)
