"""``cars``: Cars196, as one list for all images or as the development kit; by default split by class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.features.formats import report_damage
from overtone.features.formats.probing import read_matlab
from overtone.media.catalogue import UNLABELLED, Catalogue, catalogue_files
from overtone.media.layouts import Layout, layouts

_ONE_LIST = "cars_annos.mat"
_KIT = "cars_train_annos.mat"
_TEST = ("cars_test_annos_withlabels.mat", "cars_test_annos.mat")
_UNCHANGED = "take the file as the data set has it"


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
    rows = _annotations(_found(source, _ONE_LIST), "relative_im_path", "class", "test")
    for file, label, test in zip(rows["relative_im_path"], rows["class"], rows["test"]):
        yield source / str(file), int(label) - 1, bool(test)


def _kit(source: Path) -> Iterator[tuple[Path, int, bool]]:
    lists = {"cars_train": _found(source, _KIT), "cars_test": _found(source, *_TEST)}
    for folder, list_file in lists.items():
        rows = _annotations(list_file, "fname") if list_file else {"fname": np.empty(0)}
        labels = rows.get("class", np.full(len(rows["fname"]), UNLABELLED + 1))
        for file, label in zip(rows["fname"], labels):
            yield source / folder / str(file), int(label) - 1, folder == "cars_test"


def _classes(source: Path) -> tuple[str, ...]:
    file = _found(source, "cars_meta.mat", _ONE_LIST)
    if file is None:
        raise InputError(f"{source}: the names of the classes are missing", valid="devkit/cars_meta.mat")
    found = _variable(file, "class_names")
    if not isinstance(found, list) or not all(isinstance(name, np.ndarray) and name.size == 1 for name in found):
        raise InputError(f"{file}, key 'class_names': not a list of names", fix=_UNCHANGED)
    return tuple(str(name.item()) for name in found)


def _annotations(file: Path | None, *fields: str) -> dict[str, NDArray[Any]]:
    """Field to a value for each image; ``fields`` must be there."""
    assert file is not None
    found = _variable(file, "annotations")
    if not isinstance(found, dict) or not all(isinstance(column, np.ndarray) for column in found.values()):
        what = f"{file}, key 'annotations': not a list with one entry per image"
        raise InputError(what, got=found if isinstance(found, str) else "something else", fix=_UNCHANGED)
    if missing := [name for name in fields if name not in found]:
        got = ", ".join(found) or "nothing"
        raise InputError(f"{file}, key 'annotations': no field {missing[0]!r}", got=got, fix=_UNCHANGED)
    return {name: column.ravel() for name, column in found.items()}


def _variable(file: Path, key: str) -> object:
    with report_damage(file, "a MATLAB file"):
        found = read_matlab(file, records=True)
    if key not in found:
        raise InputError(f"{file}: no variable {key!r}", got=", ".join(found) or "nothing", fix=_UNCHANGED)
    return found[key]


def _found(source: Path, *names: str) -> Path | None:
    """The first of the files that is there, in the folder or in its ``devkit``."""
    places = (folder / name for name in names for folder in (source, source / "devkit"))
    return next((place for place in places if place.is_file()), None)


layouts.register("cars")(Layout(_read, _matches, f"{_ONE_LIST}, or devkit/{_KIT} beside cars_train/"))
