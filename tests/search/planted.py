"""A corpus of clips in two modalities, in which duplicates, outliers and wrong pairs are planted."""

from __future__ import annotations

from dataclasses import replace

import torch

from overtone.features import PairedFeatures, from_arrays

NOISE = 0.3


def corpus(rows: int = 600, seed: int = 0) -> PairedFeatures:
    """Noisy linear views of points on 12 arcs."""
    generator = torch.Generator().manual_seed(seed)
    centres, along = (torch.randn(12, 10, generator=generator) for _ in range(2))
    event = torch.randint(0, 12, (rows,), generator=generator)
    points = centres[event] + torch.rand(rows, 1, generator=generator) * along[event]
    views = [point @ torch.randn(10, width, generator=generator) for point, width in ((points, 16), (points, 12))]
    audio, visual = (view + NOISE * torch.randn(view.shape, generator=generator) for view in views)
    names = [f"clip-{row}" for row in range(rows)]
    media = {"media_audio": [f"sound/{name}.wav" for name in names]}
    return from_arrays({"audio": audio, "visual": visual, "ids": names, **media})


def with_copies(data: PairedFeatures, rows: list[int], noise: float = 0.0) -> PairedFeatures:
    """Some clips again at the end, as ``copy-0`` and so on, with a share of each column's spread as noise."""
    generator = torch.Generator().manual_seed(1)
    views = {}
    for name, values in data.modalities.items():
        more = values[rows] + noise * values.std(0) * torch.randn(len(rows), values.shape[1], generator=generator)
        views[name] = torch.cat([values, more])
    ids = (*data.ids, *(f"copy-{number}" for number in range(len(rows))))
    return PairedFeatures(views, ids)


def with_wrong_pairs(data: PairedFeatures, rows: list[int]) -> PairedFeatures:
    """The second halves of some clips moved round in a circle."""
    first, second = data.names
    moved = data.modalities[second].clone()
    moved[rows] = data.modalities[second][rows[-1:] + rows[:-1]]
    return replace(data, modalities={first: data.modalities[first], second: moved})
