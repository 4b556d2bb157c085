"""The rows of a result before its features exist: ids, labels and splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features import Features, Provenance, split_by_class
from overtone.features.splitting import draw_split, shuffle_rows
from overtone.media.catalogue import Catalogue, Source

_TEST_FRACTION = 0.3
"""Share of the clips that a random split tests on."""

Split = Literal["official", "class-disjoint", "random"]


def outline_features(
    catalogue: Catalogue, split: str | None = None, limit: int | None = None, seed: int = 0
) -> Features:
    """Features of width 0: ids, labels, splits and paths of clips, before any is decoded.

    Args:
        catalogue: The clips, of one or two modalities.
        split: ``"official"``, ``"class-disjoint"`` or ``"random"``; the layout's usual one if None.
        limit: Number of clips, drawn at random, in the original order, those with all modalities first; None for all.
        seed: Of the draw and of a random split.

    Returns:
        Features of width 0 with ids, targets, splits, media, groups, metadata and notes.

    Raises:
        InputError: The split is unknown, or the clips do not have what it needs.
    """
    chosen = split or default_split(catalogue)
    _check(catalogue, chosen)
    notes = list(catalogue.notes)
    splits = _official(catalogue, notes) if chosen == "official" else {}
    data = Features(
        modalities={name: torch.empty(len(catalogue), 0) for name in catalogue.media},
        ids=catalogue.ids,
        labels=_targets(catalogue),
        label_kind="none" if catalogue.labels is None else "single",
        class_names=catalogue.class_names,
        splits=splits,
        media=dict(catalogue.files),
        groups=catalogue.groups,
        metadata={**_times(catalogue), **catalogue.metadata},
        provenance=Provenance(str(catalogue.source), f"media:{catalogue.layout}"),
    )
    if chosen == "class-disjoint":
        data = split_by_class(data)
        notes += data.provenance.notes
    if limit is not None and limit < len(data):
        data = data.subset(_draw(catalogue, data.ids, limit, seed))
        first = f", those with {' and '.join(data.names)} first" if len(data.names) > 1 else ""
        notes.append(f"took {limit} of the {catalogue.what} at random, with seed {seed}{first}")
    if chosen == "random":
        train, test = map(torch.from_numpy, draw_split(len(data), _TEST_FRACTION, seed, data.groups))
        data = replace(data, splits={"train": train, "test": test})
        notes.append(f"made a random 70/30 split with seed {seed}, without using labels")
    return replace(data, source_rows=None, provenance=replace(data.provenance, notes=tuple(notes)))


def _draw(catalogue: Catalogue, ids: Sequence[str], limit: int, seed: int) -> np.ndarray[Any, Any]:
    """Sorted row numbers of so many clips; those that lack a modality are taken only if the others are too few.

    Files are not opened: a video counts as one with sound.
    """
    rows = shuffle_rows(len(ids), seed)
    if len(catalogue.media) == 1:
        return np.sort(rows[:limit])
    place = {name: row for row, name in enumerate(catalogue.ids)}
    whole, others = list[int](), list[int]()
    for row in rows.tolist():
        media = (find(place[ids[row]]) for find in catalogue.media.values())
        (whole if all(map(_is_there, media)) else others).append(row)
        if len(whole) == limit:
            break
    return np.sort([*whole, *others][:limit])


def _is_there(medium: Source | None) -> bool:
    return medium.is_file() if isinstance(medium, Path) else medium is not None


def _times(catalogue: Catalogue) -> dict[str, tuple[float | None, ...]]:
    """When clips of longer recordings begin and end, as metadata."""
    if not any(span != (None, None) for span in catalogue.spans):
        return {}
    return {"start": tuple(start for start, _ in catalogue.spans), "stop": tuple(stop for _, stop in catalogue.spans)}


def default_split(catalogue: Catalogue) -> str:
    """The usual split of a data set: by class where customary, else the official one, or ``"random"`` without one."""
    if catalogue.class_disjoint and catalogue.labels is not None:
        return "class-disjoint"
    return "official" if any(catalogue.splits) else "random"


def _check(catalogue: Catalogue, split: str) -> None:
    if split not in get_args(Split):
        raise InputError("unknown split", got=repr(split), valid=", ".join(get_args(Split)))
    if split == "official" and not any(catalogue.splits):
        what = f"{catalogue.source}: the layout {catalogue.layout} has no split of its own here"
        raise InputError(what, fix="take --split random")
    if split == "class-disjoint" and catalogue.labels is None:
        fix = "put them into one folder per class, or take --split random"
        raise InputError(f"{catalogue.source}: a split by class needs labels, and there are none", fix=fix)


def _official(catalogue: Catalogue, notes: list[str]) -> dict[str, Tensor]:
    """The layout's splits; where no image to test on has a label, as in contests, ``val`` becomes ``test``."""
    names = np.array(catalogue.splits)
    testable = (names == "test") & (True if catalogue.labels is None else catalogue.labels >= 0)
    if not testable.any() and (names == "val").any():
        unlabelled = int((names == "test").sum())
        why = f"the {unlabelled} {catalogue.what} of 'test' have no labels" if unlabelled else "there is no 'test'"
        notes.append(f"took 'val' as 'test': {why}")
        names[names == "test"] = ""
        names[names == "val"] = "test"
    rows = {name: torch.from_numpy(np.flatnonzero(names == name)) for name in ("train", "val", "test")}
    rows = {name: members for name, members in rows.items() if len(members)}
    if not {"train", "test"} <= rows.keys():
        what = f"{catalogue.source}: its split has no {catalogue.what} to train on, or none to test on"
        got = ", ".join(f"{len(members)} {name}" for name, members in sorted(rows.items())) or "nothing"
        raise InputError(what, got=got, fix="take --split random")
    return rows


def _targets(catalogue: Catalogue) -> Tensor | None:
    """(N, C) one-hot rows; a row of zeros where the class is unknown."""
    if catalogue.labels is None:
        return None
    targets = torch.zeros(len(catalogue), len(catalogue.class_names))
    known = torch.from_numpy(np.flatnonzero(catalogue.labels >= 0))
    targets[known, torch.from_numpy(catalogue.labels)[known]] = 1.0
    return targets
