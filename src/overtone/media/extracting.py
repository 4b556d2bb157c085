"""``extract``: from images on disk to a file of features, in batches, and able to go on where it was interrupted."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback
from overtone.core.files import read_json, save_tensors, write_json
from overtone.core.outputs import check_file
from overtone.core.version import __version__
from overtone.features import Features, load_views, save
from overtone.features.formats import find_format_by_suffix
from overtone.media.backbones import Backbone, TrainedBackbone, make_backbone
from overtone.media.catalogue import Catalogue
from overtone.media.layouts import read_catalogue
from overtone.media.loading import Loader, make_reporter
from overtone.media.outline import VIEW, default_split, outline_features
from overtone.media.shards import Shards, check_plan

SHARD = 4096
"""About the number of images that are stored at a time; an interruption loses no more than their features."""

_RECORD, _WEIGHTS = ".json", ".weights.safetensors"
"""Ends of the names of the files beside the features."""


def extract(
    source: str | Path,
    out: str | Path,
    *,
    backbone: str = "hog-color",
    settings: Mapping[str, Any] | None = None,
    layout: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    batch_size: int = 256,
    device: str = "cpu",
    threads: int | None = None,
    skip_broken: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Features:
    """Turn images into a file of features with a frozen backbone.

    Images are decoded in threads and described batch by batch; what is done is kept in ``OUT.parts`` until all is done,
    and a resumed extraction writes the same bytes as one in a single go. Beside the features, ``OUT.json`` records how
    they were made and, where the backbone had to be trained, ``OUT.weights.safetensors`` holds what it has learnt.

    Args:
        source: A folder of images, a data set as it unpacks, or an npz of images.
        out: File to write; its suffix says the format (.npz, .h5, .parquet, .safetensors).
        backbone: ``NAME`` or ``NAME:ARGUMENT`` (``"transformers:models/vit"``).
        settings: The backbone's settings, by name.
        layout: Name of the source's layout on disk; found from the files if None.
        split: ``"official"``, ``"class-disjoint"`` or ``"random"``; the layout's usual one if None.
        limit: Number of images, drawn at random; None for all.
        seed: Of the draw, of a random split, and of a backbone that is trained.
        batch_size: Images described at a time.
        device: Where the backbone computes: cpu, cuda, cuda:1 or auto.
        threads: Number of threads that decode; one per core, eight at most, if None.
        skip_broken: Whether images that cannot be decoded are left out and listed; else the first one is an error.
        resume: Go on with an interrupted extraction; one that is finished is taken as it is.
        overwrite: Replace what is there.
        progress: Called after each batch, and after each step of a backbone that is trained.

    Returns:
        What was written, as :func:`overtone.features.load_views` reads it; ``provenance.notes`` says what was decided.

    Raises:
        InputError: The source, a name, a setting or the file cannot be used, or an image cannot be decoded.
    """
    out = Path(out).expanduser()
    find_format_by_suffix(out, writable=True)
    for name, value in {"batch_size": batch_size, "limit": limit, "threads": threads}.items():
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1", got=value)
    shards = Shards(out)
    _check_places(out, source, shards, resume=resume, overwrite=overwrite)
    catalogue = read_catalogue(source, layout)
    split = split or default_split(catalogue)
    outline = outline_features(catalogue, split, limit, seed)
    tower = make_backbone(backbone, settings, device=device, seed=seed)
    plan = {
        "source": str(catalogue.source),
        "layout": catalogue.layout,
        "backbone": tower.name,
        "settings": tower.settings.model_dump(mode="json"),
        "device": tower.device.type,
        "version": __version__,
        "ids_sha256": hashlib.sha256("\n".join(outline.ids).encode()).hexdigest(),
        "split": split,
        "limit": limit,
        "seed": seed,
        "batch_size": batch_size,
        "skip_broken": skip_broken,
    }
    record = _beside(out, _RECORD)
    if out.exists() and not overwrite and not shards.begun:
        read_record(out)
        check_plan(record, plan)
        return load_views(out, modalities=(VIEW,))
    progress = progress or (lambda _: None)
    with shards.open(plan, resume=resume and not overwrite, overwrite=overwrite):
        loader = Loader(catalogue, tower.prepare, threads=threads, skip_broken=skip_broken)
        _train_backbone(tower, loader, outline, shards, progress)
        numbers = _find_rows(catalogue, outline)
        rows, features, broken = _embed_images(tower, loader, numbers, batch_size, shards, progress)
        data = _join(catalogue, outline, rows, features, broken)
        if isinstance(tower, TrainedBackbone):
            save_tensors(_beside(out, _WEIGHTS), tower.weights(), {"backbone": tower.name})
        found = {
            "images": len(data),
            "features": data.modalities[VIEW].shape[1],
            "classes": data.classes,
            "splits": {name: len(rows) for name, rows in data.splits.items()},
            "notes": data.provenance.notes,
            "broken": {catalogue.ids[row]: reason for row, reason in broken.items()},
        }
        write_json(record, {**plan, **found})
        save(data, out)
        shards.remove()
    written = load_views(out, modalities=(VIEW,))
    return replace(written, provenance=replace(written.provenance, notes=data.provenance.notes))


def _check_places(out: Path, source: str | Path, shards: Shards, *, resume: bool, overwrite: bool) -> None:
    """Refuse places for the results before the work; what is written beside them may be no file of the user's."""
    check_file(out, inputs=(source,), overwrite=overwrite or resume)
    if not (out.exists() or shards.begun or overwrite):
        for suffix in (_RECORD, _WEIGHTS):
            check_file(_beside(out, suffix), inputs=(source,))


