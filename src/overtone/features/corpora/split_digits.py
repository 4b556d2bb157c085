"""scikit-learn's real handwritten digits as two views: the left half of each image and its right half."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from overtone.features.corpora import corpora
from overtone.features.splitting import random_split


@corpora.register("split-digits")
def split_digits(seed: int) -> Mapping[str, Any]:
    """1,797 images of 8 x 8 pixels in two halves of 32 pixels each, ten classes.

    The split is part of the corpus (1,257 train and 540 test rows, drawn once with seed 0), so that numbers from
    different runs can be compared; ``seed`` changes nothing.

    Returns:
        ``left`` and ``right`` (1797, 32) float32 in 0..16, ``y``, ``class_names``, ``is_test``.

    Source: the two-view problem of Andrew, Arora, Bilmes & Livescu, "Deep Canonical Correlation Analysis", ICML 2013
    (there on larger digits); the images are UCI "Optical Recognition of Handwritten Digits".
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.float32)
    is_test = np.zeros(len(images), dtype=bool)
    is_test[random_split(len(images), 0.3, seed=0)[1].numpy()] = True
    return {
        "modalities": ("left", "right"),
        "left": np.ascontiguousarray(images[:, :, :4]).reshape(-1, 32),
        "right": np.ascontiguousarray(images[:, :, 4:]).reshape(-1, 32),
        "y": digits.target,
        "class_names": [str(digit) for digit in range(10)],
        "is_test": is_test,
    }
