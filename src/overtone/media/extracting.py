"""``extract``: from media on disk to a file of features, in units that can be resumed and shared among machines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from overtone.core import InputError, ProgressCallback
from overtone.core.files import read_json
from overtone.core.outputs import check_file
from overtone.core.sources import expand_home
from overtone.core.version import __version__
from overtone.features import Features, load_views
from overtone.features.formats import find_format_by_suffix
from overtone.media.catalogue import Catalogue
from overtone.media.choosing import Specs, choose_modalities, make_backbones
from overtone.media.decoding import Sampling
from overtone.media.joining import CLIPS, beside, join_units
from overtone.media.layouts import read_catalogue
from overtone.media.outline import default_split, outline_features
from overtone.media.recipes import RECORD, make_recipe
from overtone.media.running import run_extraction
from overtone.media.shards import IDS, Shards, Share, check_plan, find_shares
from overtone.media.units import Units
from overtone.media.windows import cut_windows


def extract(
    source: str | Path,
    out: str | Path,
    *,
    backbone: Specs = None,
    settings: Mapping[str, Any] | None = None,
    modalities: tuple[str, ...] | None = None,
    layout: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    frames: int = 8,
    fps: float | None = None,
    window: float | None = None,
    hop: float | None = None,
    steps: int | None = None,
    batch_size: int = 32,
    device: str = "cpu",
    workers: int | None = None,
    strict: bool = False,
    only_pairs: bool = False,
    shard: str | None = None,
    merge: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Features:
    """Turn media into a file of features with frozen backbones.

    Clips are decoded and described unit by unit, in worker processes; what is done is kept in ``OUT.parts`` until all
    is done, and a resumed extraction writes the same bytes as one in a single go, whatever the number of workers.
    Beside the features, ``OUT.json`` records how they were made, and ``OUT.clips.csv``, the availability manifest, has
    a row for each clip of the source: what was there, and why the rest was not.

    Args:
        source: A folder of media, a recording, a manifest of clips, a data set of images as it unpacks, or an npz.
        out: File to write; its suffix says the format (.npz, .h5, .parquet, .safetensors).
        backbone: ``NAME`` or ``NAME:ARGUMENT`` (``"transformers:models/vit"``), or modality to such a name; by default
            those that need no weights.
        settings: The backbones' settings: ``KEY``, or ``MODALITY.KEY`` where several have that key.
        modalities: One or two of ``"audio"``, ``"visual"`` and ``"text"``; the first two that are there if None.
        layout: Name of the source's layout on disk; found from the files if None.
        split: ``"official"``, ``"class-disjoint"`` or ``"random"``; the layout's usual one if None.
        limit: Number of clips, drawn at random, those with both modalities first; None for all.
        seed: Of the draw and of a random split.
        frames: Frames of a video, evenly spaced.
        fps: Frames a second of a video instead.
        window: Cut recordings into clips of so many seconds.
        hop: Seconds from one window to the next; a window if None.
        steps: Keep a sequence of so many steps a clip; one row if None.
        batch_size: Clips of a unit.
        device: Where the backbones compute: cpu, cuda, cuda:1 or auto.
        workers: Processes that decode, and on a CPU describe as well; one per thread of PyTorch if None.
        strict: Whether a medium that cannot be decoded is an error; else it is left out and listed.
        only_pairs: Whether clips that lack one of two modalities are left out, too.
        shard: ``"2/4"``: only the second of four shares, into ``OUT.2-of-4.parts``.
        merge: Join the shares beside ``out``, made with the same choices.
        resume: Go on with an interrupted extraction; one that is finished is taken as it is.
        overwrite: Replace what is there.
        progress: Called after each unit, with clips per second and the share of time spent on decoding.

    Returns:
        What was written; ``provenance.notes`` says what was decided. Of a share the clips alone, of width 0.

    Raises:
        InputError: The source, a name, a setting or the file cannot be used, or no clip can be decoded.
    """
    out = expand_home(out)
    find_format_by_suffix(out, writable=True)
    for name, value in {"batch_size": batch_size, "limit": limit, "workers": workers, "steps": steps}.items():
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1", got=value)
    if merge and shard is not None:
        raise InputError("either a share is made or shares are joined", got=f"--shard {shard} --merge")
    share = None if shard is None else Share.read(shard)
    sampling = Sampling(frames, fps)
    shards = Shards(out, share)
    _check_places(out, source, shards, resume=resume or share is not None, overwrite=overwrite)
    catalogue = choose_modalities(read_catalogue(source, layout), modalities)
    if window is not None:
        catalogue = cut_windows(catalogue, window, hop, progress)
    elif hop is not None:
        raise InputError("hop: only windows have one", fix="say --window, too")
    elif len(catalogue) == 1 and catalogue.layout == "clips":
        note = "one recording is one clip; --window S cuts it into clips of S seconds"
        catalogue = replace(catalogue, notes=(*catalogue.notes, note))
    split = split or default_split(catalogue)
    outline = outline_features(catalogue, split, limit, seed)
    towers = make_backbones(catalogue, backbone, settings, device=device)
    if steps is not None:  # a step of a backbone that sees motion needs frames of its own
        motion = any(tower.takes == "frames" for tower in towers.values())
        sampling = Sampling(steps * frames if motion else steps)
    units = Units(catalogue, _find_rows(catalogue, outline), towers, batch_size, sampling, steps, strict)
    plan = {
        "source": str(catalogue.source),
        "layout": catalogue.layout,
        "recipes": {
            name: make_recipe(tower, sampling=sampling.to_dict(), steps=steps).to_dict()
            for name, tower in towers.items()
        },
        "device": next(iter(towers.values())).device.type,
        "version": __version__,
        IDS: hashlib.sha256("\n".join(outline.ids).encode()).hexdigest(),
        "split": split,
        "limit": limit,
        "seed": seed,
        "window": window,
        "hop": hop,
        "batch_size": batch_size,
        "strict": strict,
        "only_pairs": only_pairs,
    }
    if share is None and not merge and out.exists() and not overwrite and not shards.begun:
        _check_finished(out, plan)
        return load_views(out)
    parts = find_shares(out) if merge else [shards]
    if merge:
        _check_shares(parts, plan, len(units))
    else:
        with shards.open(plan, resume=resume and not overwrite, overwrite=overwrite):
            run_extraction(units, shards, workers, progress)
    if share is not None:
        return outline.subset([row for unit in share.units(len(units)) for row in units.places(unit)])
    where = {unit: one for one in parts for unit in one.share.units(len(units))}
    joined = join_units(units, outline, where, only_pairs=only_pairs)
    joined.write(out, plan)
    for one in parts:
        one.remove()
    return joined.data


def _check_finished(out: Path, plan: Mapping[str, Any]) -> None:
    """Refuse to take features for what was asked for that were made otherwise; widths are known only afterwards."""
    stored = read_record(out).get("recipes", {})
    recipes = {name: {**one, "width": stored.get(name, {}).get("width")} for name, one in plan["recipes"].items()}
    check_plan(beside(out, RECORD), {**plan, "recipes": recipes})


def _check_shares(shares: Sequence[Shards], plan: Mapping[str, Any], count: int) -> None:
    """Refuse shares of another extraction, or that are not done."""
    for shards in shares:
        shards.check_plan(plan)
        if left := shards.missing(count):
            what = f"{shards.folder}: {len(left)} of {len(shards.share.units(count))} batches are not done"
            raise InputError(what, fix=f"finish it: --shard {shards.share} --resume")


def _check_places(out: Path, source: str | Path, shards: Shards, *, resume: bool, overwrite: bool) -> None:
    """Refuse places for the results before the work; what is written beside them may be no file of the user's."""
    check_file(out, inputs=(source,), overwrite=overwrite or resume)
    if not (out.exists() or shards.begun or overwrite):
        for suffix in (RECORD, CLIPS):
            check_file(beside(out, suffix), inputs=(source,))


def read_record(out: str | Path) -> dict[str, Any]:
    """How the features in a file were made.

    Args:
        out: A file that :func:`extract` wrote.

    Returns:
        ``source``, ``layout``, ``recipes`` (modality to backbone, settings, sampling and more) and the other choices;
        ``clips``, ``features`` (modality to width), ``classes``, ``splits``, ``notes``; ``missing`` (modality to reason
        to number of clips) and ``broken``: id to reason of each clip that was left out.

    Raises:
        InputError: There is no record beside the file.
    """
    path = beside(expand_home(out), RECORD)
    if not path.is_file():
        raise InputError(f"{path}: missing, so how {out} was made is unknown", fix="extract again with --overwrite")
    return read_json(path)


def _find_rows(catalogue: Catalogue, outline: Features) -> list[int]:
    """Row numbers in the catalogue of the outline's clips."""
    place = {name: row for row, name in enumerate(catalogue.ids)}
    return [place[name] for name in outline.ids]