def read_record(out: str | Path) -> dict[str, Any]:
    """How the features in a file were made.

    Args:
        out: A file that :func:`extract` wrote.

    Returns:
        ``source``, ``layout``, ``backbone``, ``settings`` and the other choices; ``images``, ``features``, ``classes``,
        ``splits``, ``notes``, and ``broken``: id to reason of each image that was left out.

    Raises:
        InputError: There is no record beside the file.
    """
    path = _beside(Path(out).expanduser(), _RECORD)
    if not path.is_file():
        raise InputError(f"{path}: missing, so how {out} was made is unknown", fix="extract again with --overwrite")
    return read_json(path)


def _beside(out: Path, suffix: str) -> Path:
    """The path of a file that belongs to the result (``birds.npz`` and ``".json"``: ``birds.npz.json``)."""
    return out.with_name(out.name + suffix)


def _find_rows(catalogue: Catalogue, outline: Features) -> list[int]:
    """Row numbers in the catalogue of the outline's images."""
    place = {name: row for row, name in enumerate(catalogue.ids)}
    return [place[name] for name in outline.ids]


def _train_backbone(
    tower: Backbone, loader: Loader, outline: Features, shards: Shards, progress: ProgressCallback
) -> None:
    """Train a backbone that has to be, on the training images alone; once per extraction."""
    if not isinstance(tower, TrainedBackbone) or tower.ready:
        return
    if (weights := shards.weights()) is not None:
        tower.load_weights(weights)
        return
    train = outline.splits["train"]
    rows = torch.tensor(_find_rows(loader.catalogue, outline))[train]
    labels = None if loader.catalogue.labels is None else torch.from_numpy(loader.catalogue.labels)[rows]
    tower.fit(loader, rows, labels, progress)
    shards.keep_weights(tower.weights())


def _embed_images(
    tower: Backbone, loader: Loader, rows: list[int], batch_size: int, shards: Shards, progress: ProgressCallback
) -> tuple[Tensor, Tensor, dict[int, str]]:
    """Rows and features of the images that could be decoded, and what is broken; shard by shard."""
    size = batch_size * math.ceil(SHARD / batch_size)  # whole batches: a resumed run cuts them in the same places
    starts = range(0, len(rows), size)
    report = make_reporter(progress, "images", len(rows))
    for number, start in enumerate(starts):
        part = rows[start : start + size]
        if not shards.has(number):
            good, features = [torch.empty(0, dtype=torch.int64)], []
            broken: dict[int, str] = {}
            for at, batch in enumerate(loader.batches(part, batch_size)):
                good.append(batch.rows)
                features += [tower.embed(batch.images).float().cpu()] if len(batch.rows) else []
                broken |= batch.broken
                report(min(start + (at + 1) * batch_size, start + len(part)))
            shards.keep(number, torch.cat(good), torch.cat(features or [torch.empty(0, 0)]), broken)
        else:
            report(start + len(part))
    return shards.collect(len(starts))


def _join(
    catalogue: Catalogue, outline: Features, rows: Tensor, features: Tensor, broken: Mapping[int, str]
) -> Features:
    """The outline with its features, without the broken images."""
    if not len(rows):
        raise InputError(f"{catalogue.source}: not one of the {len(broken)} images can be decoded")
    notes = outline.provenance.notes
    if broken:
        place = {name: row for row, name in enumerate(outline.ids)}
        outline = outline.subset([place[catalogue.ids[row]] for row in rows.tolist()])
        notes = (*notes, f"left out {len(broken)} images that cannot be decoded")
    return replace(outline, modalities={VIEW: features}, provenance=replace(outline.provenance, notes=notes))
