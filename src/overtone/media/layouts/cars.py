"""``cars``: Cars196, as one list for all images or as the development kit; by default split by class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.features.formats.mat import load_mat
from overtone.media.catalogue import UNLABELLED, Catalogue, catalogue_files
from overtone.media.layouts import Layout, layouts

_ONE_LIST = "cars_annos.mat"
_KIT = "cars_train_annos.mat"
_TEST = ("cars_test_annos_withlabels.mat", "cars_test_annos.mat")


def _matches(path: Path) -> bool:
    """Whether one of the lists lies there or in ``devkit``."""
    return any(_found(path, name) for name in (_ONE_LIST, _KIT))


def _read(source: Path) -> Catalogue:
    """The catalogue; InputError where a list is missing or damaged."""
    rows = list(_one_list(source) if _found(source, _ONE_LIST) else _kit(source))
    names = _classes(source)
    labels = np.array([number for _, number, _ in rows], dtype=np.int64)
    unknown = int((labels == UNLABELLED).sum())
    return catalogue_files(
        source,
        "cars",
        [file for file, _, _ in rows],
        labels=labels,
        class_names=names,
        splits=tuple("test" if test else "train" for _, _, test in rows),
        class_disjoint=True,
        notes=(f"{unknown} test images have no label: {_TEST[0]} is not there",) if unknown else (),
    )


def _one_list(source: Path) -> Iterator[tuple[Path, int, bool]]:
    for entry in _mat(_found(source, _ONE_LIST), "annotations"):
        yield source / str(entry["relative_im_path"]), int(entry["class"]) - 1, bool(entry["test"])


def _kit(source: Path) -> Iterator[tuple[Path, int, bool]]:
    lists = {"cars_train": _found(source, _KIT), "cars_test": _found(source, *_TEST)}
    for folder, file in lists.items():
        for entry in _mat(file, "annotations") if file else ():
            number = int(entry["class"]) - 1 if "class" in (entry.dtype.names or ()) else UNLABELLED
            yield source / folder / str(entry["fname"]), number, folder == "cars_test"


def _classes(source: Path) -> tuple[str, ...]:
    file = _found(source, "cars_meta.mat", _ONE_LIST)
    if file is None:
        raise InputError(f"{source}: the names of the classes are missing", valid="devkit/cars_meta.mat")
    return tuple(str(name) for name in _mat(file, "class_names"))


def _mat(file: Path | None, key: str) -> NDArray[np.void]:
    """The entries of a variable."""
    assert file is not None
    found = load_mat(file, squeeze_me=True)
    if key not in found:
        got = ", ".join(name for name in found if not name.startswith("__")) or "nothing"
        raise InputError(f"{file}: no variable {key!r}", got=got, fix="take the file as the data set has it")
    return np.atleast_1d(found[key])


def _found(source: Path, *names: str) -> Path | None:
    """The first of the files that is there, in the folder or in its ``devkit``."""
    places = (folder / name for name in names for folder in (source, source / "devkit"))
    return next((place for place in places if place.is_file()), None)


layouts.register("cars")(Layout(_read, _matches, f"{_ONE_LIST}, or devkit/{_KIT} beside cars_train/"))
