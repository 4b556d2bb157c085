"""``overtone evaluate``: retrieval in both directions, of a run or of embeddings that anybody made."""

from __future__ import annotations

from typing import Annotated

import typer

from overtone.cli.options import DataSeed, Device, Json, MemoryMb, Modalities, Sequences, View, given, reading
from overtone.cli.output import results


def evaluate(
    target: Annotated[
        str, typer.Argument(metavar="RUN|EMBEDDINGS", help="A run folder, or a file of embeddings in the plain layout.")
    ],
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="For a run: the features to embed and evaluate.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="NAME",
            help="Rows to evaluate: test, val, train or all; by default test, if there is one.",
        ),
    ] = None,
    modalities: Modalities = None,
    view: View = None,
    sequences: Sequences = None,
    data_seed: DataSeed = None,
    bootstrap: Annotated[
        int | None,
        typer.Option(
            "--bootstrap", metavar="N", min=0, help="Resamples for the intervals, 0 for none; by default 1000."
        ),
    ] = None,
    memory_mb: MemoryMb = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Evaluate retrieval from each modality to the other: mAP, R@k, ranks, per class, with intervals.

    overtone evaluate RUN DATA embeds the test split of DATA first; overtone evaluate EMBEDDINGS.npz needs no run.
    """
    with results(json) as output:
        from overtone import api
        from overtone.cli.tables import class_table, evaluation_table

        where = reading(modalities, view, sequences, data_seed)
        options = given(split=split, bootstrap=bootstrap, memory_mb=memory_mb, device=device)
        found = api.evaluate(target, data, **options, **where).to_dict()
        output.document(found)
        output.say(*evaluation_table(found), *class_table(found))
