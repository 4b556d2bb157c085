"""The verb that looks through a corpus: near-duplicates, outliers, mismatched pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from typing_extensions import Unpack

from overtone.api.parameters import Flag, PairReading, Param, ViewReading
from overtone.api.reading import log, logged, read, read_one
from overtone.api.running import is_run, require_run
from overtone.core import InputError, ProgressCallback, unknown_name
from overtone.core.arguments import checks_types
from overtone.core.outputs import check_file
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from overtone.features import Features
    from overtone.search import ScaledClips
    from overtone.search.listing import Found
    from overtone.training import Run

What = Literal["duplicates", "outliers", "mismatched"]
_KINDS: tuple[What, ...] = ("duplicates", "outliers", "mismatched")


@checks_types
@shows_progress
def find(
    what: Annotated[What, Param("duplicates|outliers|mismatched")],
    target: Annotated[str | Path | Run | Features, Param("RUN|DATA")],
    data: Annotated[str | Path | Features | None, Param("DATA")] = None,
    *,
    only: Annotated[str | None, Param("MODALITY")] = None,
    fdr: Annotated[float | None, Param("SHARE")] = None,
    csv: Annotated[str | Path | None, Param("F.csv")] = None,
    report: Annotated[str | Path | None, Param("F.html")] = None,
    overwrite: Flag = False,
    progress: ProgressCallback | None = None,
    **reading: Unpack[ViewReading],
) -> Found:
    """Find near-duplicates, outliers or mismatched pairs among the clips of DATA, and how many chance explains.

    duplicates: groups of clips that lie nearer to each other than chance puts neighbours. outliers: clips far from all
    others, in one modality or the other. mismatched: clips whose two halves do not belong together. Nothing is trained:
    features are compared, scaled as a RUN scales them, or else as training would. Embeddings can be looked through,
    too. What is found with a RUN is kept in its folder, and `overtone report` shows it in the run's report.

    Args:
        what: What to find: duplicates, outliers or mismatched.
        target: A feature file, a folder or a corpus; or a run whose scaling is used for DATA. In Python also features.
        data: The features to look through, after a run.
        only: The one modality to look at.
        fdr: False discovery rate, the share of what is found that may be due to chance; by default 0.05, and 0.5 for
            mismatched.
        csv: Also write a table with a row for each clip found.
        report: Also write a report that opens in a browser.
        overwrite: Replace the table and the report that are there.
        progress: Called while clips are compared.
        reading: How to read the data; see :func:`overtone.features.load_views`.

    Returns:
        What was found, the surest first, and how much of it chance explains.

    Raises:
        InputError: There is no such thing to find, the data cannot be read or do not fit the run, or there are too few
            clips.
    """
    if what not in _KINDS:
        raise unknown_name("thing to find", what, _KINDS)
    if fdr is not None and not 0 < fdr < 1:
        raise InputError("fdr is a share of what is found", got=fdr, valid="above 0 and below 1")
    if what == "mismatched" and only is not None:
        raise InputError("mismatched pairs need two modalities", got=f"only {only}", fix="leave --only out")
    for file in (csv, report):
        if file is not None:
            check_file(file, inputs=(target, data), overwrite=overwrite)
    clips, features, run = _clips(target, data, only, reading)
    from overtone import search
    from overtone.core.files import write_text
    from overtone.search.listing import csv_text

    found: Found
    if what == "duplicates":
        found = search.find_duplicates(clips, fdr or 0.05, progress)
    elif what == "outliers":
        found = search.find_outliers(clips, fdr or 0.05, progress)
    else:
        found = search.find_mismatched(clips, fdr or 0.5, progress)
    if run is not None:
        _keep(run, found, features)
    if csv is not None:
        write_text(csv, csv_text(found))
    if report is not None:
        from overtone.report import finding_report

        write_text(report, finding_report(found, source=features.provenance.source))
    return found


def _clips(
    target: str | Path | Run | Features, data: str | Path | Features | None, only: str | None, reading: ViewReading
) -> tuple[ScaledClips, Features, Run | None]:
    """Scaled clips, the features that they are of, and the run that scales them."""
    from overtone.features import Features, load_views
    from overtone.search import ScaledClips

    alone = isinstance(target, Features) or (isinstance(target, (str, Path)) and not is_run(target))
    if alone and data is not None:
        raise InputError(f"{target}: not a run folder", fix="leave DATA out to look through features without a run")
    if isinstance(target, Features):
        return ScaledClips.of(target, None, only), target, None
    if isinstance(target, (str, Path)) and not is_run(target):
        features = logged(load_views(target, **reading), splits=False)
        return ScaledClips.of(features, None, only), features, None
    require_run(target)
    if data is None:
        raise InputError(f"{target}: a run's scaling is used on features", fix="name them: overtone find WHAT RUN DATA")
    from overtone.features import place_clips
    from overtone.training import Run

    run = target if isinstance(target, Run) else Run.load(target)
    if only is not None:
        part = read_one(data, only, run.modalities, reading, splits=False)
        run.check_one(only, part.modalities[only][part.has(only)], place_clips(part, only))
        return ScaledClips.of(part, run.scalers, only), part, run
    pairs = read(data, cast(PairReading, {"modalities": run.modalities, **reading}), splits=False)
    run.check(pairs)
    return ScaledClips.of(pairs, run.scalers), pairs, run


def _keep(run: Run, found: Found, data: Features) -> None:
    """Keep a result for the report of its run, where the folder can be written to."""
    from overtone.search.kept import keep_found

    try:
        path = keep_found(run, found, data)
    except InputError as error:
        log.warning("what was found is not kept for the run's report: %s", error)
    else:
        if path is not None:
            log.info("kept as %s; overtone report %s %s shows it", path, run.folder, data.provenance.source)
