"""The verbs as Python functions: the same work as the command line, on the same rooms, with objects in hand."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from overtone import evaluation as evaluating
from overtone import training
from overtone.core import InputError
from overtone.core.files import write_json, write_text
from overtone.evaluation import Evaluation
from overtone.features import (
    Features,
    PairedFeatures,
    SimulatorSettings,
    from_arrays,
    inspect,
    load,
    load_views,
    paired,
    save,
    save_arrays,
)
from overtone.features import class_disjoint as split_by_class
from overtone.features import simulate as simulated
from overtone.methods.base import methods as registered
from overtone.objectives import metric_losses
from overtone.training import Comparison, Diagnosis, Run, split_head_settings
from overtone.training.distribution import find_device

if TYPE_CHECKING:
    from overtone.graphs import Graph, Knowledge

__all__ = [
    "DEMO_METHODS",
    "compare",
    "demo",
    "diagnose",
    "embed",
    "evaluate",
    "extract",
    "graph",
    "inspect",
    "load",
    "save",
    "simulate",
    "train",
]

DEMO_METHODS = ("hsc-mae", "cca", "dcca", "infonce", "cav-mae")
"""What the demonstration compares: HSC-MAE and the label-free baselines."""
DEMO_CORPUS = "split-digits"
DEMO_SEEDS = 2

F = TypeVar("F", bound=Features)

Data = str | Path | PairedFeatures
"""Features, or where :func:`load` finds them."""

log = logging.getLogger("overtone")
"""Says what was decided and what looks doubtful while data are read."""


def read(data: Data, **reading: Any) -> PairedFeatures:
    """Features as they are, or loaded, with what was decided and what looks doubtful in the log.

    Args:
        data: Features, a file, a folder or a corpus name.
        reading: What :func:`load` takes besides (``modalities``, ``view``, ``sequences``, ``seed``).

    Returns:
        Checked features.

    Raises:
        InputError: The data cannot be used, or hold a single view.
    """
    return paired(data) if isinstance(data, Features) else logged(load(data, **reading))


def logged(features: F) -> F:
    """The features themselves, with what was decided and what looks doubtful in the log."""
    for note in features.provenance.notes:
        log.info(note)
    for warning in features.provenance.warnings:
        log.warning(warning)
    return features


def extract(
    source: str | Path,
    out: str | Path,
    *,
    device: str = "auto",
    resume: bool = False,
    **options: Any,
) -> Features:
    """Turn images into a file of features with a frozen backbone.

    Args:
        source: A folder of images, a data set as it unpacks, or an npz of images.
        out: File to write; its suffix says the format.
        device: Where the backbone computes; ``"auto"`` is a GPU if there is one.
        resume: Go on with an extraction that was interrupted.
        options: What :func:`overtone.media.extract` takes besides (``backbone``, ``settings``, ``layout``, ``split``,
            ``limit``, ``seed``, ``batch_size``, ``threads``, ``skip_broken``, ``overwrite``, ``progress``).

    Returns:
        What was written: features of one view, ``image``.

    Raises:
        InputError: The source, a name, a setting or the file cannot be used, or an image cannot be decoded.
    """
    from overtone import media

    features = media.extract(source, out, device=str(find_device(device)), resume=resume, **options)
    for note in features.provenance.notes:
        log.info(note)
    return features


def extraction(out: str | Path) -> dict[str, Any]:
    """How the features in a file were made.

    Args:
        out: A file that :func:`extract` wrote.

    Returns:
        Choices, figures and what was left out, ready for JSON.

    Raises:
        InputError: There is no record beside the file.
    """
    from overtone import media

    return media.record_of(out)


def simulate(
    *, out: str | Path | None = None, settings: Mapping[str, Any] | None = None, seed: int = 0
) -> PairedFeatures:
    """Simulate clips whose events and interactions are known in full, of which the annotation tells a part.

    Args:
        out: File for the corpus in the plain layout (npz, h5, parquet or safetensors by suffix); None writes none.
        settings: Setting names to values, of :class:`overtone.features.SimulatorSettings`.
        seed: The same seed gives the same clips.

    Returns:
        The corpus; its ``truth`` holds ``events_audio``, ``events_visual`` and ``interactions``.

    Raises:
        InputError: A setting cannot be used, or the file cannot be written.
    """
    arrays = simulated(SimulatorSettings.build(settings, where="the simulator's settings"), seed)
    if out is not None:
        save_arrays(arrays, out)
    return from_arrays(arrays, source="simulated" if out is None else str(out))


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
    run = training.train(
        method, features, settings=settings, out=out, resume=resume, overwrite=overwrite, progress=progress
    )
    if out is not None and speaks():
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


def speaks() -> bool:
    """Whether this process writes and prints: the first of several, or the only one."""
    return os.environ.get("RANK", "0") == "0"


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


def compare(
    methods: Sequence[str],
    data: Data,
    *,
    seeds: int | Sequence[int] = 5,
    ablate: bool = False,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[Any], None] | None = None,
    **reading: Any,
) -> Comparison:
    """Train each method with each seed and put them side by side, with intervals and paired tests.

    Args:
        methods: Names of methods.
        data: Features, a file, a folder or a corpus name.
        seeds: The seeds, or how many (0, 1, ...).
        ablate: Also train each method with each of its terms off in turn.
        settings: Setting names to values, each for every method that has it; a method's name to a mapping is for that
            method alone.
        out: Folder for results, ``comparison.json`` and ``report.html``; None keeps everything in memory.
        resume: Take what ``out`` holds already from there, where data, settings and versions are the same.
        progress: Called with a report after each epoch.
        reading: What :func:`load` takes besides.

    Returns:
        The comparison; ``to_dict()`` is what ``--json`` prints.

    Raises:
        InputError: The data, a method's name or a setting cannot be used.
    """
    known(*methods)
    features = read(data, **reading)
    chosen = range(seeds) if isinstance(seeds, int) else seeds
    comparison = training.compare(
        methods,
        features,
        seeds=list(chosen),
        ablate=ablate,
        settings=settings,
        out=out,
        resume=resume,
        progress=progress,
    )
    if out is not None and speaks():
        write_comparison_report(comparison, Path(out))
    return comparison


def write_comparison_report(comparison: Comparison, folder: Path) -> Path:
    """Write ``report.html`` into a comparison's folder, and its path into ``comparison.json``.

    Args:
        comparison: The comparison.
        folder: Its folder.

    Returns:
        The report's path.
    """
    from overtone import report

    comparison.report = folder / "report.html"
    found = comparison.to_dict()
    write_text(comparison.report, report.comparison_report(found, details=comparison.details()))
    write_json(folder / "comparison.json", found)
    return comparison.report


def diagnose(
    data: str | Path | Features,
    *,
    losses: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 5,
    class_disjoint: bool = False,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[Any], None] | None = None,
    **reading: Any,
) -> Diagnosis:
    """Train a small head on frozen features for every loss under one budget, and say what each loss does.

    Args:
        data: Features of one view or two, with labels; or a file, a folder or a corpus name.
        losses: Names of losses, by default all seven; none at all diagnoses the embeddings in ``data`` as they are.
        seeds: The seeds, or how many (0, 1, ...).
        class_disjoint: Whether to split anew: the first half of the classes trains, the others are judged.
        settings: Names to values: the budget's, and the losses' (``"margin"`` for all that have it,
            ``"triplet.margin"`` for one).
        out: Folder for results, ``diagnosis.json`` and ``report.html``; None keeps everything in memory.
        resume: Take what ``out`` holds already from there, where data, settings and versions are the same.
        progress: Called with a report after each epoch.
        reading: What :func:`overtone.features.load_views` takes besides.

    Returns:
        The diagnosis; ``to_dict()`` is what ``--json`` prints.

    Raises:
        InputError: The data, a loss's name or a setting cannot be used.
    """
    chosen = list(metric_losses()) if losses is None else list(losses)
    split_head_settings(settings, chosen)  # a misspelt name is said before a large file is read
    features = data if isinstance(data, Features) else load_views(data, **reading)
    features = logged(split_by_class(features) if class_disjoint else features)
    diagnosis = training.diagnose(
        chosen,
        features,
        seeds=list(range(seeds) if isinstance(seeds, int) else seeds),
        settings=settings,
        out=out,
        resume=resume,
        progress=progress,
    )
    if out is not None and speaks():
        write_diagnosis_report(diagnosis, Path(out))
    return diagnosis


def write_diagnosis_report(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write ``report.html`` into a diagnosis's folder, and its path into ``diagnosis.json``.

    Args:
        diagnosis: The diagnosis.
        folder: Its folder.

    Returns:
        The report's path.
    """
    from overtone import report

    diagnosis.report = folder / "report.html"
    found = diagnosis.to_dict()
    write_text(diagnosis.report, report.diagnosis_report(found, details=diagnosis.details()))
    write_json(folder / "diagnosis.json", found)
    return diagnosis.report


