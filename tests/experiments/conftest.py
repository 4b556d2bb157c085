"""The toy methods and their fixtures, and small corpora to probe losses on."""

from typing import Any

import numpy as np

from overtone.features import Features, views_from_arrays
from toys import data, make, start_two, toys

__all__ = ["data", "make", "start_two", "toys"]

QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 64, "learning_rate": 1e-2, "embedding_dim": 8, "evaluations": 2}


def arrays(rows: int = 240, views: tuple[str, ...] = ("image",), classes: int = 4, seed: int = 0) -> dict[str, Any]:
    """Classes that overlap a little, in one view or in two."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    hidden = np.eye(classes)[y] + 0.3 * random.standard_normal((rows, classes))
    made: dict[str, Any] = {view: hidden @ random.standard_normal((classes, 6 + i)) for i, view in enumerate(views)}
    return {**made, "y": y, "split": np.where(np.arange(rows) % 3 == 0, "test", "train")}


def views(**options: Any) -> Features:
    return views_from_arrays(arrays(**options), modalities=options.get("views", ("image",)))
