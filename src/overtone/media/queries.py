"""Queries from media: files and words are described by the recipes of the features that they are compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.sources import expand_home
from overtone.features import Features, Provenance
from overtone.media.backbones import Backbone
from overtone.media.decoding import BrokenMedium, Medium, Sampling, decode_medium, find_blank
from overtone.media.decoding.kinds import is_video, modality_of
from overtone.media.parts import embed_parts, prepare_parts
from overtone.media.recipes import Recipe


def is_medium(path: str | Path, recipes: Mapping[str, Recipe]) -> bool:
    """Whether there is a file of images, video or sound; or of text, where a recipe takes texts."""
    kind = modality_of(Path(path))
    known = kind is not None and (kind != "text" or any(recipe.takes == "text" for recipe in recipes.values()))
    return known and expand_home(path).is_file()


def describe_media(
    files: Sequence[str | Path],
    recipes: Mapping[str, Recipe],
    *,
    words: Sequence[str] = (),
    asked: Sequence[str] | None = None,
    sequences: Collection[str] = (),
    device: str = "cpu",
    spec: str | None = None,
) -> Features:
    """Describe media as the features that they are compared with were made.

    A video is described by its frames and by its sound, where there are recipes for both and it has a sound.

    Args:
        files: Images, videos, sounds and texts.
        recipes: Modality to recipe.
        words: Texts themselves, which come after the files.
        asked: Modalities to describe; None for those that the media have.
        sequences: Modalities whose sequences are kept; of those of others the mean is taken.
        device: Where the backbones compute.
        spec: ``NAME:PLACE`` of a backbone that lies elsewhere now.

    Returns:
        Features of one modality or two, with a row per medium; its id is the file as it was named, or the text.

    Raises:
        InputError: No recipe takes a medium, a backbone is not there or is another one, or a medium cannot be decoded.
    """
    media: list[Path | str] = [*(Path(file) for file in files), *words]
    ids = tuple(map(str, media))
    if len(set(ids)) < len(ids):
        raise InputError("a medium is named twice", got=max(ids, key=ids.count))
    chosen = {name: recipe for name, recipe in recipes.items() if asked is None or name in asked}
    for medium in media:
        _check_taken(medium, chosen)
    if spec is not None and (name := spec.partition(":")[0]) not in (own := {one.backbone for one in chosen.values()}):
        raise InputError("no features here were made by that backbone", got=name, valid=", ".join(sorted(own)))
    found = {
        name: _describe_all(media, recipe, device, spec)
        for name, recipe in chosen.items()
        if any(_fits(medium, recipe) for medium in media)
    }
    _check_described(media, found)
    present = {name: torch.tensor([not isinstance(one, str) for one in part]) for name, part in found.items()}
    rows = {
        name: _stack(part, name, recipes[name], mean=name not in sequences)
        for name, part in found.items()
        if present[name].any()
    }
    kept = {name: present[name] for name in rows if not present[name].all()}
    paths = tuple(str(one.resolve()) if isinstance(one, Path) else "" for one in media)
    source = Provenance("the query", "media")
    return Features(rows, ids, media=dict.fromkeys(rows, paths), present=kept, provenance=source)


def _fits(medium: Path | str, recipe: Recipe) -> bool:
    """Whether a recipe is for a kind of media."""
    if isinstance(medium, str):
        return recipe.takes == "text"
    kind = modality_of(medium)
    if recipe.takes == "sound":
        return kind == "audio" or is_video(medium)
    return kind == ("text" if recipe.takes == "text" else "visual")


def _check_taken(medium: Path | str, recipes: Mapping[str, Recipe]) -> None:
    """Refuse a medium that nothing describes."""
    if any(_fits(medium, recipe) for recipe in recipes.values()):
        return
    kinds = ", ".join(f"{recipe.takes} ({name})" for name, recipe in recipes.items())
    valid = kinds or "none: the features were not made by overtone extract, or their record was not beside them"
    raise InputError(f"{medium}: there are no features of such media here to compare it with", valid=valid)


def _describe_all(media: Sequence[Path | str], recipe: Recipe, device: str, spec: str | None) -> list[Tensor | str]:
    """Features of each medium in one modality, or the reason why it has none."""
    backbone = recipe.open(device, spec if spec and spec.partition(":")[0] == recipe.backbone else None)
    return [_describe(one, backbone, recipe) if _fits(one, recipe) else "is of another kind" for one in media]


def _describe(medium: Path | str, backbone: Backbone, recipe: Recipe) -> Tensor | str:
    """(d,) or (T, d) features, or the reason why there are none."""
    decoded: Medium = str(medium)
    if isinstance(medium, Path):
        try:
            decoded = decode_medium(expand_home(medium), recipe.takes, Sampling.from_dict(recipe.sampling))
        except BrokenMedium as reason:
            return f"cannot be decoded ({reason})"
    if blank := find_blank(decoded):
        return blank
    parts = prepare_parts(backbone, decoded, steps=recipe.steps)
    return embed_parts(backbone, [parts], sequence=recipe.steps is not None)[0]


def _check_described(media: Sequence[Path | str], found: Mapping[str, Sequence[Tensor | str]]) -> None:
    """Refuse a medium of which no modality can be described; of a video one is enough."""
    for row, medium in enumerate(media):
        reasons = {name: part[row] for name, part in found.items() if isinstance(part[row], str)}
        if len(reasons) == len(found):
            told = "; ".join(dict.fromkeys(f"{name}: {reason}" for name, reason in reasons.items()))
            raise InputError(f"{medium}: there is nothing to search by ({told})", fix="name another file")


def _stack(found: Sequence[Tensor | str], name: str, recipe: Recipe, *, mean: bool) -> Tensor:
    """Rows, NaN where there is none."""
    known = [one for one in found if not isinstance(one, str)]
    if len({tuple(one.shape) for one in known}) > 1:
        what = f"{name} ({recipe.backbone}): the queries differ in their number of steps"
        raise InputError(what, fix="search once for each")
    rows = torch.stack([torch.full_like(known[0], torch.nan) if isinstance(one, str) else one for one in found])
    return rows.mean(dim=1) if mean and rows.dim() == 3 else rows
