"""Embeddings of many rows, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.scratch import release
from overtone.features import Features

Embedder = Callable[[Tensor, int], dict[str, Tensor]]


def in_blocks(function: Embedder, features: Tensor, modality: int, memory_mb: int) -> dict[str, Tensor]:
    """Apply an embedding function to blocks of rows, so that their activations take at most ``memory_mb`` MiB.

    Args:
        function: (n, …) rows and a modality's number, 0 or 1, to named (n, e) embeddings.
        features: (N, d) or (N, T, d) rows.
        modality: Handed to the function.
        memory_mb: The bound.
    """
    floats = 16 * max(1024, math.prod(features.shape[1:]))  # a few layers' activations of a wide network
    block = max(256, memory_mb * 2**20 // (4 * floats))
    found: dict[str, Tensor] = {}
    start = 0
    for rows in torch.split(features, block):
        with torch.no_grad():
            parts = function(rows, modality)
        for name, part in parts.items():
            if len(rows) == len(features):
                found[name] = torch.cat([part]).float()  # never the features themselves
                continue
            if name not in found:
                found[name] = part.new_empty(len(features), *part.shape[1:], dtype=torch.float32)
            found[name][start : start + len(rows)] = part
        start += len(rows)
        release(features)
    return found


def spread_rows(embeddings: Tensor, present: Tensor | None) -> Tensor:
    """Embeddings of the rows that are there, with rows of zeros between them for those that are not."""
    if present is None:
        return embeddings
    return embeddings.new_zeros(len(present), embeddings.shape[1]).masked_scatter(present[:, None], embeddings)


def check_shapes(data: Features, wanted: Mapping[str, tuple[int, ...]], whose: str) -> None:
    """Refuse features of other modalities, or of other shapes, than those that a run was trained on."""
    given = dict(zip(data.names, data.shapes))
    if list(wanted.items()) != list(given.items()):
        raise InputError(
            f"{data.provenance.source}: does not fit {whose}",
            got=_shapes_text(given),
            valid=_shapes_text(wanted),
            fix="bring features of the kind the run was trained on, in the same order",
        )


def _shapes_text(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Modalities and the shapes of their rows, for messages."""
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in shapes.items())
