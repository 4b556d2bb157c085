"""Class graphs behind the verb ``graph``: of a run, and of soft labels from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overtone.core import InputError

if TYPE_CHECKING:
    from overtone.graphs import Graph
    from overtone.graphs.reading import SoftLabels as SoftLabelsFile
    from overtone.interactions import SoftLabels


def graph_of_run(folder: Path, *, clips: int, settings: Mapping[str, Any] | None, knowledge: Any, **more: Any) -> Graph:
    """The class graph of a run: as it is stored, or inferred anew if anything is asked to be different.

    Args:
        folder: The run folder.
        clips: How many clips to name for each edge.
        settings: Of the inference, over those of the run.
        knowledge: Background knowledge.
        more: What :func:`overtone.training.infer_graph` takes besides.

    Returns:
        The graph.

    Raises:
        InputError: The run has no soft labels, or a setting cannot be used.
    """
    from overtone.interactions import SoftLabels, infer_graph, presences_of, stored_graph, with_support
    from overtone.training.folder import RunFolder

    run = RunFolder(folder)
    if not (run / "soft_labels.safetensors").exists():
        raise InputError(
            f"{folder}: has no class graph and no soft labels",
            got=f"a run of {run.info()['method']}",
            valid="a run of interactions, with graph=inferred",
        )
    soft = SoftLabels.load(run / "soft_labels.safetensors")
    own = run.settings().get("inference") or {}
    found = None if settings or knowledge else stored_graph(folder)
    if found is None:
        return infer_graph(soft, {**own, **(settings or {})}, knowledge=knowledge, clips=clips, **more)
    return with_support(found, soft, presences_of(soft, own), clips)


def soft_labels_of(taken: SoftLabelsFile, kind: Any, source: str | Path) -> SoftLabels:
    """Soft labels that anybody made, as a run holds its own.

    Args:
        taken: What the file holds.
        kind: What the numbers are.
        source: The file, for messages.

    Returns:
        The soft labels; who scored which row is not known.

    Raises:
        InputError: The file has no labels, or they are not of these classes.
    """
    import torch

    from overtone.interactions import SoftLabels

    parts = {name: torch.as_tensor(part) for name, part in taken.parts.items()}
    rows, count = next(iter(parts.values())).shape
    classes = taken.classes or tuple(f"class{number}" for number in range(count))
    return SoftLabels(
        probabilities=parts,
        kind=kind,
        classes=classes,
        ids=taken.ids,
        labels=torch.as_tensor(indicators(taken.labels, count, source)),
        folds=torch.full((rows,), -1),
    )


def indicators(labels: Any, classes: int, source: str | Path) -> Any:
    """(n, C) labels as they are, or those of (n,) class numbers.

    Raises:
        InputError: There are none, or they are something else.
    """
    import numpy as np

    valid = f"class numbers from 0 to {classes - 1}, or (rows, {classes}) indicators"
    if labels is None:
        raise InputError(
            f"{source}: interactions are inferred from soft labels and what is annotated, and there are no labels",
            valid=f"{valid}, under y or labels",
            fix="bring them, or leave --interactions out",
        )
    if labels.ndim == 2 and labels.shape[1] == classes and labels.dtype.kind in "biuf":
        return labels.astype(np.float32)
    if labels.ndim == 1 and labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < classes:
        return np.eye(classes, dtype=np.float32)[labels]
    raise InputError(f"{source}: labels do not fit the soft labels", got=f"{labels.dtype} {labels.shape}", valid=valid)


def refuse_options(source: str | Path, what: str, **given: object) -> None:
    """Refuse options that mean nothing here, rather than to leave them without effect.

    Args:
        source: What the graph is of.
        what: What it is.
        given: Name of an option to whether it was given.

    Raises:
        InputError: One was given.
    """
    for name, value in given.items():
        if value:
            raise InputError(f"{source}: --{name} says nothing of {what}", fix="leave it out")
