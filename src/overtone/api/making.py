"""Verbs that make data: features from images, and corpora whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from overtone.api.parameters import Flag, OutFile, Param, Settable, Settings
from overtone.api.reading import log
from overtone.core import ProgressCallback
from overtone.core.outputs import check_file

if TYPE_CHECKING:
    from overtone.features import Features, PairedFeatures


def extract(
    source: Annotated[str | Path, Param("SOURCE")],
    out: Annotated[str | Path, Param("F", option="--out")],
    *,
    backbone: Annotated[str, Param("NAME[:ARG]")] = "hog-color",
    layout: Annotated[str | None, Param("NAME")] = None,
    split: Annotated[str | None, Param("NAME")] = None,
    limit: Annotated[int | None, Param("N", minimum=1)] = None,
    settings: Annotated[Settings, Settable("")] = None,
    seed: Annotated[int, Param("N", minimum=0)] = 0,
    batch_size: Annotated[int, Param("N", minimum=1)] = 256,
    threads: Annotated[int | None, Param("N", minimum=1)] = None,
    device: Annotated[str, Param("NAME")] = "auto",
    skip_broken: Flag = False,
    resume: Flag = False,
    overwrite: Flag = False,
    progress: ProgressCallback | None = None,
) -> Features:
    """Turn the images of SOURCE into a file of features with a frozen backbone.

    The file has the plain layout with one view, image; `overtone inspect` and `overtone diagnose` take it. --set
    KEY=VALUE sets one of the backbone's settings.

    Args:
        source: A folder of images, a data set as it unpacks, or an npz of images.
        out: File to write: .npz, .h5, .parquet or .safetensors by its suffix.
        backbone: hog-color, which needs no weights, small-net or transformers:PATH_OR_NAME.
        layout: How SOURCE lies on disk; by default it is found out.
        split: official, class-disjoint or random; by default what is customary for the data set.
        limit: Only N images, drawn at random: for a first try.
        settings: The backbone's settings, by name.
        seed: Seed of the draw, of a random split, and of a backbone that is trained.
        batch_size: Images per batch of the backbone.
        threads: Threads that decode images; by default one per core, eight at most.
        device: Where the backbone computes: cpu, cuda, cuda:1 or auto.
        skip_broken: Leave out and list images that cannot be decoded; else the first one is an error.
        resume: Go on with an extraction that was interrupted.
        overwrite: Replace what --out holds already.
        progress: Called after each batch.

    Returns:
        What was written: features of one view, ``image``.

    Raises:
        InputError: The source, a name, a setting or the file cannot be used, or an image cannot be decoded.
    """
    from overtone import media

    features = media.extract(
        source,
        out,
        backbone=backbone,
        layout=layout,
        split=split,
        limit=limit,
        settings=settings,
        seed=seed,
        batch_size=batch_size,
        threads=threads,
        device=device,
        skip_broken=skip_broken,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
    )
    for note in features.provenance.notes:
        log.info(note)
    return features


def simulate(
    *,
    out: OutFile = None,
    settings: Annotated[Settings, Settable("")] = None,
    seed: Annotated[int, Param("N", minimum=0)] = 0,
    overwrite: Flag = False,
) -> PairedFeatures:
    """Simulate clips with several events, planted interactions of classes, and an annotation that names only some.

    The file has the plain layout and, for evaluation only, all events and the planted interactions. --set takes
    classes, train_rows, interactions, within, direction, probability, presence, annotation, missing, noise and more:
    see the docs, page features.

    Args:
        out: File to write: .npz, .h5, .parquet or .safetensors by its suffix. None writes none.
        settings: Setting names to values, of :class:`overtone.features.SimulatorSettings`.
        seed: Seed of all randomness: the same seed gives the same clips.
        overwrite: Replace the file that is at --out.

    Returns:
        The corpus; its ``truth`` holds ``events_audio``, ``events_visual`` and ``interactions``.

    Raises:
        InputError: A setting cannot be used, or the file cannot be written.
    """
    if out is not None:
        check_file(out, overwrite=overwrite)
    from overtone.features import SimulatorSettings, from_arrays, save_arrays
    from overtone.features import simulate as simulated

    arrays = simulated(SimulatorSettings.build(settings, where="the simulator's settings"), seed)
    if out is not None:
        save_arrays(arrays, out)
    return from_arrays(arrays, source="simulated" if out is None else str(out))
