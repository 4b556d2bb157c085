"""Verbs that compare trainings of methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast, overload

from typing_extensions import Unpack

from overtone.api.checks import check_methods
from overtone.api.corpora import CompareOptions, check_corpora_folder, compare_corpora, share_embeddings
from overtone.api.paper_tables import check_tables, write_tables
from overtone.api.parameters import (
    Flag,
    OutFolder,
    PairReading,
    Param,
    Seeds,
    Settable,
    Settings,
    Tables,
    Workers,
    named,
)
from overtone.api.reading import read
from overtone.api.result_folders import check_folder, list_seeds, publish
from overtone.core import InputError, ProgressCallback
from overtone.core.arguments import checks_types
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from overtone.experiments import Comparison, CorpusComparison
    from overtone.features import PairedFeatures

DEMO_METHODS = ("hsc-mae", "cca", "dcca", "infonce", "cav-mae")
"""What the demonstration compares: HSC-MAE and the label-free baselines."""
_DEMO_CORPUS = "split-digits"

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
@checks_types
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
    methods = [methods] if isinstance(methods, str) else methods
    if not methods:
        raise InputError("a comparison needs at least one method", fix="name it before DATA")
    check_methods(methods, settings)
    several = list(data) if isinstance(data, (list, tuple)) else None
    sources = [cast("str | Path | PairedFeatures", data)] if several is None else several
    if not sources:
        raise InputError("a comparison needs data", fix="name it after the methods")
    if several is None:
        check_folder(out, "compare", resume, overwrite)
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
            seeds=list_seeds(seeds),
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
        return publish(found, folder)

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


@checks_types
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
