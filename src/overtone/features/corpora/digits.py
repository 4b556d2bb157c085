"""scikit-learn's real handwritten digits, as two views (the halves of each image) or as one (the whole image)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from overtone.features.arrays import Values
from overtone.features.corpora import corpora
from overtone.features.splitting import draw_split


@corpora.register("split-digits")
def split_digits(seed: int) -> dict[str, Values]:
    """1,797 images of 8 x 8 pixels in two halves of 32 pixels each, ten classes.

    The split is part of the corpus (1,257 train and 540 test rows, drawn once with seed 0), so that numbers from
    different runs can be compared; ``seed`` changes nothing.

    Returns:
        ``left`` and ``right`` (1797, 32) float32 in 0..16, ``y``, ``class_names``, ``is_test``.

    Source: the two-view problem of Andrew, Arora, Bilmes & Livescu, "Deep Canonical Correlation Analysis", ICML 2013
    (there on larger digits); the images are UCI "Optical Recognition of Handwritten Digits".
    """
    images, classes = _read_digits()
    is_test = np.zeros(len(images), dtype=bool)
    is_test[draw_split(len(images), 0.3, seed=0)[1]] = True
    return {
        "modalities": np.array(["left", "right"]),
        "left": np.ascontiguousarray(images[:, :, :4]).reshape(-1, 32),
        "right": np.ascontiguousarray(images[:, :, 4:]).reshape(-1, 32),
        "y": classes,
        "class_names": np.arange(10).astype(str),
        "is_test": is_test,
    }


@corpora.register("digits")
def digits(seed: int) -> dict[str, Values]:
    """1,797 images of 8 x 8 pixels, ten classes, with the split of ``split-digits``.

    Returns:
        ``image`` (1797, 64) float32 in 0..16, row by row of the image; ``y``, ``class_names``, ``is_test``.

    Source: UCI "Optical Recognition of Handwritten Digits".
    """
    halves = dict(split_digits(seed))
    left, right = (halves.pop(name).reshape(-1, 8, 4) for name in halves["modalities"])
    image = np.concatenate([left, right], axis=2).reshape(-1, 64)
    return {**halves, "modalities": np.array(["image"]), "image": image}


def _read_digits() -> tuple[Values, Values]:
    """(1797, 8, 8) float32 images and their digits, from scikit-learn's file: importing it would take a second."""
    found = find_spec("sklearn")
    folders = (found and found.submodule_search_locations) or ()
    for file in (Path(folder) / "datasets" / "data" / "digits.csv.gz" for folder in folders):
        if file.is_file():
            table = np.loadtxt(file, delimiter=",", dtype=np.float32)
            return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits  # elsewhere in this version

    digits = load_digits()
    return digits.images.astype(np.float32), digits.target
