"""``load`` and its relatives: from a file, a folder, a corpus name or arrays to checked features."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypedDict, get_args

import numpy as np
from typing_extensions import Unpack

from overtone.core import InputError
from overtone.core.files import checksum
from overtone.features.arrays import ArrayLike, Table, Values, make_table
from overtone.features.base import (
    EVENTS,
    Features,
    LabelKind,
    PairedFeatures,
    Provenance,
    find_label_kind,
    require_pairs,
    single_view_error,
)
from overtone.features.checks import find_issues
from overtone.features.corpora import corpora
from overtone.features.formats import find_format
from overtone.features.labels import build_targets
from overtone.features.layout import join_parts, list_keys, parse_table
from overtone.features.parsed_table import ParsedTable, Sequences
from overtone.features.subsets import Subset, find_subset
from overtone.features.truth import build_truth


class Reading(TypedDict, total=False):
    """How features are read, besides the names of modalities: keywords of :func:`load` and its relatives."""

    subset: str | None
    """A published part of the corpus (``"ave-15"``)."""
    sequences: Sequences
    """What becomes of (N, T, d): ``"mean"`` over time, the default, or ``"keep"``."""
    seed: int
    """Of a generated corpus, and of the 70/30 split where the source has none; 0 by default."""
    view: str | None
    """The former name of ``subset``."""


def load(
    source: str | Path, *, modalities: tuple[str, str] | None = None, **reading: Unpack[Reading]
) -> PairedFeatures:
    """Read features from a file, a folder or a built-in corpus; everything is checked here, once.

    Args:
        source: A file (.npz, .h5, .mat, .parquet, .safetensors), a folder (official AVE, or .npy files) or the
            name of a corpus (``"split-digits"``, ``"simulated"``).
        modalities: Keys of the two modalities where they are not ``audio`` and ``visual``.
        reading: ``subset``, ``sequences`` and ``seed``, as :class:`Reading` describes them.

    Returns:
        Checked features; what was decided is in ``provenance.notes``, what may be wrong in ``provenance.warnings``.

    Raises:
        InputError: The source does not exist or cannot be used; the sentence names file, key, row and remedy.

    Example:
        >>> data = load("split-digits")
        >>> data.names, data.shapes, {name: len(rows) for name, rows in data.splits.items()}
        (('left', 'right'), ((32,), (32,)), {'train': 1257, 'test': 540})
    """
    return require_pairs(_read(source, modalities, reading, pairs=True))


def load_views(
    source: str | Path, *, modalities: tuple[str, ...] | None = None, **reading: Unpack[Reading]
) -> Features:
    """Read features of one view or of two modalities; everything is checked as by :func:`load`.

    Args:
        source: As for :func:`load`; a file may hold a single array with a row per clip.
        modalities: Key of the one view, or keys of the two modalities, if they are not recognised.
        reading: As for :func:`load`.

    Returns:
        Checked features; :class:`PairedFeatures` where there are two modalities.

    Raises:
        InputError: As :func:`load`; a single view is accepted.

    Example:
        >>> load_views("split-digits", modalities=("left",)).shapes
        ((32,),)
    """
    return _read(source, modalities, reading)


def from_arrays(
    arrays: Mapping[str, ArrayLike],
    *,
    modalities: tuple[str, str] | None = None,
    source: str = "arrays",
    **reading: Unpack[Reading],
) -> PairedFeatures:
    """The same as :func:`load` for arrays in memory.

    Args:
        arrays: Key to array, tensor, sparse matrix or list in the plain layout (``audio``, ``visual``, ``y``, ...).
        modalities: As for :func:`load`.
        source: What messages and the provenance call the arrays.
        reading: As for :func:`load`.

    Returns:
        Checked features.

    Raises:
        InputError: As :func:`load`.

    Example:
        >>> from_arrays({"audio": [[1.0], [2.0]], "visual": [[3.0], [5.0]], "split": ["train", "test"]}).shapes
        ((1,), (1,))
    """
    return require_pairs(_read(make_table(arrays, source, "arrays"), modalities, reading, pairs=True))


def views_from_arrays(
    arrays: Mapping[str, ArrayLike],
    *,
    modalities: tuple[str, ...] | None = None,
    source: str = "arrays",
    **reading: Unpack[Reading],
) -> Features:
    """The same as :func:`load_views` for arrays in memory.

    Args:
        arrays: Key to array, tensor, sparse matrix or list in the plain layout (``image``, and maybe ``y``, ...).
        modalities: As for :func:`load_views`.
        source: What messages and the provenance call the arrays.
        reading: As for :func:`load`.

    Returns:
        Checked features; :class:`PairedFeatures` where there are two modalities.

    Raises:
        InputError: As :func:`load_views`.

    Example:
        >>> views_from_arrays({"image": [[1.0], [2.0]], "y": ["cat", "dog"], "split": ["train", "test"]}).class_names
        ('cat', 'dog')
    """
    return _read(make_table(arrays, source, "arrays"), modalities, reading)


def check_reading(
    *, subset: str | None = None, sequences: Sequences = "mean", seed: int = 0, view: str | None = None
) -> tuple[Subset | None, Sequences, int]:
    """The subset, what becomes of sequences, and the seed; InputError where a value is not valid."""
    if sequences not in get_args(Sequences):
        raise InputError("sequences are averaged or kept", got=repr(sequences), valid=", ".join(get_args(Sequences)))
    return find_subset(subset, view), sequences, seed


@contextmanager
def open_source(source: str | Path | Table, seed: int) -> Iterator[Table]:
    """The table of a source, closed at the end; InputError where there is no such file, folder or corpus."""
    if isinstance(source, Table):
        yield source
        return
    if isinstance(source, str) and source in corpora:
        yield make_table(corpora[source](seed), source, "corpus")
        return
    path = Path(source).expanduser()
    if not path.exists():
        close = difflib.get_close_matches(str(source), corpora, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "check the path"
        valid = f"a path, or a corpus: {', '.join(corpora)}"
        raise InputError(f"{source}: no such file or folder", valid=valid, fix=fix)
    table = find_format(path).read(path)
    try:
        yield table
    finally:
        table.close()


@dataclass(frozen=True, eq=False)
class FeatureArrays:
    """The fields of :class:`overtone.features.Features` before they are tensors."""

    modalities: dict[str, Values]
    ids: tuple[str, ...]
    targets: Values | None
    class_names: tuple[str, ...]
    splits: dict[str, Values]
    media: dict[str, tuple[str, ...]]
    truth: dict[str, Values]
    provenance: Provenance

    @property
    def label_kind(self) -> LabelKind:
        """What kind of labels the targets are."""
        return find_label_kind(self.targets)


def assemble(table: ParsedTable, subset: Subset | None = None, warnings: tuple[str, ...] = ()) -> FeatureArrays:
    """The arrays of a table without problems; InputError where the corpus lacks a class of the subset."""
    features, ids = _match_rows(table)
    media = {name: column.text() for name, column in table.media.items()}
    data = FeatureArrays(features, ids, *build_targets(table), table.splits, media, build_truth(table), Provenance())
    if subset is not None:
        data = _select(data, subset.classes)
        table.notes.append(subset.note)
    parts = [*data.modalities.values(), *([] if data.targets is None else [data.targets]), *data.splits.values()]
    identity, notes = checksum(*parts), tuple(table.notes)
    provenance = Provenance(table.source, table.table.reader, identity, notes, warnings, table.made_split)
    return replace(data, provenance=provenance)


def _match_rows(table: ParsedTable) -> tuple[dict[str, Values], tuple[str, ...]]:
    """Features in one row order, and the clips' ids."""
    features = {name: table.features(name) for name in table.modalities}
    if not table.own_ids:
        return features, table.ids.text() if table.ids is not None else tuple(map(str, range(table.first.rows)))
    (_, names), (second, others) = table.own_names.items()
    if names != others:
        place = {name: row for row, name in enumerate(others)}
        features[second] = features[second][[place[name] for name in names]]
        table.notes.append(f"{second}: rows matched to the other modality's by id")
    return features, names


