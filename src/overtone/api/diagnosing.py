"""The verb that explains what losses do to features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Unpack

from overtone.api.checks import check_losses
from overtone.api.paper_tables import check_tables, write_tables
from overtone.api.parameters import (
    PROBES,
    Flag,
    OutFolder,
    Param,
    Seeds,
    Settable,
    Settings,
    Tables,
    ViewReading,
    Workers,
    named,
)
from overtone.api.reading import logged
from overtone.api.result_folders import check_folder, list_seeds, publish
from overtone.core import InputError, ProgressCallback
from overtone.core.arguments import checks_types
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from torch.nn import Module

    from overtone.experiments import Diagnosis
    from overtone.features import Features


@checks_types
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
    check_folder(out, "diagnose", resume, overwrite)
    files = check_tables(tables, inputs=(data,), overwrite=overwrite or resume)
    from overtone.features import Features, load_views, split_by_class

    features = data if isinstance(data, Features) else load_views(data, **reading)
    features = logged(split_by_class(features) if class_disjoint else features)
    from overtone import experiments

    diagnosis = experiments.diagnose(
        features,
        losses=chosen,
        seeds=list_seeds(seeds),
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
    return publish(diagnosis, out)
