"""``tiny-imagenet``: 200 classes of 64 × 64 pixels, as the archive unpacks."""

from __future__ import annotations

from pathlib import Path

from overtone.core import InputError
from overtone.media.catalogue import Catalogue, catalogue_files, disambiguate, number_classes
from overtone.media.layouts import Layout, layouts, read_lines, read_pairs
from overtone.media.layouts.folder import find_pictures


def _matches(path: Path) -> bool:
    """Whether the list of classes and the folder of training images lie there."""
    return (path / "wnids.txt").is_file() and (path / "train").is_dir()


def _read(source: Path) -> Catalogue:
    """The catalogue; the classes of ``test`` were never published, so those images are left out."""
    wnids = [line.strip() for line in read_lines(source / "wnids.txt")]
    words = dict(read_pairs(source / "words.txt")) if (source / "words.txt").is_file() else {}
    names = disambiguate([words.get(wnid, wnid).split(",")[0].strip() for wnid in wnids], wnids)
    train, val = find_pictures(source / "train"), find_pictures(source / "val")
    annotated = read_pairs(source / "val" / "val_annotations.txt") if val else []
    wnid_of = {name: rest.split()[0] for name, rest in annotated}
    for file in val:
        if file.name not in wnid_of:
            raise InputError(f"{file}: has no line in val_annotations.txt", fix="unpack the download again")
    classes = [file.relative_to(source / "train").parts[0] for file in train] + [wnid_of[file.name] for file in val]
    labels, _ = number_classes(classes, wnids)
    splits = ("train",) * len(train) + ("val",) * len(val)
    notes = ("left out the images of 'test', whose classes were never published",) if (source / "test").is_dir() else ()
    files = [*train, *val]
    return catalogue_files(source, "tiny-imagenet", files, labels=labels, class_names=names, splits=splits, notes=notes)


layouts.register("tiny-imagenet")(Layout(_read, _matches, "wnids.txt beside train/"))
