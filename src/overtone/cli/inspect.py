"""``overtone inspect``: what is in a feature file, and what is wrong with it."""

from __future__ import annotations

from overtone.cli.options import Data, DataSeed, Json, Sequences, View, Views, viewing
from overtone.cli.output import results


def inspect(
    data: Data,
    modalities: Views = None,
    view: View = None,
    sequences: Sequences = None,
    data_seed: DataSeed = None,
    json: Json = False,
) -> None:
    """Say what is in DATA and what is wrong with it, problem by problem; the exit code is 2 if anything is."""
    with results(json) as output:
        from overtone import api
        from overtone.cli.tables import inspection

        found = api.inspect(data, **viewing(modalities, view, sequences, data_seed))
        output.document(found)
        output.say(*inspection(found))
        output.code = 2 if found["problems"] else 0
