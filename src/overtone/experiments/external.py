"""Embeddings that were made elsewhere as one more method of a comparison."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from overtone.core import InputError
from overtone.features import Features, PairedFeatures, load_views
from overtone.methods.base import methods as registered

log = logging.getLogger("overtone")


@dataclass(frozen=True)
class External:
    """Embeddings under a name.

    Attributes:
        name: What the comparison calls them.
        files: One per training elsewhere, such as one per seed.
    """

    name: str
    files: tuple[Path, ...]


def split_methods(words: Iterable[str]) -> tuple[list[str], list[External]]:
    """Names of methods, and ``NAME=FILE[,FILE...]``, which stands for embeddings that were made elsewhere.

    Raises:
        InputError: A name is empty, given twice or that of a method, or a file is not there.

    Example:
        >>> split_methods(["cca", "dcca"])
        (['cca', 'dcca'], [])
    """
    names: list[str] = []
    externals: list[External] = []
    for word in words:
        name, given, files = word.partition("=")
        if not given:
            names.append(word)
            continue
        paths = tuple(Path(file).expanduser() for file in files.split(",") if file)
        if not name or not paths or "/" in name:
            raise InputError(
                "embeddings are given a name", got=repr(word), fix="write for example other=embeddings.npz"
            )
        if name in registered:
            raise InputError(
                f"{name} is a method, not a name for embeddings", got=repr(word), fix="choose another name"
            )
        for path in paths:
            if not path.exists():
                raise InputError(f"{path}: no such file of embeddings", got=repr(word))
        externals.append(External(name, paths))
    several = [*names, *(one.name for one in externals)]
    if duplicate := next((name for name in several if several.count(name) > 1), None):
        raise InputError(f"{duplicate} is named twice", fix="name each method once")
    return names, externals


def read_external(path: Path, data: PairedFeatures, split: str = "test") -> dict[str, torch.Tensor]:
    """Embeddings of the rows of a split, in their order.

    Rows are found by the clips' ids. A file without the ids of ``data`` is taken row by row if it has as many rows as
    the data, or as the split.

    Args:
        path: A file in the plain layout, as ``overtone embed`` writes it, with the modalities of ``data``.
        data: The corpus.
        split: Whose rows.

    Returns:
        Modality to (n, e) rows.

    Raises:
        InputError: The file cannot be read, lacks a modality or clips, or modalities have other widths.
    """
    found = load_views(path, modalities=data.names)
    if len(set(found.shapes)) > 1:
        shapes = " and ".join("×".join(map(str, shape)) for shape in found.shapes)
        raise InputError(f"{path}: embeddings of both modalities lie in one space", got=shapes, valid="one width")
    rows = _rows_of(found, data, split, path)
    return {name: found.modalities[name][rows] for name in data.names}


def _rows_of(found: Features, data: PairedFeatures, split: str, path: Path) -> torch.Tensor:
    """The row of the file for each clip of the split."""
    members = data.splits[split]
    wanted = [data.ids[row] for row in members.tolist()]
    place = {name: row for row, name in enumerate(found.ids)}
    missing = [name for name in wanted if name not in place]
    numbered = _numbered(found.ids) or _numbered(data.ids)
    if not missing and not (numbered and len(found) != len(data)):
        return torch.tensor([place[name] for name in wanted])
    if numbered and len(found) == len(data):
        log.info("%s: has no ids of the data, so it is taken row by row", path)
        return members
    if numbered and len(found) == len(members):
        log.info("%s: has as many rows as the split %s, so it is taken row by row", path, split)
        return torch.arange(len(members))
    what = f"{path}: {len(missing)} of {len(wanted)} clips of the split {split} have no embedding"
    got = f"{len(found)} rows, first missing id {missing[0]!r}" if missing else f"{len(found)} rows without ids"
    raise InputError(what, got=got, valid=f"the ids of {data.provenance.source}, or {len(data)} rows in its order")


def _numbered(ids: Sequence[str]) -> bool:
    """Whether ids are the rows' numbers, as clips without ids have them."""
    return all(name == str(row) for row, name in enumerate(ids))
