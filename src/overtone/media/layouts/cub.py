"""``cub``: CUB-200-2011, birds of 200 species; by default split by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from overtone.core import InputError
from overtone.media.catalogue import Catalogue, catalogue_files, number_classes
from overtone.media.layouts import Layout, layouts, read_pairs

_LISTS = ("images.txt", "image_class_labels.txt", "classes.txt")


def _matches(path: Path) -> bool:
    """Whether the lists and the folder of images lie there."""
    return all((path / name).is_file() for name in _LISTS) and (path / "images").is_dir()


def _read(source: Path) -> Catalogue:
    """The catalogue; InputError where a list is damaged or does not name every image."""
    images, labels, classes = (dict(read_pairs(source / name)) for name in _LISTS)
    train = dict(read_pairs(source / "train_test_split.txt")) if (source / "train_test_split.txt").is_file() else {}
    for name, listed in (("image_class_labels.txt", labels), ("train_test_split.txt", train)):
        if listed and (unnamed := images.keys() - listed.keys()):
            raise InputError(f"{source / name}: no line for image {min(unnamed)}", fix="unpack the download again")
    numbers, _ = number_classes([labels[key].strip() for key in images], list(classes))
    if (numbers < 0).any():
        key = list(images)[int(np.argmin(numbers))]
        raise InputError(f"{source / 'image_class_labels.txt'}: image {key} has a class that classes.txt does not name")
    return catalogue_files(
        source,
        "cub",
        [source / "images" / name.strip() for name in images.values()],
        root=source / "images",
        labels=numbers,
        class_names=tuple(name.strip().partition(".")[2] or name.strip() for name in classes.values()),
        splits=tuple("train" if train[key].strip() == "1" else "test" for key in images) if train else (),
        class_disjoint=True,
    )


layouts.register("cub")(Layout(_read, _matches, f"{', '.join(_LISTS)} and images/"))
