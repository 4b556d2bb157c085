"""The class graph of soft labels: inferred, stored with a run and read back, with the clips that support its edges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from overtone.core import InputError, ProgressCallback
from overtone.core.files import json_text, write_json
from overtone.features.arrays import READ_ERRORS
from overtone.graphs import EdgeSupport, Graph, Knowledge, Presences, infer_interactions, presences
from overtone.interactions.soft_labels import Identity, SoftLabels
from overtone.training.folder import RunFolder

_SUPPORT = 5
"""Clips that are named for each edge."""
_CELLS = 1 << 24
"""Products of soft labels that are held at once."""

_DAMAGE: tuple[type[Exception], ...] = (*READ_ERRORS, TypeError)


def with_support(graph: Graph, soft: SoftLabels, chances: Presences, top: int = _SUPPORT) -> Graph:
    """The same graph over ``modality:class`` with, for each edge, the ``top`` clips that support it most.

    The support of an edge by a clip is the product of the chances that both its classes are present.
    """
    parts = [torch.as_tensor(part, dtype=torch.float32) for part in chances.values()]
    columns = dict(zip(graph.nodes, torch.cat(parts, 1).T))
    support, edges, step = [], graph.edges, max(1, _CELLS // len(soft))
    for start in range(0, len(edges), step):
        block = edges[start : start + step]
        products = torch.stack([columns[edge.source] for edge in block], 1)
        products *= torch.stack([columns[edge.target] for edge in block], 1)
        best = products.topk(min(top, len(soft)), dim=0)
        for edge, rows, strengths in zip(block, best.indices.T.tolist(), best.values.T.tolist()):
            ids = [soft.ids[row] for row in rows]
            support.append(EdgeSupport(edge.source, edge.target, tuple(zip(ids, strengths))))
    return replace(graph, support=tuple(support))


def estimate_presences(soft: SoftLabels, settings: Mapping[str, Any] | None = None) -> Presences:
    """How likely each class is present in each modality of a clip, annotated or not.

    Args:
        soft: Soft labels of training rows.
        settings: Of the inference, where they are not the defaults.

    Returns:
        Modality to (N, C) float64; see :func:`overtone.graphs.presences`.

    Raises:
        InputError: A setting is wrong, or nothing is annotated.
    """
    return presences(soft.arrays, soft.labels.numpy(), kind=soft.kind, settings=settings)


def infer_graph(
    soft: SoftLabels,
    settings: Mapping[str, Any] | None = None,
    *,
    chances: Presences | None = None,
    knowledge: Knowledge | None = None,
    clips: int = _SUPPORT,
    progress: ProgressCallback | None = None,
) -> Graph:
    """Search the class graph of soft labels, and name the clips that support its edges.

    Args:
        soft: Soft labels of training rows.
        settings: Of the inference, where they are not the defaults.
        chances: What :func:`estimate_presences` gave for them; computed here if None.
        knowledge: Forbidden and required edges, between names such as "audio:dog".
        clips: How many clips to name for each edge.
        progress: Called after each step; an answer that is true ends the search with the best graph so far.

    Returns:
        The graph, over ``modality:class``; its ``support`` names the clips.

    Raises:
        InputError: A setting is wrong, or the soft labels cannot be searched.
    """
    chances = estimate_presences(soft, settings) if chances is None else chances
    graph = infer_interactions(
        soft.arrays,
        soft.labels.numpy(),
        kind=soft.kind,
        classes=soft.classes,
        settings=settings,
        chances=chances,
        knowledge=knowledge,
        progress=progress,
    )
    return with_support(graph, soft, chances, clips)


def read_run_graph(
    folder: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    knowledge: Knowledge | None = None,
    clips: int = _SUPPORT,
    progress: ProgressCallback | None = None,
) -> Graph:
    """The class graph of a run: as it is stored, or inferred anew if settings or knowledge are given.

    Args:
        folder: The run folder.
        settings: Of the inference, over those of the run.
        knowledge: Forbidden and required edges.
        clips: How many clips to name for each edge.
        progress: Called after each step of a new search.

    Returns:
        The graph, with its supporting clips.

    Raises:
        InputError: The run has no soft labels, or a setting cannot be used.
    """
    run = RunFolder(folder)
    if not (run / "soft_labels.safetensors").exists():
        what, valid = f"{folder}: has no class graph and no soft labels", "a run of interactions, with graph=inferred"
        raise InputError(what, got=f"a run of {run.info().get('method', 'an unknown method')}", valid=valid)
    soft = SoftLabels.load(run / "soft_labels.safetensors")
    own = run.settings().get("inference") or {}
    stored = None if settings or knowledge else load_graph(run.path)
    if stored is None:
        return infer_graph(soft, {**own, **(settings or {})}, knowledge=knowledge, clips=clips, progress=progress)
    return with_support(stored, soft, estimate_presences(soft, own), clips)


def store_graph(graph: Graph, folder: Path, identity: Identity) -> None:
    """Write ``graph.npz`` with the matrices, then ``graph.json`` with all else and the graph's identity."""
    graph.save(folder / "graph.npz")
    write_json(folder / "graph.json", {**graph.to_dict(), "identity": identity})


def load_graph(folder: Path, identity: Identity | None = None) -> Graph | None:
    """Read a graph that :func:`store_graph` wrote; None if there is none, or it has another identity than is asked for.

    Raises:
        InputError: A file is damaged.
    """
    if not (folder / "graph.json").exists():
        return None
    try:
        said = json.loads((folder / "graph.json").read_text(encoding="utf-8"))
        if identity is not None and json_text(said["identity"]) != json_text(identity):
            return None
        with np.load(folder / "graph.npz", allow_pickle=False) as file:  # exact, where the JSON is of an older version
            matrices = {name: file[name] for name in ("weights", "presence", "direction") if name in file.files}
        return replace(Graph.from_dict(said), **matrices)
    except _DAMAGE as error:
        fix = "delete both; they are made again from soft_labels.safetensors"
        what = f"{folder}: graph.json and graph.npz are not a whole graph ({error})"
        raise InputError(what, fix=fix) from None
