"""Pictures of CIFAR-10 for the studies."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from overtone.features.arrays import Values


def splits(folder: Path) -> tuple[Values, Values]:
    """Whether each picture is to test on, and its class."""
    with np.load(_path(folder), allow_pickle=False) as file:
        return file["is_test"], file["y"]


def pictures(folder: Path, rows: Values) -> torch.Tensor:
    """(n, 3, 32, 32) 8-bit pixels of some rows."""
    with np.load(_path(folder), allow_pickle=False) as file:
        jpeg, offset = file["jpeg"], file["offset"]
    spans = [jpeg[offset[row] : offset[row + 1]].tobytes() for row in rows]
    images = np.stack([np.asarray(Image.open(BytesIO(span)).convert("RGB")) for span in spans])
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def _path(folder: Path) -> Path:
    return folder / "cifar10" / "cifar10_jpg.npz"
