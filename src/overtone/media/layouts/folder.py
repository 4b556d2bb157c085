"""``folder``: images in one folder per class, maybe below folders for the splits; or simply images."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from overtone.core import InputError
from overtone.features.class_order import sort_classes
from overtone.features.parsed_table import SPLITS as FEATURE_SPLITS
from overtone.media.catalogue import Catalogue, catalogue_files, number_classes
from overtone.media.decoding.kinds import IMAGE_SUFFIXES
from overtone.media.layouts import Layout, layouts

SPLITS = {**FEATURE_SPLITS, "training": "train", "testing": "test"}
"""Folders of splits, in lower case, and what each becomes."""
_SHOWN = 3
"""Files that a note names."""


def find_pictures(folder: Path) -> list[Path]:
    """Image files anywhere below a folder, sorted by path; hidden ones are passed over."""
    return sorted(walk(folder, IMAGE_SUFFIXES))


def _matches(path: Path) -> bool:
    """Whether an image lies anywhere below."""
    return path.is_dir() and next(walk(path, IMAGE_SUFFIXES), None) is not None


def _read(source: Path) -> Catalogue:
    """The catalogue; the class is the folder, the split the one above it where all folders at the top are splits."""
    files = find_pictures(source)
    parts = [file.relative_to(source).parts for file in files]
    split_by_folder = all(len(part) > 1 and part[0].lower() in SPLITS for part in parts)
    splits = tuple(SPLITS[part[0].lower()] for part in parts) if split_by_folder else ()
    inner = [part[split_by_folder:] for part in parts]
    with_class = [len(part) > 1 for part in inner]
    others = note_others(source, IMAGE_SUFFIXES)
    if not any(with_class):
        notes = ("no folders of classes: no labels", *others)
        return catalogue_files(source, "folder", files, splits=splits, notes=notes)
    if not all(with_class) and not split_by_folder:
        beside = files[with_class.index(False)]
        fix = "move it (and others like it) into a folder that names its class, or away"
        raise InputError(f"{beside}: lies beside folders of classes, not in one of them", fix=fix)
    classes = sort_classes(part[0] for part in inner if len(part) > 1)
    labels, names = number_classes([part[0] if len(part) > 1 else "" for part in inner], classes)
    return catalogue_files(source, "folder", files, labels=labels, class_names=names, splits=splits, notes=others)


def walk(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Files with these suffixes, in small letters, below a folder, in any order; hidden ones are passed over."""
    return (path for path in _all_files(folder) if path.suffix.lower() in suffixes and path.is_file())


def note_others(folder: Path, suffixes: Collection[str]) -> tuple[str, ...]:
    """A note on what is passed over below a folder, for its suffix or as it is no file; none where there is nothing."""
    passed = (path for path in _all_files(folder) if path.suffix.lower() not in suffixes or not path.is_file())
    others = sorted(path.relative_to(folder).as_posix() for path in passed)
    if not others:
        return ()
    shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
    what = "1 file of another kind" if len(others) == 1 else f"{len(others)} files of other kinds"
    return (f"passed over {what}: {shown}",)


def _all_files(folder: Path) -> Iterator[Path]:
    for place, inside, names in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


layouts.register("folder")(Layout(_read, _matches, "image files, in a folder per class or not", fallback=True))
