"""Queries from media: files and words are described by the recipes of the features that they are compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from overtone.core import InputError
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
    return known and Path(path).expanduser().is_file()


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
    fitting = {name: [_fits(one, recipe) for one in media] for name, recipe in recipes.items()}
    for row, one in enumerate(media):
        _check_taken(one, {name: fits[row] for name, fits in fitting.items()}, recipes, asked)
    if spec is not None and (name := spec.partition(":")[0]) not in (own := {one.backbone for one in recipes.values()}):
        raise InputError("no features here were made by that backbone", got=name, valid=", ".join(sorted(own)))
    names = [name for name, fits in fitting.items() if any(fits) and (asked is None or name in asked)]
    rows: dict[str, Tensor] = {}
    present: dict[str, Tensor] = {}
    for name in names:
        recipe = recipes[name]
        backbone = recipe.open(device, spec if spec and spec.partition(":")[0] == recipe.backbone else None)
        found = [
            _describe(one, backbone, recipe, optional=len(names) > 1) if fits else None
            for one, fits in zip(media, fitting[name])
        ]
        part, present[name] = _stack(found, f"{name} ({recipe.backbone})")
        rows[name] = part.mean(dim=1) if part.dim() == 3 and name not in sequences else part
    rows = {name: part for name, part in rows.items() if present[name].any()}
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


def _check_taken(
    medium: Path | str, fits: Mapping[str, bool], recipes: Mapping[str, Recipe], asked: Sequence[str] | None
) -> None:
    """Refuse a medium that nothing describes."""
    if any(fit and (asked is None or name in asked) for name, fit in fits.items()):
        return
    what = f"{medium}: no such file" if isinstance(medium, Path) and not medium.is_file() else ""
    kinds = ", ".join(f"{recipe.takes} ({name})" for name, recipe in recipes.items() if asked is None or name in asked)
    what = what or f"{medium}: there are no features of such media here to compare it with"
    valid = kinds or "none: the features were not made by overtone extract, or their record was not beside them"
    raise InputError(what, valid=valid)


def _describe(medium: Path | str, backbone: Backbone, recipe: Recipe, *, optional: bool) -> Tensor | None:
    """(d,) or (T, d) features; None where a video has no sound, and it is described by its frames, too."""
    decoded: Medium
    if isinstance(medium, Path):
        path = medium.expanduser()
        try:
            decoded = decode_medium(path, recipe.takes, Sampling.from_dict(recipe.sampling))
        except BrokenMedium as reason:
            if optional and recipe.takes == "sound" and is_video(path):
                return None
            raise InputError(f"{medium}: cannot be decoded ({reason})", fix="name another file") from None
    else:
        decoded = medium
    if blank := find_blank(decoded):
        raise InputError(f"{medium}: {blank}, so there is nothing to search by", fix="name another one")
    parts = prepare_parts(backbone, decoded, steps=recipe.steps)
    return embed_parts(backbone, [parts], sequence=recipe.steps is not None)[0]


def _stack(found: Sequence[Tensor | None], what: str) -> tuple[Tensor, Tensor]:
    """Rows, NaN where there is none, and whether each is there."""
    known = [one for one in found if one is not None]
    present = torch.tensor([one is not None for one in found])
    if not known:
        return torch.empty(len(found), 0), present
    if len({tuple(one.shape) for one in known}) > 1:
        raise InputError(f"{what}: the queries differ in their number of steps", fix="search once for each")
    return torch.stack([known[0].new_full(known[0].shape, torch.nan) if one is None else one for one in found]), present
