"""``load`` and ``load_views``: from a file, a folder, a corpus name or arrays to checked features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overtone.features.arrays import make_table
from overtone.features.assembly import FeatureArrays, assemble, open_source
from overtone.features.base import Features, PairedFeatures, require_pairs
from overtone.features.checks import find_issues
from overtone.features.issues import single_view_error
from overtone.features.layout import join_parts, list_keys, parse_table
from overtone.features.parsed_table import ParsedTable, Sequences
from overtone.features.subsets import Subset, find_subset


def load(
    source: str | Path,
    *,
    modalities: tuple[str, str] | None = None,
    subset: str | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
    view: str | None = None,
) -> PairedFeatures:
    """Read features from a file, a folder or a built-in corpus; everything is checked here, once.

    Args:
        source: A file (.npz, .h5, .mat, .parquet, .safetensors), a folder (official AVE, or .npy files) or the
            name of a corpus (``"split-digits"``, ``"simulated"``).
        modalities: Keys of the two modalities where they are not ``audio`` and ``visual``.
        subset: A published part of the corpus (``"ave-15"``).
        sequences: What becomes of (N, T, d): ``"mean"`` over time, or ``"keep"``.
        seed: Of a generated corpus, and of the 70/30 split where the source has none.
        view: The former name of ``subset``.

    Returns:
        Checked features; what was decided is in ``provenance.notes``, what may be wrong in ``provenance.warnings``.

    Raises:
        InputError: The source does not exist or cannot be used; the sentence names file, key, row and remedy.

    Example:
        >>> data = load("split-digits")
        >>> data.names, data.shapes, {name: len(rows) for name, rows in data.splits.items()}
        (('left', 'right'), ((32,), (32,)), {'train': 1257, 'test': 540})
    """
    part = find_subset(subset, view)
    with open_source(source, seed) as table:
        return _check_pairs(parse_table(table, modalities, sequences, seed), part)


def load_views(
    source: str | Path,
    *,
    modalities: tuple[str, ...] | None = None,
    subset: str | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
    view: str | None = None,
) -> Features:
    """Read features of one view or of two modalities; everything is checked as by :func:`load`.

    Args:
        source: As for :func:`load`; a file may hold a single array with a row per clip.
        modalities: Key of the one view, or keys of the two modalities, if they are not recognised.
        subset: A published part of the corpus (``"ave-15"``).
        sequences: What becomes of (N, T, d): ``"mean"`` over time, or ``"keep"``.
        seed: Of a generated corpus, and of the 70/30 split where the source has none.
        view: The former name of ``subset``.

    Returns:
        Checked features; :class:`PairedFeatures` where there are two modalities.

    Raises:
        InputError: As :func:`load`; a single view is accepted.

    Example:
        >>> data = load_views("digits")
        >>> data.names, data.shapes, {name: len(rows) for name, rows in data.splits.items()}
        (('image',), ((64,),), {'train': 1257, 'test': 540})
        >>> load_views("split-digits", modalities=("left",)).shapes
        ((32,),)
    """
    part = find_subset(subset, view)
    with open_source(source, seed) as table:
        return _check(parse_table(table, modalities, sequences, seed), part)


def from_arrays(
    arrays: Mapping[str, Any],
    *,
    modalities: tuple[str, str] | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
    source: str = "arrays",
) -> PairedFeatures:
    """The same as :func:`load` for arrays in memory.

    Args:
        arrays: Key to array, tensor or list in the plain layout (``audio``, ``visual``, and maybe ``y``, ``ids``, ...).
        modalities: Keys of the two modalities where they are not ``audio`` and ``visual``.
        sequences: What becomes of (N, T, d): ``"mean"`` over time, or ``"keep"``.
        seed: Of the 70/30 split where none is given.
        source: What messages and the provenance call the arrays.

    Returns:
        Checked features.

    Raises:
        InputError: As :func:`load`.

    Example:
        >>> from_arrays({"audio": [[1.0], [2.0]], "visual": [[3.0], [5.0]], "split": ["train", "test"]}).shapes
        ((1,), (1,))
    """
    return _check_pairs(parse_table(make_table(arrays, source, "arrays"), modalities, sequences, seed))


def views_from_arrays(
    arrays: Mapping[str, Any],
    *,
    modalities: tuple[str, ...] | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
    source: str = "arrays",
) -> Features:
    """The same as :func:`load_views` for arrays in memory.

    Args:
        arrays: Key to array, tensor or list in the plain layout (``image``, and maybe ``y``, ``ids``, ...).
        modalities: Key of the one view, or keys of the two modalities, if they are not recognised.
        sequences: What becomes of (N, T, d): ``"mean"`` over time, or ``"keep"``.
        seed: Of the 70/30 split where none is given.
        source: What messages and the provenance call the arrays.

    Returns:
        Checked features; :class:`PairedFeatures` where there are two modalities.

    Raises:
        InputError: As :func:`load_views`.

    Example:
        >>> views_from_arrays({"image": [[1.0], [2.0]], "y": ["cat", "dog"], "split": ["train", "test"]}).class_names
        ('cat', 'dog')
    """
    return _check(parse_table(make_table(arrays, source, "arrays"), modalities, sequences, seed))


def _check_pairs(table: ParsedTable, subset: Subset | None = None) -> PairedFeatures:
    """As :func:`_check`, for two modalities; a single view is refused before it is read."""
    first, *others = table.modalities
    if not others:
        raise single_view_error(table.source, first, list_keys(join_parts(table.table.arrays)))
    return require_pairs(_check(table, subset))


def _check(table: ParsedTable, subset: Subset | None = None) -> Features:
    """The features of a parsed table; raises the first problem that a check finds."""
    warnings = []
    for issue in find_issues(table):
        if issue.fatal:
            raise issue.error
        warnings.append(str(issue.error))
    return _to_tensors(assemble(table, subset, tuple(warnings)))


def _to_tensors(arrays: FeatureArrays) -> Features:
    import torch

    kind = PairedFeatures if len(arrays.modalities) == 2 else Features
    return kind(
        modalities={name: torch.from_numpy(rows) for name, rows in arrays.modalities.items()},
        ids=arrays.ids,
        targets=None if arrays.targets is None else torch.from_numpy(arrays.targets),
        label_kind=arrays.label_kind,
        class_names=arrays.class_names,
        splits={name: torch.from_numpy(rows) for name, rows in arrays.splits.items()},
        media=arrays.media,
        truth={key: torch.from_numpy(values) for key, values in arrays.truth.items()},
        provenance=arrays.provenance,
    )
