"""Verbs that make data: features from media, and corpora whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from overtone.api.parameters import Flag, OutFile, Param, Settable, Settings, Workers
from overtone.api.reading import log
from overtone.core import ProgressCallback
from overtone.core.arguments import checks_types
from overtone.core.outputs import check_file
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from overtone.features import Features, PairedFeatures


@checks_types
@shows_progress
def extract(
    source: Annotated[str | Path, Param("SOURCE")],
    out: Annotated[str | Path, Param("F", option="--out")],
    *,
    modalities: Annotated[tuple[str, ...] | None, Param("A[,B]")] = None,
    backbone: Annotated[str | Sequence[str], Param("[MODALITY=]NAME[:ARG]", many=True)] = (),
    settings: Annotated[Settings, Settable("")] = None,
    frames: Annotated[int, Param("N", minimum=1)] = 8,
    fps: Annotated[float | None, Param("F")] = None,
    window: Annotated[float | None, Param("S")] = None,
    hop: Annotated[float | None, Param("S")] = None,
    steps: Annotated[int | None, Param("T", minimum=1)] = None,
    layout: Annotated[str | None, Param("NAME")] = None,
    split: Annotated[str | None, Param("NAME")] = None,
    limit: Annotated[int | None, Param("N", minimum=1)] = None,
    seed: Annotated[int, Param("N", minimum=0)] = 0,
    batch_size: Annotated[int, Param("N", minimum=1)] = 32,
    workers: Workers = None,
    device: Annotated[str, Param("NAME")] = "auto",
    strict: Flag = False,
    only_pairs: Flag = False,
    shard: Annotated[str | None, Param("I/N")] = None,
    merge: Flag = False,
    resume: Flag = False,
    overwrite: Flag = False,
    progress: ProgressCallback | None = None,
) -> Features:
    """Turn the videos, sounds, images and texts of SOURCE into a file of features with frozen backbones.

    A video is seen and heard; files of one name in one folder are one clip; images alone become one view, image. Broken
    and empty media are left out and listed in F.clips.csv. --set KEY=VALUE or MODALITY.KEY=VALUE sets one of a
    backbone's settings.

    Args:
        source: A folder of media, a recording, a manifest of clips (.csv, .jsonl), or a data set as it unpacks.
        out: File to write: .npz, .h5, .parquet or .safetensors by its suffix.
        modalities: One or two of audio, visual and text; by default the first two that are there.
        backbone: log-mel, hog-color, hog-motion, char-ngrams, or others (see the docs, page backbones); repeatable.
        settings: The backbones' settings, by name.
        frames: Frames of a video, evenly spaced.
        fps: Frames a second of a video instead.
        window: Cut recordings into clips of S seconds.
        hop: Seconds from one window to the next; by default they follow each other.
        steps: Keep a sequence of T steps a clip instead of one row.
        layout: How SOURCE lies on disk; by default it is found out.
        split: official, class-disjoint or random; by default what is customary for the data set.
        limit: Only N clips, drawn at random, whole pairs first: for a first try.
        seed: Seed of the draw and of a random split.
        batch_size: Clips that are decoded and described at a time.
        workers: Processes that decode; by default one per thread of PyTorch.
        device: Where the backbones compute: cpu, cuda, cuda:1 or auto.
        strict: Make the first medium that cannot be decoded an error.
        only_pairs: Leave out clips that lack one of two modalities.
        shard: Do share I of N only, on one of several machines; --merge joins them.
        merge: Join the shares that --shard has made beside F.
        resume: Go on with an extraction that was interrupted.
        overwrite: Replace what --out holds already.
        progress: Called after each batch.

    Returns:
        What was written: features of one modality or two; of a share the clips alone.

    Raises:
        InputError: The source, a name, a setting or the file cannot be used, or no clip can be decoded.
    """
    from overtone import media

    features = media.extract(
        source,
        out,
        modalities=modalities,
        backbone=backbone if isinstance(backbone, str) else tuple(backbone),
        settings=settings,
        frames=frames,
        fps=fps,
        window=window,
        hop=hop,
        steps=steps,
        layout=layout,
        split=split,
        limit=limit,
        seed=seed,
        batch_size=batch_size,
        workers=workers,
        device=device,
        strict=strict,
        only_pairs=only_pairs,
        shard=shard,
        merge=merge,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
    )
    for note in features.provenance.notes:
        log.info(note)
    return features


@checks_types
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
