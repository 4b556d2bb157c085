"""Verbs around one run: train, embed, evaluate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from typing_extensions import Unpack

from overtone.api.checks import check_method
from overtone.api.parameters import (
    Data,
    Flag,
    OutFile,
    PairReading,
    Param,
    Settable,
    Settings,
    Track,
    ViewReading,
    Workers,
    named,
)
from overtone.api.reading import read, read_one
from overtone.core import InputError, ProgressCallback, is_main_process, require_kind
from overtone.core.arguments import checks_types
from overtone.core.outputs import ResultFolder, check_file
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from torch import Tensor

    from overtone.features import Features, PairedFeatures
    from overtone.training import Run


@checks_types
@shows_progress
def train(
    method: Annotated[str, Param("METHOD")],
    data: Data,
    *,
    out: Annotated[str | Path | None, Param("RUN")] = None,
    settings: Annotated[Settings, Settable(named=named("seed", "device", "precision", "memory_mb"))] = None,
    resume: Flag = False,
    overwrite: Flag = False,
    workers: Workers = None,
    track: Track = (),
    progress: ProgressCallback | None = None,
    **reading: Unpack[PairReading],
) -> Run:
    """Train METHOD on the training split of DATA, evaluate it on the test split, and write a run folder.

    The folder holds settings.yaml, weights and scalers (safetensors), metrics of every epoch (metrics.csv),
    evaluation.json and report.html.

    Args:
        method: Name of a method; `overtone methods` lists them.
        data: A feature file, a folder, or a built-in corpus such as split-digits. In Python also features.
        out: Folder of the run; made if it is not there. None keeps the run in memory and writes no report.
        settings: Setting names to values, the method's and the training's in one mapping.
        resume: Go on with the run in --out from its last checkpoint.
        overwrite: Replace the run that is in --out; other files there stay.
        workers: Processes that share the teachers of interactions, by default one per thread of PyTorch (on a GPU one).
        track: Also send the figures of every epoch to tensorboard:FOLDER, wandb:PROJECT or mlflow:URI; repeatable.
        progress: Called after each epoch, and while a test that takes more than two seconds runs.
        reading: How to read the data; see :func:`overtone.load`.

    Returns:
        The run; ``run.evaluation`` is the test split's, ``run.embed(data)`` gives embeddings.

    Raises:
        InputError: The data, the method's name or a setting cannot be used.
    """
    check_method(method, settings)
    if out is not None and is_main_process():
        ResultFolder(Path(out), "train", ("run.json",)).check(resume=resume, overwrite=overwrite)
    features = read(data, reading)
    from overtone.adapters.trackers import open_trackers
    from overtone.interactions import InteractionTrainer

    with open_trackers(track, progress) as tracking:
        report, trainer = tracking.callback, InteractionTrainer(workers)
        run = trainer.train(
            method, features, settings=settings, out=out, resume=resume, overwrite=overwrite, progress=report
        )
        tracking.finish(run)
    if run.folder is not None and is_main_process():
        _write_report(run, features, run.folder, progress)
    return run


@checks_types
@shows_progress
def report_run(
    run: Annotated[str | Path | Run, Param("RUN")],
    data: Data,
    *,
    device: Annotated[str, Param("NAME")] = "cpu",
    progress: ProgressCallback | None = None,
    **reading: Unpack[PairReading],
) -> Path:
    """Write the report of a finished RUN again, with what `overtone find` has found with it in DATA since.

    Near-duplicates, outliers and mismatched pairs are read from the run's folder and not looked for again; those of
    other data than DATA are left out, which is said.

    Args:
        run: The folder of a finished run. In Python also a run.
        data: The features that the run was trained on.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        progress: Called while rows are embedded and queries are ranked, if that takes more than two seconds.
        reading: How to read the data; see :func:`overtone.load`.

    Returns:
        The report, report.html in the run's folder.

    Raises:
        InputError: The run is not finished or has no folder, the data does not fit it or has no test split, or the
            report cannot be written.
    """
    require_run(run)
    from overtone.training import Run

    run = run if isinstance(run, Run) else Run.load(run, device)
    if run.folder is None:
        raise InputError("the run has no folder for a report", fix="train it with out=")
    reading.setdefault("modalities", run.modalities)
    features = read(data, reading)
    run.check(features)
    report = _write_report(run, features, run.folder, progress)
    if report is None:
        raise InputError(f"{features.provenance.source}: has no test split to report on")
    return report


@checks_types
@shows_progress
def embed(
    run: Annotated[str | Path | Run, Param("RUN")],
    data: Data,
    *,
    out: OutFile = None,
    only: Annotated[str | None, Param("MODALITY")] = None,
    variant: Annotated[str | None, Param("NAME")] = None,
    overwrite: Flag = False,
    device: Annotated[str, Param("NAME")] = "cpu",
    progress: ProgressCallback | None = None,
    **reading: Unpack[ViewReading],
) -> dict[str, Tensor]:
    """Embed every clip of DATA with a trained RUN, in both modalities or in one.

    The file has one array per modality, with the ids, labels and splits of DATA: the plain layout again, which
    `overtone evaluate` and numpy.load read.

    Args:
        run: The folder of a finished run. In Python also a run.
        data: A feature file, a folder, or a corpus, of the kind that the run was trained on; labels are not used.
        out: File to write: .npz, .h5, .parquet or .safetensors by its suffix.
        only: The one modality to embed; DATA need not have the other.
        variant: One of the method's further embeddings.
        overwrite: Replace the file that is at --out.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        progress: Called while rows are embedded, if that takes more than two seconds.
        reading: How to read the data; see :func:`overtone.load`. With ``only``, one name of ``modalities`` is the
            modality's key in DATA.

    Returns:
        Modality to (N, e) unit-length rows.

    Raises:
        InputError: The folder is no finished run, the data does not fit it, or the file cannot be written.
    """
    require_run(run)
    if out is not None:
        check_file(out, inputs=(run, data, reading.get("metadata")), overwrite=overwrite)
    from overtone.features import save
    from overtone.features.formats import find_format_by_suffix
    from overtone.training import Run

    if out is not None:
        find_format_by_suffix(Path(out), writable=True)  # a wrong suffix is refused before the work
    run = run if isinstance(run, Run) else Run.load(run, device)
    if only is not None:
        single = read_one(data, only, run.modalities, reading)
        embeddings = {only: run.embed_one(only, single, variant, progress)}
        embedded: Features = replace(single, modalities=embeddings)
    else:
        pairs = read(data, cast(PairReading, {"modalities": run.modalities, **reading}))
        embeddings = run.embed(pairs, variant, progress)
        embedded = replace(pairs, modalities=embeddings)
    if out is not None:
        save(embedded, Path(out))
    return embeddings


def is_run(path: str | Path) -> bool:
    """Whether a path is a run folder."""
    return (Path(path) / "run.json").is_file()


def require_run(run: str | Path | Run) -> None:
    """Refuse what is no run, before torch is imported."""
    if not isinstance(run, (str, Path)):
        from overtone.training import Run

        require_kind(run, Run, "a run is needed", fix="name its folder, or give what overtone.train returned")
    elif not is_run(run):
        raise InputError(f"{run}: not a run folder (no run.json)", fix="make one with overtone train")


def _write_report(run: Run, data: PairedFeatures, folder: Path, progress: ProgressCallback | None) -> Path | None:
    """Write the report of a run into its folder, with what was found with it; None without a test split."""
    from overtone import report
    from overtone.core.files import write_text
    from overtone.features import only_pairs
    from overtone.search.kept import read_found

    if "test" not in data.splits:
        return None
    found = read_found(folder, data)
    evaluation, embeddings = run.evaluation, run.test_embeddings
    if data.present:
        data = only_pairs(data, "the report shows pairs")
        if "test" not in data.splits:
            return None
        test = data.split("test")
        embeddings = run.embed(test, None, progress)
        evaluation = run.evaluate(test, None, confusion=True, progress=progress)
    elif evaluation is None or embeddings is None:  # a finished run, read from its folder
        evaluation, embeddings = run.test(data, progress)
    path = folder / "report.html"
    write_text(path, report.run_report(run, data, evaluation, embeddings, found))
    return path
