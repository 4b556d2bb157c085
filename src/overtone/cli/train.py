"""``overtone train``: train one method on one corpus into a run folder."""

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
    Method,
    Modalities,
    Precision,
    Seed,
    Sequences,
    Set,
    View,
    gathered,
    reading,
)
from overtone.cli.output import results


def train(
    method: Method,
    data: Data,
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Folder of the run; made if it is not there.")],
    modalities: Modalities = None,
    view: View = None,
    sequences: Sequences = None,
    data_seed: DataSeed = None,
    config: Config = None,
    set_: Set = None,
    seed: Seed = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out from its last checkpoint.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that is in --out.")] = False,
    device: Device = None,
    precision: Precision = None,
    memory_mb: MemoryMb = None,
    json: Json = False,
) -> None:
    """Train METHOD on the training split of DATA; evaluate it on the test split; write everything into a run folder.

    The folder gets settings.yaml, weights and scalers (safetensors), metrics per epoch (metrics.csv), evaluation.json
    and report.html. What can be set: overtone methods METHOD.
    """
    with results(json) as output:
        from overtone import api
        from overtone.cli.tables import evaluation_table
        from overtone.core import display

        settings = gathered(config, set_, seed=seed, device=device, precision=precision, memory_mb=memory_mb)
        where = reading(modalities, view, sequences, data_seed)
        with display() as progress:
            run = api.train(
                method,
                data,
                out=out,
                settings=settings,
                resume=resume,
                overwrite=overwrite,
                progress=progress,
                **where,
            )
        report = out / "report.html" if run.evaluation else None
        output.document({"method": method, "run": out, "report": report, "evaluation": run.evaluation})
        output.say(*(evaluation_table(run.evaluation) if run.evaluation else ()), f"\nRun: {out}")
        output.say(f"Report (open it in a browser): {report}" if report else "No test split, so no evaluation.")
