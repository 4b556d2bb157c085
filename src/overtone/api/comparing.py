"""Verbs that compare several trainings: of methods, and of losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, cast, overload

from typing_extensions import Unpack

from overtone.api.checks import check_losses, check_methods
from overtone.api.corpora import CompareOptions, check_corpora_folder, compare_corpora, share_embeddings
from overtone.api.paper_tables import check_tables, write_tables
from overtone.api.parameters import (
    PROBES,
    Flag,
    OutFolder,
    PairReading,
    Param,
    Seeds,
    Settable,
    Settings,
    Tables,
    ViewReading,
    Workers,
    named,
)
from overtone.api.reading import logged, read
from overtone.core import InputError, ProgressCallback, is_main_process
from overtone.core.outputs import ResultFolder
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from torch.nn import Module

    from overtone.experiments import Comparison, CorpusComparison, Diagnosis
    from overtone.features import Features, PairedFeatures

DEMO_METHODS = ("hsc-mae", "cca", "dcca", "infonce", "cav-mae")
"""What the demonstration compares: HSC-MAE and the label-free baselines."""
_DEMO_CORPUS = "split-digits"

Result = TypeVar("Result", "Comparison", "Diagnosis")
Corpus = TypeVar("Corpus", bound="str | Path | PairedFeatures")


@overload
def compare(
    methods: Sequence[str], data: str | Path | PairedFeatures, **options: Unpack[CompareOptions]
) -> Comparison: ...
@overload
def compare(
    methods: Sequence[str],
    data: list[Corpus] | tuple[Corpus, ...],
    **options: Unpack[CompareOptions],
) -> CorpusComparison: ...
@shows_progress
def compare(
    methods: Annotated[Sequence[str], Param("METHOD")],
    data: Annotated[str | Path | PairedFeatures | Sequence[str | Path | PairedFeatures], Param("DATA", many=True)],
    *,
    seeds: Seeds = 5,
    ablate: Flag = False,
    controls: Flag = False,
    settings: Annotated[Settings, Settable(named=named("device", "precision", "memory_mb"))] = None,
    out: OutFolder = None,
    tables: Tables = (),
    resume: Flag = False,
    overwrite: Flag = False,
    workers: Workers = None,
    progress: ProgressCallback | None = None,
    **reading: Unpack[PairReading],
) -> Comparison | CorpusComparison:
    """Train every METHOD on DATA with several seeds; one table with intervals and paired significance tests.

    Each setting goes to every method that has it. NAME=FILE as a METHOD stands for embeddings of DATA that were made
    elsewhere (NAME=FILE,FILE for several trainings). With several DATA there is a table for each, and methods are
    ranked over all of them.

    Args:
        methods: One or more methods, or NAME=FILE for embeddings; every two are tested against each other.
        data: A feature file, a folder, or a built-in corpus such as split-digits; several for ranks over corpora. In
            Python also features, and a list for several.
        seeds: Number of seeds that each method is trained with. In Python also the seeds themselves.
        ablate: Also train each method with each of its terms off in turn.
        controls: Also train each method's control variants, which it must beat; of interactions: no graph, a shuffled
            graph, pairs alone and, where it is known, the true graph.
        settings: Setting names to values, each for every method that has it; a method's name to a mapping is for that
            method alone.
        out: Folder for results and report. None keeps everything in memory.
        tables: File for the table of a paper, .tex, .md or .csv by its suffix; may be repeated.
        resume: Reuse results that --out holds already; those of other data or settings are refused.
        overwrite: Replace the results that are in --out; other files there stay.
        workers: Processes that share the trainings, by default one per thread of PyTorch (on a GPU one); the figures
            are the same with any number.
        progress: Called after each epoch.
        reading: How to read the data; see :func:`overtone.load`.

    Returns:
        The comparison, of a list of data one for each with ranks over all; ``to_dict()`` is what ``--json`` prints.

    Raises:
        InputError: The data, a method's name or a setting cannot be used.
    """
    if not methods:
        raise InputError("a comparison needs at least one method", fix="name it before DATA")
    check_methods(methods, settings)
    several = list(data) if isinstance(data, (list, tuple)) else None
    sources = [cast("str | Path | PairedFeatures", data)] if several is None else several
    if not sources:
        raise InputError("a comparison needs data", fix="name it after the methods")
    if several is None:
        _check_folder(out, "compare", resume, overwrite)
    else:
        check_corpora_folder(out, resume=resume, overwrite=overwrite)
        share_embeddings(methods, len(several))
    files = check_tables(tables, inputs=sources, overwrite=overwrite or resume)
    corpora = [read(source, reading) for source in sources]
    from overtone import experiments
    from overtone.interactions import InteractionTrainer

    def compare_one(
        names: list[str], features: PairedFeatures, folder: Path | None, report: ProgressCallback | None
    ) -> Comparison:
        found = experiments.compare(
            names,
            features,
            seeds=_seeds(seeds),
            ablate=ablate,
            controls=controls,
            settings=settings,
            out=folder,
            resume=resume,
            overwrite=overwrite,
            workers=workers,
            progress=report,
            train=InteractionTrainer().train,
        )
        return _publish(found, folder)

    folder = None if out is None else Path(out)
    result: Comparison | CorpusComparison
    if several is None:
        result = compare_one(list(methods), corpora[0], folder, progress)
    else:
        asked = {"resume": resume, "overwrite": overwrite}
        result = compare_corpora(methods, corpora, compare_one, out=folder, progress=progress, **asked)
    if files:
        from overtone.report.paper import result_tables

        write_tables(result_tables(result), files)
    return result


@shows_progress
def diagnose(
    data: Annotated[str | Path | Features, Param("DATA")],
    *,
    losses: Annotated[
        Sequence[str | Module] | Mapping[str, str | Module] | None, Param("NAME", option="--loss")
    ] = None,
    as_is: Flag = False,
    seeds: Seeds = 5,
    class_disjoint: Flag = False,
    settings: Annotated[Settings, Settable(PROBES, named("device", "memory_mb"))] = None,
    out: OutFolder = None,
    tables: Tables = (),
    resume: Flag = False,
    overwrite: Flag = False,
    workers: Workers = None,
    progress: ProgressCallback | None = None,
    **reading: Unpack[ViewReading],
) -> Diagnosis:
    """Train a small head on DATA's features for every loss under one budget, and explain what each loss does.

    VARIANCE: how far each class spreads and how far classes lie apart. GREEDINESS: how many terms of a loss are still
    active, and how strong their gradients are. A verdict in plain words names what looks wrong, the figure that shows
    it, and what to try.

    DATA needs labels; it may hold one view (images from `overtone extract`) or two, which are then trained and
    evaluated across. `--set margin=0.1` goes to every loss that has a margin, `--set triplet.margin=0.1` to one;
    `overtone methods --losses` lists what can be set.

    Args:
        data: A feature file, a folder, or a built-in corpus such as split-digits. In Python also features.
        losses: A loss to train a head with; may be repeated; by default all, listed by `overtone methods --losses`.
            In Python also loss modules of any library, or a mapping from names to them. An empty list is ``as_is``.
        as_is: Train nothing: diagnose the embeddings in DATA as they are.
        seeds: Number of seeds that each head is trained with. In Python also the seeds themselves.
        class_disjoint: Split DATA anew: the first half of the classes trains, the other half is evaluated.
        settings: Names to values: the budget's, and the losses' (``"margin"`` for all, ``"triplet.margin"`` for one).
        out: Folder for results and report. None keeps everything in memory.
        tables: File for the table of a paper, .tex, .md or .csv by its suffix; may be repeated.
        resume: Reuse results that --out holds already; those of other data or settings are refused.
        overwrite: Replace the results that are in --out; other files there stay.
        workers: Processes that share the trainings, by default one per thread of PyTorch (on a GPU one); the figures
            are the same with any number.
        progress: Called after each epoch.
        reading: How to read the data; see :func:`overtone.features.load_views`.

    Returns:
        The diagnosis; ``to_dict()`` is what ``--json`` prints.

    Raises:
        InputError: The data, a loss's name or a setting cannot be used.
    """
    if as_is and losses:
        raise InputError("--as-is trains nothing", got=f"{len(losses)} losses", fix="leave --loss out")
    chosen = () if as_is else losses
    check_losses(chosen, settings)
    _check_folder(out, "diagnose", resume, overwrite)
    files = check_tables(tables, inputs=(data,), overwrite=overwrite or resume)
    from overtone.features import Features, load_views, split_by_class

    features = data if isinstance(data, Features) else load_views(data, **reading)
    features = logged(split_by_class(features) if class_disjoint else features)
    from overtone import experiments

    diagnosis = experiments.diagnose(
        features,
        losses=chosen,
        seeds=_seeds(seeds),
        settings=settings,
        out=out,
        resume=resume,
        overwrite=overwrite,
        workers=workers,
        progress=progress,
    )
    if files:
        from overtone.report.paper import diagnosis_tables

        write_tables(diagnosis_tables(diagnosis), files)
    return _publish(diagnosis, out)


@shows_progress
def demo(
    *,
    seeds: Seeds = 2,
    out: Annotated[str | Path, Param("FOLDER")] = "runs/demo",
    overwrite: Flag = False,
    progress: ProgressCallback | None = None,
) -> Comparison:
    """Compare HSC-MAE with its label-free baselines on built-in real data.

    The data are the left and right halves of 1,797 handwritten digits: two views of the same things. No labels are
    used in training, and nothing is downloaded. A second call takes over what --out holds of the first one.

    Args:
        seeds: Number of seeds that each method is trained with.
        out: Folder for results and report.
        overwrite: Train again, and replace the results that are in --out.
        progress: Called after each epoch.

    Returns:
        The comparison.
    """
    return compare(
        DEMO_METHODS,
        _DEMO_CORPUS,
        seeds=seeds,
        out=out,
        resume=not overwrite,
        overwrite=overwrite,
        progress=progress,
    )


_DOCUMENTS: dict[Literal["compare", "diagnose"], str] = {"compare": "comparison.json", "diagnose": "diagnosis.json"}


def _check_folder(
    out: str | Path | None, command: Literal["compare", "diagnose"], resume: bool, overwrite: bool
) -> None:
    """Refuse a folder that cannot be used, before anything is read or trained."""
    if out is not None and is_main_process():
        ResultFolder(Path(out), command, (_DOCUMENTS[command],)).check(resume=resume, overwrite=overwrite)


def _publish(result: Result, out: str | Path | None) -> Result:
    """Write ``report.html`` into a result's folder; the result with the report's path."""
    if out is None or not is_main_process():
        return result
    from overtone import report
    from overtone.core.files import write_json, write_text
    from overtone.experiments import Comparison

    result = replace(result, report=Path(out) / "report.html")
    compared = isinstance(result, Comparison)
    page = report.comparison_report(result) if isinstance(result, Comparison) else report.diagnosis_report(result)
    write_text(Path(out) / "report.html", page)
    write_json(Path(out) / ("comparison.json" if compared else "diagnosis.json"), result.to_dict())
    return result


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    """The seeds themselves, or so many from 0 on."""
    return list(range(seeds) if isinstance(seeds, int) else seeds)
