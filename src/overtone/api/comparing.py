"""Verbs that put several trainings side by side: methods, and losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from overtone import experiments
from overtone.api.reading import Data, logged, read
from overtone.api.running import known
from overtone.core import is_main_process
from overtone.core.files import write_json, write_text
from overtone.experiments import Comparison, Diagnosis, split_head_settings
from overtone.features import Features, load, load_views
from overtone.features import class_disjoint as split_by_class
from overtone.interactions import InteractionTrainer, sharing
from overtone.objectives import metric_losses

DEMO_METHODS = ("hsc-mae", "cca", "dcca", "infonce", "cav-mae")
"""What the demonstration compares: HSC-MAE and the label-free baselines."""
DEMO_CORPUS = "split-digits"
DEMO_SEEDS = 2

Result = TypeVar("Result", Comparison, Diagnosis)


def compare(
    methods: Sequence[str],
    data: Data,
    *,
    seeds: int | Sequence[int] = 5,
    ablate: bool = False,
    controls: bool = False,
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
        controls: Also train the controls of each method that has some, such as a shuffled graph.
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
    with sharing():
        comparison = experiments.compare(
            methods,
            features,
            seeds=numbered(seeds),
            ablate=ablate,
            controls=controls,
            settings=settings,
            out=out,
            resume=resume,
            progress=progress,
            train=InteractionTrainer().train,
        )
    return publish(comparison, "comparison", out)


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
    diagnosis = experiments.diagnose(
        chosen,
        features,
        seeds=numbered(seeds),
        settings=settings,
        out=out,
        resume=resume,
        progress=progress,
    )
    return publish(diagnosis, "diagnosis", out)


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


def publish(result: Result, kind: Literal["comparison", "diagnosis"], out: str | Path | None) -> Result:
    """Write ``report.html`` into a result's folder, and its path into the result's JSON document.

    Args:
        result: The result.
        kind: What it is: its document is called so, and its report made accordingly.
        out: Its folder; None for none. Of several processes the first one writes.

    Returns:
        The result with its report.
    """
    if out is None or not is_main_process():
        return result
    from overtone import report

    render = {"comparison": report.comparison_report, "diagnosis": report.diagnosis_report}[kind]
    result = replace(result, report=Path(out) / "report.html")
    found = result.to_dict()
    write_text(Path(out) / "report.html", render(found, details=result.details()))
    write_json(Path(out) / f"{kind}.json", found)
    return result


def numbered(seeds: int | Sequence[int]) -> list[int]:
    """The seeds themselves, or so many from 0 on."""
    return list(range(seeds) if isinstance(seeds, int) else seeds)
