"""``load`` and ``load_views``: from a file, a folder, a corpus name or arrays to checked features."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import checksum
from overtone.features.arrays import Table, table_of
from overtone.features.base import Features, Provenance, label_kind
from overtone.features.checks import check
from overtone.features.corpora import corpora
from overtone.features.draft import Draft, Sequences
from overtone.features.formats import format_of
from overtone.features.labels import targets_of
from overtone.features.layout import gather, lay_out, listing
from overtone.features.paired import PairedFeatures, one_view, paired
from overtone.features.truth import truth_of
from overtone.features.views import View, apply_view, view_of


def load(
    source: str | Path,
    *,
    modalities: tuple[str, str] | None = None,
    view: str | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
) -> PairedFeatures:
    """Read features from a file, a folder or a built-in corpus; everything is checked here, once.

    Args:
        source: A file (.npz, .h5, .mat, .parquet, .safetensors), a folder (official AVE, or .npy files) or the
            name of a corpus (``"split-digits"``, ``"simulated"``).
        modalities: Keys of the two modalities where they are not ``audio`` and ``visual``.
        view: A published part of the corpus (``"ave-15"``).
        sequences: What becomes of (N, T, d): ``"mean"`` over time, or ``"keep"``.
        seed: Of a made corpus, and of the 70/30 split where the source has none.

    Returns:
        Checked features; what was decided is in ``provenance.notes``, what looks doubtful in ``provenance.warnings``.

    Raises:
        InputError: The source does not exist or cannot be used; the sentence names file, key, row and remedy.

    Example:
        >>> data = load("split-digits")
        >>> data.names, data.shapes, {name: len(rows) for name, rows in data.splits.items()}
        (('left', 'right'), ((32,), (32,)), {'train': 1257, 'test': 540})
    """
    part = view_of(view)
    with opened(source, seed) as table:
        return checked_pair(lay_out(table, modalities, sequences, seed), part)


def load_views(
    source: str | Path,
    *,
    modalities: tuple[str, ...] | None = None,
    view: str | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
) -> Features:
    """Read features of one view or of two modalities; everything is checked as by :func:`load`.

    Args:
        source: As for :func:`load`; a file may hold a single array with a row per clip.
        modalities: Key of the one view, or keys of the two modalities, where they cannot be told.
        view: A published part of the corpus (``"ave-15"``).
        sequences: What becomes of (N, T, d): ``"mean"`` over time, or ``"keep"``.
        seed: Of a made corpus, and of the 70/30 split where the source has none.

    Returns:
        Checked features; :class:`PairedFeatures` where there are two modalities.

    Raises:
        InputError: As :func:`load`, but for a single view, which is welcome.

    Example:
        >>> data = load_views("digits")
        >>> data.names, data.shapes, {name: len(rows) for name, rows in data.splits.items()}
        (('image',), ((64,),), {'train': 1257, 'test': 540})
        >>> load_views("split-digits", modalities=("left",)).shapes
        ((32,),)
    """
    part = view_of(view)
    with opened(source, seed) as table:
        return checked(lay_out(table, modalities, sequences, seed), part)


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
    return checked_pair(lay_out(table_of(arrays, source, "arrays"), modalities, sequences, seed))


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
        modalities: Key of the one view, or keys of the two modalities, where they cannot be told.
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
    return checked(lay_out(table_of(arrays, source, "arrays"), modalities, sequences, seed))


@contextmanager
def opened(source: str | Path, seed: int) -> Iterator[Table]:
    """The table of a source; closed at the end.

    Raises:
        InputError: There is no such file, folder or corpus.
    """
    if isinstance(source, str) and source in corpora:
        arrays = corpora[source](seed)
        yield table_of(arrays, source, "corpus")
        return
    path = Path(source).expanduser()
    if not path.exists():
        close = difflib.get_close_matches(str(source), corpora, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "check the path"
        raise InputError(
            f"{source}: no such file or folder", valid=f"a path, or a corpus: {', '.join(corpora)}", fix=fix
        )
    table = format_of(path).read(path)
    try:
        yield table
    finally:
        table.close()


def checked_pair(draft: Draft, view: View | None = None) -> PairedFeatures:
    """The features of a draft of two modalities that has no problems.

    Raises:
        InputError: It is of one view, which is said before that is read, or as :func:`checked`.
    """
    first, *others = draft.modalities
    if not others:
        raise one_view(draft.table.source, first, listing(gather(draft.table.arrays)))
    return paired(checked(draft, view))


def checked(draft: Draft, view: View | None = None) -> Features:
    """The features of a draft that has no problems.

    Raises:
        InputError: The first problem that a check finds.
    """
    warnings = []
    for finding in check(draft):
        if finding.fatal:
            raise finding.error
        warnings.append(str(finding.error))
    return assemble(draft, view, tuple(warnings))


def assemble(draft: Draft, view: View | None = None, warnings: tuple[str, ...] = ()) -> Features:
    """The features of a draft whose checks are behind it.

    Raises:
        InputError: The view does not fit the corpus.
    """
    features, names = _matched(draft)
    targets, class_names = targets_of(draft)
    kind = PairedFeatures if len(features) == 2 else Features
    data = kind(
        modalities=features,
        ids=names,
        targets=targets,
        label_kind=label_kind(targets),
        class_names=class_names,
        splits=draft.splits,
        media={name: column.text() for name, column in draft.media.items()},
        truth=truth_of(draft),
    )
    if view is not None:
        data = apply_view(data, view)
        draft.notes.append(view.note)
    table = draft.table
    identity = [*data.modalities.values(), *([] if data.targets is None else [data.targets]), *data.splits.values()]
    provenance = Provenance(table.source, table.reader, checksum(*identity), tuple(draft.notes), warnings)
    return replace(data, provenance=provenance)


def _matched(draft: Draft) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Features in one row order, and the clips' ids."""
    features = {name: draft.features(name) for name in draft.modalities}
    if not draft.own_ids:
        rows = draft.first.rows
        return features, draft.ids.text() if draft.ids is not None else tuple(map(str, range(rows)))
    (_, names), (second, others) = draft.own_names.items()
    if names != others:
        place = {name: row for row, name in enumerate(others)}
        features[second] = features[second][torch.tensor([place[name] for name in names])]
        draft.notes.append(f"{second}: rows matched to the other modality's by id")
    return features, names