def _select(data: FeatureArrays, classes: tuple[str, ...]) -> FeatureArrays:
    """Only the clips of some classes, with targets of these classes."""
    missing = [name for name in classes if name not in data.class_names]
    if missing or data.targets is None:
        what = f"the subset needs classes that the data lack: {', '.join(missing)}"
        raise InputError(what, got=", ".join(data.class_names) or "no labels")
    targets = data.targets[:, [data.class_names.index(name) for name in classes]]
    chosen = targets.sum(axis=1) > 0
    place, rows = np.cumsum(chosen) - 1, np.flatnonzero(chosen)
    splits = {name: place[members[chosen[members]]] for name, members in data.splits.items()}
    return replace(
        data,
        modalities={name: values[rows] for name, values in data.modalities.items()},
        ids=tuple(data.ids[row] for row in rows),
        targets=targets[rows],
        class_names=classes,
        splits={name: members for name, members in splits.items() if len(members)},
        media={name: tuple(paths[row] for row in rows) for name, paths in data.media.items()},
        truth={key: values[rows] if key.startswith(EVENTS) else values for key, values in data.truth.items()},
    )


def _read(
    source: str | Path | Table, modalities: tuple[str, ...] | None, reading: Reading, *, pairs: bool = False
) -> Features:
    """Checked features; raises the first problem that a check finds. A single view is refused before it is read."""
    subset, sequences, seed = check_reading(**reading)
    with open_source(source, seed) as table:
        parsed = parse_table(table, modalities, sequences, seed)
        if pairs and len(parsed.modalities) == 1:
            raise single_view_error(table.source, next(iter(parsed.modalities)), list_keys(join_parts(table.arrays)))
        warnings = []
        for issue in find_issues(parsed):
            if issue.fatal:
                raise issue.error
            warnings.append(str(issue.error))
        arrays = assemble(parsed, subset, tuple(warnings))
    kind = PairedFeatures if len(arrays.modalities) == 2 else Features
    found = {field.name: _to_tensors(getattr(arrays, field.name)) for field in fields(arrays)}
    return kind(**found, label_kind=arrays.label_kind)


def _to_tensors(value: Any) -> Any:
    """Arrays, and those in a mapping, as tensors; anything else as it is."""
    import torch

    if isinstance(value, dict):
        return {key: _to_tensors(item) for key, item in value.items()}
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
