"""Gaussian classes in one view: small enough to diagnose every loss in seconds, hard enough that losses differ."""

from __future__ import annotations

import numpy as np

from overtone.features.arrays import Values
from overtone.features.corpora import corpora
from overtone.features.splitting import check_seed

_CLASSES, _ROWS, _SIZE = 10, 200, 128
_TEST_ROWS = 60
"""Of each class, to test on."""
_SPREAD = 2.5
"""Standard deviation of a point around its class's centre, per feature, where centres have 1."""


@corpora.register("toy-classes")
def toy_classes(seed: int) -> dict[str, Values]:
    """Ten classes of 200 points in 128 dimensions: x = μ_c + 2.5 ε, with μ_c and ε standard normal.

    Centres lie about √(2·128) = 16 apart and points about 2.5·√128 = 28 from their own centre, so the classes overlap
    in part: of about every sixth point the nearest neighbour is of another class, and even with the centres known 1
    point in 200 is nearer to a wrong one; but a linear map (discriminant analysis of the train rows) gets 98 or 99 of
    100 test rows right. So there is something to gain, and triplets that violate a margin do not run out. With a
    spread of 1 no neighbour is wrong before anything is learnt; with 4 one point in eight is nearer to a wrong centre.

    The size is that of the toy data in the published comparison of contrastive and triplet loss. How those points were
    drawn is not known, so its figures can be compared in their order, not in their digits.

    Args:
        seed: Of centres and points.

    Returns:
        ``x`` (2000, 128) float32, ``y``, ``class_names``, ``is_test`` (the last 60 of each class).
    """
    generator = np.random.default_rng(check_seed(seed))
    y = np.repeat(np.arange(_CLASSES), _ROWS)
    centres = generator.standard_normal((_CLASSES, _SIZE))
    x = centres[y] + _SPREAD * generator.standard_normal((_CLASSES * _ROWS, _SIZE))
    return {
        "modalities": np.array(["x"]),
        "x": x.astype(np.float32),
        "y": y,
        "class_names": np.array([f"class {index}" for index in range(_CLASSES)]),
        "is_test": np.tile(np.arange(_ROWS) >= _ROWS - _TEST_ROWS, _CLASSES),
    }
