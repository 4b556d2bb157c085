"""``overtone embed``: embeddings of a corpus by a trained run, into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from overtone.cli.options import Data, DataSeed, Device, Json, Modalities, Run, Sequences, View, given, reading
from overtone.cli.output import results


def embed(
    run: Run,
    data: Data,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="F", help="File to write: .npz, .h5, .parquet or .safetensors by its suffix."),
    ],
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="One of the method's further embeddings.")
    ] = None,
    modalities: Modalities = None,
    view: View = None,
    sequences: Sequences = None,
    data_seed: DataSeed = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Embed every clip of DATA with a trained RUN and write the embeddings to a file.

    The file has the plain layout: one array per modality, with the ids, labels and splits of DATA; overtone evaluate
    takes it, and so does numpy.load.
    """
    with results(json) as output:
        from overtone import api

        where = reading(modalities, view, sequences, data_seed)
        embeddings = api.embed(run, data, out=out, variant=variant, **given(device=device), **where)
        shapes = {name: list(rows.shape) for name, rows in embeddings.items()}
        output.document({"run": str(run), "out": str(out), "embeddings": shapes})
        sizes = ", ".join(f"{name} {rows} × {size}" for name, (rows, size) in shapes.items())
        output.say(f"Embeddings: {out} ({sizes})")
