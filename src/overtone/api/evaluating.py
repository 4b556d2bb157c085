"""The verb that evaluates retrieval, of a run or of embeddings from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Unpack

from overtone.api.paper_tables import check_tables, write_tables
from overtone.api.parameters import DIFFUSION, Flag, PairReading, Param, Settable, Settings, Tables
from overtone.api.reading import read
from overtone.api.running import is_run, require_run
from overtone.core import InputError, ProgressCallback, unknown_name
from overtone.core.arguments import checks_types
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from overtone.evaluation import EvaluateOptions, Evaluation
    from overtone.features import PairedFeatures, Scalar
    from overtone.training import Run


@checks_types
@shows_progress
def evaluate(
    target: Annotated[str | Path | Run, Param("RUN|EMBEDDINGS")],
    data: Annotated[str | Path | PairedFeatures | None, Param("DATA")] = None,
    *,
    split: Annotated[str | None, Param("NAME")] = None,
    bootstrap: Annotated[int, Param("N", minimum=0)] = 1000,
    memory_mb: Annotated[int, Param("MB", minimum=16)] = 256,
    device: Annotated[str, Param("NAME")] = "cpu",
    confusion: bool = False,
    diffusion: Flag = False,
    queries: Annotated[int | None, Param("N", minimum=1)] = None,
    group_by: Annotated[str | None, Param("COLUMN")] = None,
    settings: Annotated[Settings, Settable(DIFFUSION)] = None,
    tables: Tables = (),
    overwrite: Flag = False,
    progress: ProgressCallback | None = None,
    **reading: Unpack[PairReading],
) -> Evaluation:
    """Evaluate retrieval from each modality to the other: mAP, R@k, ranks and mAP per class, with intervals.

    Of a RUN, DATA is embedded first, and near-duplicates between its splits are looked for; a file of EMBEDDINGS in the
    plain layout, from any source, needs no run.

    Args:
        target: A run folder, or a file of embeddings in the plain layout. In Python also a run.
        data: For a run: the features to embed and evaluate.
        split: Rows to evaluate: test, val, train or all; by default test, or all if EMBEDDINGS have no split.
        bootstrap: Resamples of the queries for the intervals; 0 for none.
        memory_mb: Memory, in MiB, that one block of similarities may take.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        confusion: Whether to count which class is retrieved for which.
        diffusion: Also rank by random walks on the gallery's own neighbour graph; its figures stand beside the others.
        queries: Clips drawn at random to query; all others are still found. By default all clips query.
        group_by: Also evaluate the queries of each value of this metadata column, among all items; of numbers in
            quarters. `overtone inspect DATA` lists the columns.
        settings: Settings of the diffusion.
        tables: File for the table of a paper, .tex, .md or .csv by its suffix; may be repeated.
        overwrite: Replace files that are at --table.
        progress: Called while rows are embedded and queries are ranked, if that takes more than two seconds.
        reading: How to read the data; see :func:`overtone.load`.

    Returns:
        Metrics in both directions.

    Raises:
        InputError: The target is neither a run nor embeddings, a run came without data, or they do not fit.
    """
    if settings and not diffusion:
        raise InputError("evaluate: there are settings, but only the diffusion has any", fix="ask for it: --diffusion")
    files = check_tables(tables, inputs=(target, data), overwrite=overwrite)
    options: EvaluateOptions = {
        "memory_mb": memory_mb,
        "bootstrap": bootstrap,
        "confusion": confusion,
        "space": True,
        "diffusion": settings or diffusion,
        "queries": queries,
        "progress": progress,
    }
    found, judged = _evaluate(target, data, split, device, reading, options)
    if group_by is not None:
        from overtone.evaluation import group_queries

        values = _column(judged, group_by)
        found = replace(found, groups=group_queries(found.per_query, group_by, values, bootstrap=bootstrap))
    if files:
        from overtone.report.paper import evaluation_tables

        sources = [one for one in (data, target) if isinstance(one, (str, Path))]
        write_tables(evaluation_tables(found, str(sources[0]) if sources else "retrieval"), files)
    return found


def _evaluate(
    target: str | Path | Run,
    data: str | Path | PairedFeatures | None,
    split: str | None,
    device: str,
    reading: PairReading,
    options: EvaluateOptions,
) -> tuple[Evaluation, PairedFeatures]:
    """Embed with a run and evaluate, or evaluate embeddings as they are; also the clips that were evaluated."""
    if isinstance(target, (str, Path)) and not is_run(target):
        if data is not None:
            if not Path(target).exists():
                require_run(target)
            raise InputError(f"{target}: not a run folder", fix="leave DATA out to evaluate a file of embeddings")
        features = read(target, reading)
        from overtone.training.judging import judge

        own = "all" if features.provenance.made_split else "test"  # the split of a source that brought one
        chosen = _chosen(features, split or own)
        part = features if chosen is None else features.split(chosen)
        return judge(part.modalities, part, **options), part
    require_run(target)
    if data is None:
        raise InputError(f"{target}: a run is evaluated on features", fix="name them: overtone evaluate RUN DATA")
    from overtone.training import Run

    run = target if isinstance(target, Run) else Run.load(target, device)
    reading.setdefault("modalities", run.modalities)
    features = read(data, reading)
    chosen = _chosen(features, split or "test")
    judged = features if chosen is None else features.split(chosen)
    found = run.evaluate(features, chosen, **options)
    if chosen != "test":
        return found, judged
    from overtone.search import find_leakage

    return replace(found, leakage=find_leakage(features, run.scalers)), judged


def _column(data: PairedFeatures, name: str) -> Sequence[Scalar]:
    """The values of a metadata column.

    Raises:
        InputError: There is no such column.
    """
    if name in data.metadata:
        return data.metadata[name]
    if not data.metadata:
        source, fix = data.provenance.source, "name a table of them: --metadata clips.csv"
        raise InputError(f"{source}: has no metadata columns to group by", got=repr(name), fix=fix)
    raise unknown_name(f"metadata column of {data.provenance.source}", name, data.metadata)


def _chosen(data: PairedFeatures, split: str) -> str | None:
    """The split to take; None for all rows."""
    return None if split == "all" or not data.splits else split
