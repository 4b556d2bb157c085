"""``overtone diagnose``: what losses do to an embedding, and which one to take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from overtone.cli.options import (
    Config,
    Data,
    DataSeed,
    Device,
    Json,
    MemoryMb,
    Sequences,
    Set,
    View,
    Views,
    gathered,
    viewing,
)
from overtone.cli.output import results


def diagnose(
    data: Data,
    loss: Annotated[
        list[str] | None,
        typer.Option(
            "--loss",
            metavar="NAME",
            help="A loss to train a head with; may be repeated; by default all seven: contrastive, triplet, n-pair, "
            "infonce, arcface, scl, ccl.",
        ),
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Train nothing: diagnose the embeddings in DATA as they are.")
    ] = False,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=1, help="Seeds that each head is trained with.")
    ] = 5,
    class_disjoint: Annotated[
        bool,
        typer.Option(
            "--class-disjoint", help="Split DATA anew: the first half of the classes trains, the other half is judged."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where results and report go; by default runs/diagnose-DATA."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Take what --out holds already from there, if data and settings are the same."),
    ] = False,
    modalities: Views = None,
    view: View = None,
    sequences: Sequences = None,
    data_seed: DataSeed = None,
    config: Config = None,
    set_: Set = None,
    device: Device = None,
    memory_mb: MemoryMb = None,
    json: Json = False,
) -> None:
    """Train a small head on DATA's features for every loss under one budget, and say what each loss does.

    VARIANCE: how far each class spreads and how far classes lie apart. GREEDINESS: how many terms of a loss still push,
    and how hard. A verdict in plain words names what looks wrong, the figure that shows it, and what to try.

    DATA needs labels; it may hold one view (images from `overtone extract`) or two, which are then trained and judged
    across. `--set margin=0.1` goes to every loss that has a margin, `--set triplet.margin=0.1` to one; `overtone
    methods --losses` lists what can be set.
    """
    with results(json) as output:
        from overtone import api
        from overtone.cli.diagnosis_tables import diagnosis_tables
        from overtone.core import display

        if as_is and loss:
            raise typer.BadParameter("--as-is trains nothing: leave --loss out")
        settings = gathered(config, set_, device=device, memory_mb=memory_mb)
        folder = out or Path("runs") / f"diagnose-{Path(data).stem}"
        with display() as progress:
            diagnosis = api.diagnose(
                data,
                losses=() if as_is else loss,
                seeds=seeds,
                class_disjoint=class_disjoint,
                settings=settings,
                out=folder,
                resume=resume,
                progress=progress,
                **viewing(modalities, view, sequences, data_seed),
            )
        found = diagnosis.to_dict()
        output.document(found)
        output.say(*diagnosis_tables(found), f"\nReport: {found['report']}")
