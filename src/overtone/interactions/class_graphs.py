"""The class graph of a run: its files, and the clips that support its edges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import json_text, write_json
from overtone.interactions.soft_labels import SoftLabels

if TYPE_CHECKING:
    from overtone.graphs import Graph

SUPPORT = 5
"""Clips that are named for each edge."""
CELLS = 1 << 24
"""Products of soft labels that are held at once."""


def with_support(graph: Graph, soft: SoftLabels, chances: Mapping[str, Tensor], top: int = SUPPORT) -> Graph:
    r"""The same graph with, for each edge, the clips that support it most.

    The support of an edge i → j by a clip n is :math:`s_n[i] \, s_n[j]`, each chance in its node's modality.

    Args:
        graph: Its nodes are called ``modality:class``.
        soft: Of the rows that the graph was inferred from.
        chances: Modality to (N, C) chances that a class is present: :func:`presences_of`.
        top: Clips named for each edge.

    Returns:
        The graph; ``found["support"]`` has an entry per edge, in their order: ``from``, ``to`` and ``clips``, a list of
        ``id`` and ``strength``.
    """
    names = [f"{modality}:{name}" for modality in chances for name in soft.classes]
    place = {name: number for number, name in enumerate(names)}
    columns = torch.cat(list(chances.values()), 1)
    edges = graph.edges
    ends = torch.tensor([[place[edge.source], place[edge.target]] for edge in edges], dtype=torch.int64).view(-1, 2)
    found = [
        (columns[:, block[:, 0]] * columns[:, block[:, 1]]).topk(min(top, len(soft)), dim=0)
        for block in torch.split(ends, max(1, CELLS // len(soft)))
    ]
    support = [
        {
            "from": edge.source,
            "to": edge.target,
            "clips": [{"id": soft.ids[row], "strength": strength} for strength, row in zip(strengths, rows)],
        }
        for edge, strengths, rows in zip(
            edges,
            (column for block in found for column in block.values.T.tolist()),
            (column for block in found for column in block.indices.T.tolist()),
        )
    ]
    return replace(graph, found={**graph.found, "support": support})


def presences_of(soft: SoftLabels, settings: Mapping[str, Any] | None = None) -> dict[str, Tensor]:
    """How likely each class is present in each modality of a clip, annotated or not.

    Args:
        soft: Soft labels of training rows.
        settings: Of the inference, where they are not the defaults.

    Returns:
        Modality to (N, C) float32.

    Raises:
        InputError: A setting is wrong, or nothing is annotated.
    """
    from overtone.graphs.presence import presences

    parts = {name: part.numpy() for name, part in soft.probabilities.items()}
    found = presences(parts, soft.labels.numpy(), kind=soft.kind, settings=settings)
    return {name: torch.as_tensor(part, dtype=torch.float32) for name, part in found.items()}


def store_graph(graph: Graph, folder: Path, identity: Mapping[str, Any]) -> None:
    """Write ``graph.npz`` with the matrices, then ``graph.json`` with all else.

    Args:
        graph: The graph.
        folder: Where to.
        identity: What it depends on: soft labels, settings, versions.
    """
    graph.save(folder / "graph.npz")
    write_json(folder / "graph.json", {**graph.to_dict(), **graph.details(), "identity": identity})


def stored_graph(folder: Path, identity: Mapping[str, Any] | None = None) -> Graph | None:
    """Read a graph that :func:`store_graph` wrote.

    Args:
        folder: Where it is.
        identity: What it must depend on; None takes any.

    Returns:
        The graph; None if there is none, or it depends on something else.

    Raises:
        InputError: A file is damaged.
    """
    from overtone.graphs import Graph

    if not (folder / "graph.json").exists():
        return None
    try:
        said = json.loads((folder / "graph.json").read_text(encoding="utf-8"))
        if identity is not None and json_text(said["identity"]) != json_text(identity):
            return None
        with np.load(folder / "graph.npz", allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
        parts: dict[str, Any] = {name: tuple(said[name]) for name in ("nodes", "order", "notes")}
        parts |= {name: said[name] for name in ("score", "seconds", "settings", "found")}
        parts |= {name: arrays[name] for name in ("directed", "undirected", "weights", "dag")}
        parts |= {name: arrays.get(name) for name in ("presence", "direction")}
        return Graph(**parts)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(
            f"{folder}: graph.json and graph.npz are not a whole graph ({error})",
            fix="delete both; they are made again from soft_labels.safetensors",
        ) from None
