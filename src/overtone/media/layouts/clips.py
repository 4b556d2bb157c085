"""``clips``: videos, sounds, images and texts in a folder; files of one name in one place belong to one clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import Unpack

from overtone.features.class_order import sort_classes
from overtone.media.catalogue import Catalogue, Known, number_classes
from overtone.media.decoding.kinds import (
    IMAGE_SUFFIXES,
    MEDIA_SUFFIXES,
    SOUND_SUFFIXES,
    TEXT_SUFFIXES,
    VIDEO_SUFFIXES,
    is_video,
    modality_of,
)
from overtone.media.layouts import Layout, layouts
from overtone.media.layouts.folder import SPLITS, note_others, walk

MODALITIES = ("audio", "visual", "text")
"""The modalities that a clip may have, in the order in which pairs are made of them."""

_FOLDERS = {
    **dict.fromkeys(("audio", "sound", "sounds", "wav", "speech"), "audio"),
    **dict.fromkeys(("visual", "video", "videos", "image", "images", "frames"), "visual"),
    **dict.fromkeys(("text", "texts", "captions"), "text"),
}
"""Folders that hold one modality each; they are no classes."""
_SHOWN = 3


@dataclass
class _Clip:
    """The files of one clip."""

    parts: tuple[str, ...]
    """Folders and name, without those of splits and modalities."""
    split: str
    files: dict[str, Path] = field(default_factory=dict)


def _matches(path: Path) -> bool:
    """Whether there are videos or sounds, or texts beside images of the same name."""
    if path.is_file():
        return path.suffix.lower() in VIDEO_SUFFIXES | SOUND_SUFFIXES
    if not path.is_dir():
        return False
    if next(walk(path, VIDEO_SUFFIXES | SOUND_SUFFIXES), None) is not None:
        return True
    texts = {file.with_suffix("") for file in walk(path, TEXT_SUFFIXES)}
    return any(file.with_suffix("") in texts for file in walk(path, IMAGE_SUFFIXES)) if texts else False


def _read(source: Path) -> Catalogue:
    """The catalogue; class and split are folders, as in the layout ``folder``."""
    root = source.parent if source.is_file() else source
    files = [source] if source.is_file() else sorted(walk(source, MEDIA_SUFFIXES))
    clips, spare = _group(root, files)
    notes = [] if source.is_file() else [*note_others(source, MEDIA_SUFFIXES)]
    if spare:
        shown = ", ".join(str(file.relative_to(root)) for file in spare[:_SHOWN])
        more = f", ... {len(spare)} in all" if len(spare) > _SHOWN else ""
        notes.append(f"left out files of which their clip has another one of the same kind: {shown}{more}")
    named = [clip.parts[0] if len(clip.parts) > 1 else "" for clip in clips]
    labels, names = number_classes(named, sort_classes(name for name in named if name)) if any(named) else (None, ())
    if labels is None:
        notes.append("no folders of classes: no labels")
    elif alone := named.count(""):
        notes.append(f"{alone} clips lie in no folder of a class: without a label")
    splits = tuple(clip.split for clip in clips)
    return make_catalogue(
        source,
        "clips",
        ["/".join(clip.parts) for clip in clips],
        [clip.files for clip in clips],
        labels=labels,
        class_names=names,
        splits=splits if any(splits) else (),
        notes=(_count_sources(clips), *notes),
    )


def make_catalogue(
    source: Path, layout: str, ids: Sequence[str], files: Sequence[dict[str, Path]], **known: Unpack[Known]
) -> Catalogue:
    """A catalogue of clips whose media are files: for each clip modality to file."""
    there = [name for name in MODALITIES if any(name in one for one in files)]
    media = {name: [one.get(name) for one in files] for name in there}
    paths = {name: name_files(media[name]) for name in there}
    return Catalogue(
        source, layout, tuple(ids), {name: media[name].__getitem__ for name in there}, files=paths, **known
    )


def name_files(files: Iterable[Path | None]) -> tuple[str, ...]:
    """Paths of media as features hold them; empty where there is none."""
    return tuple("" if file is None else str(_absolute(file)) for file in files)


def _absolute(file: Path) -> Path:
    """A path from the root; one in a circle of links, or of impossible letters, is named as it is."""
    try:
        return file.resolve()
    except (OSError, RuntimeError, ValueError):
        return file.absolute()


def _group(root: Path, files: Iterable[Path]) -> tuple[list[_Clip], list[Path]]:
    """Clips in the order of their names, and files that belong to a clip which has one of their kind already."""
    parts = [(file, file.relative_to(root).parts) for file in files]
    heads = {part[0].lower() for _, part in parts if len(part) > 1}
    by_split = bool(heads) and heads <= SPLITS.keys() and all(len(part) > 1 for _, part in parts)
    inner = {part[by_split].lower() for _, part in parts if len(part) > 1 + by_split}
    by_modality = len(inner) > 1 and inner <= _FOLDERS.keys()
    clips: dict[tuple[str, ...], _Clip] = {}
    spare: list[Path] = []
    for file, part in parts:
        split = SPLITS[part[0].lower()] if by_split else ""
        name = (*part[by_split + by_modality : -1], file.stem)
        clip = clips.setdefault((split, *name), _Clip(name, split))
        modality = modality_of(file) or ""
        before = clip.files.get(modality)
        if before is None or (is_video(file) and not is_video(before)):
            clip.files[modality] = file
            spare += [before] if before is not None else []
        else:
            spare.append(file)
    for clip in clips.values():
        visual = clip.files.get("visual")
        if visual is not None and is_video(visual):
            clip.files.setdefault("audio", visual)
    found = sorted(clips.items())
    counts = Counter(clip.parts for _, clip in found)
    for _, clip in found:
        if counts[clip.parts] > 1:  # the same name in two splits
            clip.parts = (*clip.parts[:-1], f"{clip.parts[-1]} ({clip.split})")
    return [clip for _, clip in found], spare


def _count_sources(clips: Sequence[_Clip]) -> str:
    """A note on how the media of clips were found."""
    kinds = Counter(_find_kind(clip) for clip in clips)
    return "clips: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def _find_kind(clip: _Clip) -> str:
    if len(set(clip.files.values())) > 1:
        return "of files of one name"
    return "videos with their own sound" if len(clip.files) > 1 else f"of {next(iter(clip.files))} alone"


layouts.register("clips")(
    Layout(_read, _matches, "videos, sounds, images and texts; files of one name are one clip", fallback=True)
)
