"""Embeddings of many rows, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.progress import Meter
from overtone.core.scratch import release
from overtone.features import Features, Scaler
from overtone.features.label_reading import Place

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


def embed_rows(function: Embedder, rows: Tensor, modality: int, memory_mb: int, place: Place) -> dict[str, Tensor]:
    """The same as :func:`in_blocks`, and embeddings that are not finite are refused; ``place`` says where a row is."""
    found = in_blocks(function, rows, modality, memory_mb)
    for embeddings in found.values():
        bad = (~embeddings.isfinite().flatten(1).all(1)).nonzero()
        if len(bad):
            what = f"{place(int(bad[0]))}: its embedding is not finite ({len(bad)} such rows)"
            fix = "look for values far larger than those the run was trained on, or for damaged weights"
            raise InputError(what, got=f"features up to {float(rows[bad[0]].abs().max()):.3g}", fix=fix)
    return found


def scaled_rows(function: Embedder, scaler: Scaler, device: torch.device, meter: Meter) -> Embedder:
    """A function of unscaled rows on the CPU that embeds them elsewhere, and counts them."""

    def embed(rows: Tensor, modality: int) -> dict[str, Tensor]:
        found = {name: part.cpu() for name, part in function(scaler(rows).to(device), modality).items()}
        meter.add(len(rows))
        return found

    return embed


def spread_rows(embeddings: Tensor, present: Tensor | None) -> Tensor:
    """Embeddings of the rows that are there, with rows of zeros between them for those that are not."""
    if present is None:
        return embeddings
    return embeddings.new_zeros(len(present), embeddings.shape[1]).masked_scatter(present[:, None], embeddings)


def check_rows(rows: Tensor, shape: tuple[int, ...], unfit: str, place: Place) -> None:
    """Refuse rows of another shape, none at all, and numbers that are not finite.

    Args:
        rows: Features of one modality.
        shape: What one row should be.
        unfit: What is wrong with another shape, for the message.
        place: Says where a row is, for the message.
    """
    if tuple(rows.shape[1:]) != shape or not len(rows):
        raise InputError(unfit, got=f"shape {tuple(rows.shape)}", valid=f"(N, {', '.join(map(str, shape))}), N >= 1")
    finite = rows.isfinite().flatten(1).all(1)
    if not finite.all():
        bad = int((~finite).nonzero()[0])
        raise InputError(f"{place(bad)}: NaN or Inf ({int((~finite).sum())} such rows)")


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
