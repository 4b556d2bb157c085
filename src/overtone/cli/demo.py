"""``overtone demo``: the main job on built-in real data, end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from overtone.cli.options import Json
from overtone.cli.output import results


def demo(
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", metavar="N", min=1, help="Seeds that each method is trained with; by default 2."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where runs and report go")] = Path("runs/demo"),
    json: Json = False,
) -> None:
    """Train HSC-MAE and its label-free baselines on built-in real data; print the table; write the report.

    The data are the left and right halves of 1,797 handwritten digits: two views of the same things, and no labels are
    used in training. Nothing is downloaded.
    """
    with results(json) as output:
        from overtone import api
        from overtone.cli.options import given
        from overtone.cli.tables import comparison_table
        from overtone.core import display

        with display() as progress:
            found = api.demo(out=out, progress=progress, **given(seeds=seeds)).to_dict()
        output.document(found)
        output.say(*comparison_table(found), f"\nReport (open it in a browser): {found['report']}")
