"""Verbs around one run: train, embed, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from overtone import evaluation as evaluating
from overtone.api.reading import Data, read
from overtone.core import InputError, is_main_process
from overtone.core.files import write_text
from overtone.evaluation import Evaluation
from overtone.features import PairedFeatures, save
from overtone.interactions import InteractionTrainer
from overtone.methods.base import methods as registered
from overtone.training import Run


def known(*methods: str) -> None:
    """Refuse a misspelt method before a large file is read.

    Args:
        methods: Names of methods.

    Raises:
        InputError: There is no such method.
    """
    for name in methods:
        registered[name]


def train(
    method: str,
    data: Data,
    *,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[Any], None] | None = None,
    **reading: Any,
) -> Run:
    """Train a method on the train split, evaluate it on the test split, and write run folder and report.

    Args:
        method: Name of a method (``"hsc-mae"``); ``overtone methods`` lists them.
        data: Features, a file, a folder or a corpus name.
        out: Folder of the run; None keeps the run in memory and writes no report.
        settings: Setting names to values, the method's and the loop's in one mapping.
        resume: Go on with the run in ``out``.
        overwrite: Replace the run in ``out``.
        progress: Called with a report after each epoch.
        reading: What :func:`load` takes besides.

    Returns:
        The run; ``run.evaluation`` is the test split's, ``run.embed(data)`` gives embeddings.

    Raises:
        InputError: The data, the method's name or a setting cannot be used.
    """
    known(method)
    features = read(data, **reading)
    run = InteractionTrainer().train(
        method, features, settings=settings, out=out, resume=resume, overwrite=overwrite, progress=progress
    )
    if out is not None and is_main_process():
        write_run_report(run, features)
    return run


def write_run_report(run: Run, data: PairedFeatures) -> Path | None:
    """Write ``report.html`` into a run's folder.

    Args:
        run: A stored run.
        data: What it was trained on.

    Returns:
        The report's path; None where there is no test split to speak about.
    """
    from overtone import report

    if run.folder is None or "test" not in data.splits:
        return None
    path = run.folder / "report.html"
    write_text(path, report.run_report(run, data, run.evaluate(data, confusion=True)))
    return path


def embed(
    run: str | Path | Run,
    data: Data,
    *,
    out: str | Path | None = None,
    variant: str | None = None,
    device: str = "cpu",
    **reading: Any,
) -> dict[str, Tensor]:
    """Embed all rows of both modalities.

    Args:
        run: A run or its folder.
        data: Features of the kind the run was trained on; labels are not looked at.
        out: File for the embeddings in the plain layout, with ids, labels and splits of the data
            (npz, h5, parquet or safetensors by suffix).
        variant: One of the method's further embeddings.
        device: Where to embed.
        reading: What :func:`load` takes besides.

    Returns:
        Modality to (N, e) unit-length rows.

    Raises:
        InputError: The folder is no finished run, the data does not fit it, or the file cannot be written.
    """
    run = run if isinstance(run, Run) else Run.load(run, device)
    features = read(data, **{"modalities": run.modalities, **reading})
    embeddings = run.embed(features, variant)
    if out is not None:
        save(replace(features, modalities=embeddings), Path(out))
    return embeddings


def evaluate(
    target: str | Path | Run,
    data: Data | None = None,
    *,
    split: str | None = None,
    device: str = "cpu",
    memory_mb: int = 256,
    bootstrap: int = 1000,
    confusion: bool = False,
    **reading: Any,
) -> Evaluation:
    """Evaluate a run on data, or embeddings that anybody made.

    Args:
        target: A run or its folder, or a file with embeddings in the plain layout.
        data: For a run: the features to embed and evaluate.
        split: Which rows. By default ``"test"`` where the data brings a split (for a run also where one is made), else
            all rows; ``"all"`` for all.
        device: Where to embed.
        memory_mb: Bound of one block of similarities, in MiB.
        bootstrap: Resamples of the queries for the intervals; 0 for none.
        confusion: Whether to count which class is retrieved for which.
        reading: What :func:`load` takes besides.

    Returns:
        Metrics in both directions.

    Raises:
        InputError: The target is neither a run nor embeddings, a run came without data, or they do not fit.
    """
    options: dict[str, Any] = {"memory_mb": memory_mb, "bootstrap": bootstrap, "confusion": confusion}
    if isinstance(target, Run) or is_run(target):
        run = target if isinstance(target, Run) else Run.load(target, device)
        if data is None:
            raise InputError(f"{target}: a run is evaluated on features", fix="name them: overtone evaluate RUN DATA")
        features = read(data, **{"modalities": run.modalities, **reading})
        return run.evaluate(features, chosen_split(features, split or "test"), **options)
    if data is not None:
        raise InputError(f"{target}: not a run folder", fix="leave DATA out to evaluate a file of embeddings")
    features = read(target, **reading)
    part = features.split(chosen) if (chosen := chosen_split(features, split or own_split(features))) else features
    first, second = part.modalities.values()
    options |= {"names": part.names, "class_names": part.class_names, "events": part.events}
    return evaluating.evaluate(first, second, part.targets, **options)


def is_run(path: str | Path) -> bool:
    """Whether a path is a run folder."""
    return (Path(path) / "run.json").is_file()


def chosen_split(data: PairedFeatures, split: str) -> str | None:
    """The split to take; None for all rows."""
    return None if split == "all" or not data.splits else split


def own_split(data: PairedFeatures) -> str:
    """``"test"`` where the source brought a split, ``"all"`` where loading made one."""
    return "all" if any("made a 70/30 split" in note for note in data.provenance.notes) else "test"
