"""``load`` and its relatives: from a file, a folder, a corpus name or arrays to checked features."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import Unpack

from overtone.core import InputError, require_kind
from overtone.core.arguments import checks_types
from overtone.core.sources import expand_home, require_file
from overtone.features.arrays import ArrayLike, Table, make_table
from overtone.features.assembly import assemble
from overtone.features.base import Features, PairedFeatures
from overtone.features.checks import find_issues
from overtone.features.corpora import corpora
from overtone.features.formats import find_format
from overtone.features.formats.mat import turn
from overtone.features.joining import parse_source
from overtone.features.layout import join_parts, list_keys
from overtone.features.reading import CheckedReading, Reading, check_reading
from overtone.features.single_view import require_pairs, single_view_error

_IN_MEMORY = "for arrays in memory call overtone.features.from_arrays({name: array, ...})"


@checks_types
def load(
    source: str | Path, *, modalities: tuple[str, str] | None = None, **reading: Unpack[Reading]
) -> PairedFeatures:
    """Read features from a file, a folder or a built-in corpus; everything is checked here, once.

    Args:
        source: A file (.npz, .h5, .mat, .parquet, .safetensors), a folder (official AVE, or .npy files) or the
            name of a corpus (``"split-digits"``, ``"simulated"``).
        modalities: Keys of the two modalities where they are not ``audio`` and ``visual``.
        reading: ``subset``, ``sequences``, ``label_key`` and others, as :class:`Reading` describes them.

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


@checks_types
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


@contextmanager
def open_source(source: str | Path | Table, how: CheckedReading) -> Iterator[Table]:
    """The table of a source, closed at the end; InputError where there is no such file, folder or corpus."""
    if isinstance(source, Table):
        yield source
        return
    if isinstance(source, str) and source in corpora:
        yield make_table(corpora[source](how.seed), source, "corpus")
        return
    require_kind(source, (str, PathLike), "features come from a file, a folder or a corpus", fix=_IN_MEMORY)
    path = expand_home(source)
    if not path.exists():
        close = difflib.get_close_matches(str(source), corpora, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "check the path"
        valid = f"a path, or a corpus: {', '.join(corpora)}"
        raise InputError(f"{source}: no such file or folder", valid=valid, fix=fix)
    table = find_format(path).read(path if path.is_dir() else require_file(path))
    try:
        yield turn(table, how.clips, how.label_key) if table.reader == "mat" else table
    finally:
        table.close()


def read_table(table: Table, modalities: tuple[str, ...] | None = None, **reading: Unpack[Reading]) -> Features:
    """The same as :func:`load_views` for a table that was read already."""
    return _read(table, modalities, reading)


def _read(
    source: str | Path | Table, modalities: tuple[str, ...] | None, reading: Reading, *, pairs: bool = False
) -> Features:
    """Checked features; raises the first problem that a check finds. A single view is refused before it is read."""
    how = check_reading(**reading)
    with open_source(source, how) as table:
        parsed = parse_source(table, modalities, how)
        if pairs and len(parsed.modalities) == 1:
            raise single_view_error(table.source, next(iter(parsed.modalities)), list_keys(join_parts(table.arrays)))
        warnings: list[str] = []
        for issue in find_issues(parsed):
            if issue.fatal:
                raise issue.error
            (parsed.notes if issue.harmless else warnings).append(str(issue.error))
            if issue.of_splits:
                parsed.split_remarks.append(str(issue.error))
        arrays = assemble(parsed, how.subset, tuple(warnings))
    kind = PairedFeatures if len(arrays.modalities) == 2 else Features
    found = {field.name: _to_tensors(getattr(arrays, field.name)) for field in fields(arrays)}
    return kind(**found, label_kind=arrays.label_kind)


def _to_tensors(value: object) -> Any:
    """Arrays, and those in a mapping, as tensors; anything else as it is."""
    import torch

    if isinstance(value, dict):
        return {key: _to_tensors(item) for key, item in value.items()}
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
