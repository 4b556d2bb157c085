"""scikit-learn's real handwritten digits as one view: the whole image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from overtone.features.corpora import corpora
from overtone.features.corpora.split_digits import split_digits


@corpora.register("digits")
def digits(seed: int) -> Mapping[str, Any]:
    """1,797 images of 8 x 8 pixels, ten classes, with the split of ``split-digits``.

    Returns:
        ``image`` (1797, 64) float32 in 0..16, row by row of the image; ``y``, ``class_names``, ``is_test``.

    Source: UCI "Optical Recognition of Handwritten Digits".
    """
    halves = dict(split_digits(seed))
    left, right = (halves.pop(name).reshape(-1, 8, 4) for name in halves["modalities"])
    image = np.concatenate([left, right], axis=2).reshape(-1, 64)
    return {**halves, "modalities": ("image",), "image": image}