def demo(
    *, seeds: int = DEMO_SEEDS, out: str | Path = "runs/demo", progress: Callable[[Any], None] | None = None
) -> Comparison:
    """Compare HSC-MAE with its label-free baselines on built-in real data: the two halves of handwritten digits.

    Args:
        seeds: Number of seeds.
        out: Folder for runs and report.
        progress: Called with a report after each epoch.

    Returns:
        The comparison.
    """
    return compare(DEMO_METHODS, load(DEMO_CORPUS), seeds=seeds, out=out, progress=progress)


def graph(
    data: str | Path,
    *,
    soft: Any = None,
    modalities: Sequence[str] = ("audio", "visual"),
    split: str | None = None,
    representation: Any = "auto",
    centre: bool = False,
    knowledge: str | Path | Knowledge | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | Sequence[str | Path] = (),
    progress: Callable[[Any], object] | None = None,
) -> Graph:
    """Learn a graph from a file: a table of numbers, or soft labels.

    For arrays in memory see :func:`overtone.graphs.learn_graph` and :func:`overtone.graphs.interaction_graph`.

    Args:
        data: An npz, CSV or Parquet file.
        soft: What kind of soft labels the file holds: ``"softmax"``, ``"logits"``, ``"sigmoid"`` or
            ``"sigmoid-logits"``; None for a table of numbers.
        modalities: Of soft labels: the keys of the modalities.
        split: Of soft labels: the rows to take; by default ``"train"`` where the file has splits.
        representation: Of soft labels: ``"auto"``, ``"log-ratio"``, ``"logit"`` or ``"linear"``.
        centre: Of soft labels: whether to look only at what varies within the annotated class.
        knowledge: Tiers, forbidden and required edges, or a YAML file of them.
        settings: Names and values of :class:`overtone.graphs.GraphSettings`.
        out: Files to write: ``.json``, ``.graphml``, ``.dot``, ``.npz``, or ``.html`` for a report.
        progress: Called after each step; an answer that is true ends the search.

    Returns:
        The graph.

    Raises:
        InputError: The file, a setting or the knowledge cannot be used.
    """
    from overtone import graphs, report
    from overtone.graphs.exports import writer
    from overtone.graphs.reading import read_soft_labels, read_table

    files = [Path(one) for one in ([out] if isinstance(out, (str, Path)) else out)]
    for file in files:  # a wrong suffix is better said before the search than after
        if file.suffix.lower() != ".html":
            writer(file)
    known = graphs.Knowledge.read(knowledge) if isinstance(knowledge, (str, Path)) else knowledge
    options: dict[str, Any] = {"knowledge": known, "settings": settings, "progress": progress}
    if soft is None:
        table = read_table(data)
        rows = table.chunks() if table.covariance is None else table.covariance
        found = graphs.learn_graph(rows, table.names, rows=table.rows, **options)
    else:
        taken = read_soft_labels(data, tuple(modalities), split)
        options |= {"classes": taken.classes, "labels": taken.labels, "kind": soft}
        found = graphs.interaction_graph(taken.parts, representation=representation, centre=centre, **options)
    for note in found.notes:
        log.warning(note)
    for file in files:
        if file.suffix.lower() == ".html":
            write_text(file, report.graph_report(found, source=str(data)))
        else:
            found.save(file)
    return found
