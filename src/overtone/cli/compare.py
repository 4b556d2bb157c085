"""``overtone compare``: the table of a paper, with intervals and paired tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from overtone.cli.options import (
    Config,
    DataSeed,
    Device,
    Json,
    MemoryMb,
    Modalities,
    Precision,
    Sequences,
    Set,
    View,
    gathered,
    reading,
)
from overtone.cli.output import results


def compare(
    methods_and_data: Annotated[
        list[str],
        typer.Argument(metavar="METHOD... DATA", help="One or more methods, then a feature file, folder or corpus."),
    ],
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=1, help="Seeds that each method is trained with.")
    ] = 5,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also train each method with each of its terms off in turn.")
    ] = False,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="Also train what a method must beat to have meant anything: for interactions no graph, a shuffled "
            "one, pairs alone and, where it is known, the true one.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where runs and report go; by default runs/compare-DATA."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Take what --out holds already from there, if data and settings are the same."),
    ] = False,
    modalities: Modalities = None,
    view: View = None,
    sequences: Sequences = None,
    data_seed: DataSeed = None,
    config: Config = None,
    set_: Set = None,
    device: Device = None,
    precision: Precision = None,
    memory_mb: MemoryMb = None,
    json: Json = False,
) -> None:
    """Train every METHOD on DATA with several seeds; one table with intervals, and tests of who is really ahead.

    Each setting goes to every method that has it.
    """
    *methods, data = methods_and_data
    with results(json) as output:
        from overtone import api
        from overtone.cli.tables import comparison_table
        from overtone.core import display

        if not methods:
            raise typer.BadParameter("name at least one method before DATA")
        settings = gathered(config, set_, device=device, precision=precision, memory_mb=memory_mb)
        folder = out or Path("runs") / f"compare-{Path(data).stem}"
        with display() as progress:
            comparison = api.compare(
                methods,
                data,
                seeds=seeds,
                ablate=ablate,
                controls=controls,
                settings=settings,
                out=folder,
                resume=resume,
                progress=progress,
                **reading(modalities, view, sequences, data_seed),
            )
        found = comparison.to_dict()
        output.document(found)
        output.say(*comparison_table(found), f"\nReport: {found['report']}")
