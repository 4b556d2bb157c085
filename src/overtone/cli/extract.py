"""``overtone extract``: from images on disk to a file of features."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overtone.cli.options import Config, Device, Json, Seed, Set, gathered, given
from overtone.cli.output import results

if TYPE_CHECKING:
    from overtone.core import ProgressCallback


def extract(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder of images, a data set as it unpacks, or an npz of images.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="F", help="File to write: .npz, .h5, .parquet or .safetensors by its suffix."),
    ],
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME[:ARG]",
            help="hog-color, small-net or transformers:PATH_OR_NAME; by default hog-color, which needs no weights.",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="NAME", help="How SOURCE lies on disk; by default it is found out."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            metavar="NAME",
            help="official, class-disjoint or random; by default what is customary for the data set.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Only N images, drawn at random: for a first try.")
    ] = None,
    config: Config = None,
    assignments: Set = None,
    seed: Seed = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", metavar="N", min=1, help="Images described at a time; by default 256.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", metavar="N", min=1, help="Threads that decode; by default one per core, eight at most."
        ),
    ] = None,
    device: Device = None,
    skip_broken: Annotated[
        bool,
        typer.Option("--skip-broken", help="Leave out and list images that cannot be decoded; else they are an error."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an extraction that was interrupted.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what --out holds already.")] = False,
    json: Json = False,
) -> None:
    """Turn the images of SOURCE into a file of features with a frozen backbone.

    The file has the plain layout with one view, image; overtone inspect and overtone diagnose take it. --set KEY=VALUE
    sets one of the backbone's settings.
    """
    with results(json) as output:
        from overtone import api
        from overtone.core import display

        options = given(backbone=backbone, layout=layout, split=split, limit=limit, seed=seed)
        options |= given(batch_size=batch_size, threads=threads, device=device)
        with display() as show:
            api.extract(
                source,
                out,
                settings=gathered(config, assignments),
                skip_broken=skip_broken,
                resume=resume,
                overwrite=overwrite,
                progress=reporter(show),
                **options,
            )
        found = api.extraction(out)
        output.document({"out": str(out), **found})
        output.say(f"Features: {out} ({found['images']} images × {found['features']})")
        splits = ", ".join(f"{count} {name}" for name, count in found["splits"].items())
        output.say(f"Splits: {splits}; classes: {found['classes'] or 'none, as there are no labels'}")
        if found["broken"]:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in found["broken"].items())
            output.say(f"Left out, {len(found['broken'])} broken: {reasons}")


def reporter(show: ProgressCallback) -> Callable[[str, int, int], None]:
    """What media calls while it works, shown as a training's progress is."""
    from overtone.core import Progress

    began: dict[str, tuple[float, int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        start, first = began.setdefault(what, (time.monotonic(), done))
        seconds = time.monotonic() - start
        eta = seconds / max(done - first, 1) * (total - done)
        show(Progress(what, done, total, unit="", seconds=seconds, eta=eta))

    return progress
