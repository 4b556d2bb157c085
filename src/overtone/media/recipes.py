"""Recipes: how features were made from media, so that a query can be described the same way years later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from overtone.core import InputError
from overtone.core.devices import find_device
from overtone.core.documents import Document
from overtone.core.files import read_json
from overtone.core.sources import expand_home
from overtone.features import Features
from overtone.media.backbones import Backbone, Takes, backbones

RECORD = ".json"
"""End of the name of the record beside a file of features (``birds.npz.json``)."""
_SHOWN = 12
"""Characters of a checksum that a message shows."""


@dataclass(frozen=True)
class Recipe(Document):
    """How the features of one modality were made from media.

    Attributes:
        backbone: Name of the backbone.
        takes: Kind of the media that it took.
        settings: Its settings.
        version: Of the backbone; another one computes other numbers.
        preprocessing: What became of a medium before the model.
        checksum: SHA-256 of the model's weights; empty without weights.
        width: Number of features.
        sampling: Which frames of a video were taken.
        steps: Steps of a sequence; None for one row per clip.
    """

    backbone: str
    takes: Takes
    settings: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    preprocessing: dict[str, Any] = field(default_factory=dict)
    checksum: str = ""
    width: int = 0
    sampling: dict[str, int | float | None] = field(default_factory=dict)
    steps: int | None = None

    def open(self, device: str = "cpu", spec: str | None = None) -> Backbone:
        """The backbone, checked to be the one that made the features.

        Args:
            device: Where it computes.
            spec: ``NAME:ARGUMENT`` of the same model in another place; None for where it was.

        Raises:
            InputError: It is not there any more, or it has other weights, or prepares media in another way.
        """
        name, _, place = (spec or self.backbone).partition(":")
        if name != self.backbone:
            raise InputError("the features were made by another backbone", got=name, valid=self.backbone)
        try:
            kind = backbones[name]
            settings = {**self.settings, **({kind.argument: place} if place else {})}
            built = kind.settings_type.build(settings, where=f"backbone {name}")
            backbone = kind(built, device=find_device(device), wanted=(self.takes,))
        except InputError as error:
            fix = "if it lies elsewhere now, name it: --backbone NAME:PLACE" if self.checksum else None
            raise InputError(f"the backbone that made the features cannot be opened: {error}", fix=fix) from None
        check_same(make_recipe(backbone), self, f"backbone {spec or self.backbone}")
        return backbone


_CHECKED = pydantic.TypeAdapter(Recipe)


def make_recipe(
    backbone: Backbone, *, width: int = 0, sampling: Mapping[str, Any] | None = None, steps: int | None = None
) -> Recipe:
    """The recipe of features that a backbone makes.

    Args:
        backbone: A backbone.
        width: Number of features.
        sampling: Which frames of a video are taken, as JSON holds it.
        steps: Steps of a sequence; None for one row per clip.

    Returns:
        The recipe.
    """
    settings = backbone.settings.model_dump(mode="json")
    place = str(settings.get(backbone.argument, ""))
    if place and expand_home(place).exists():  # the query may come from another folder
        settings[backbone.argument] = str(expand_home(place).resolve())
    return Recipe(
        backbone.name,
        backbone.takes,
        settings,
        backbone.version,
        backbone.preprocessing(),
        backbone.checksum(),
        width,
        dict(sampling or {}),
        steps,
    )


def read_recipes(features: str | Path) -> dict[str, Recipe]:
    """Modality to recipe, from the record beside a file of features.

    Args:
        features: The file.

    Returns:
        The recipes; none where there is no record, or one without recipes.

    Raises:
        InputError: The record is damaged.
    """
    path = expand_home(features)
    record = path.with_name(path.name + RECORD) if path.name else path
    if not path.is_file() or not record.is_file():
        return {}
    return recipes_from(read_json(record).get("recipes"), str(record))


def recipes_from(stored: object, where: str) -> dict[str, Recipe]:
    """Recipes as JSON holds them: modality to the entries of a recipe; none if there is nothing.

    Raises:
        InputError: They are damaged; ``where`` is named.
    """
    if not isinstance(stored, Mapping):
        return {}
    found = {}
    for modality, entries in stored.items():
        try:
            found[str(modality)] = _CHECKED.validate_python(entries)
        except pydantic.ValidationError:
            raise InputError(f"{where}: the recipe of {modality!r} is damaged", fix="extract again") from None
    return found


def recipes_of(data: Features) -> dict[str, Recipe]:
    """Modality to recipe of features that were read from a file; those of another width are of another file.

    Raises:
        InputError: The record beside the file is damaged.
    """
    known = read_recipes(data.provenance.source)
    widths = {name: int(rows.shape[-1]) for name, rows in data.modalities.items()}
    return {name: known[name] for name, width in widths.items() if name in known and known[name].width == width}


def check_recipes(data: Features, known: Mapping[str, Recipe]) -> None:
    """Whether features were made as others were; what is not known is not compared.

    Args:
        data: New features.
        known: Modality to recipe of those that are there.

    Raises:
        InputError: They were made in another way; the first difference is named.
    """
    for name, recipe in recipes_of(data).items():
        if name in known:
            check_same(recipe, known[name], f"{data.provenance.source}, {name}")


def check_same(given: Recipe, known: Recipe, where: str) -> None:
    """Whether features of one recipe may stand beside those of another; which frames were taken is not compared.

    Args:
        given: The recipe of new features.
        known: The recipe of those that are there.
        where: What has the new features, for the message.

    Raises:
        InputError: They differ; the first difference is named.
    """
    for name in ("backbone", "takes", "version", "checksum", "preprocessing", "settings"):
        got, valid = _comparable(given, name), _comparable(known, name)
        if got == valid:
            continue
        if isinstance(got, dict) and isinstance(valid, dict):
            key = next(key for key in sorted({*got, *valid}) if got.get(key) != valid.get(key))
            name, got, valid = f"{name}, {key}", got.get(key), valid.get(key)
        what = f"{where}: makes other features than those that are there (another {name})"
        raise InputError(what, got=_shown(got), valid=_shown(valid), fix="extract it the same way")


def _comparable(recipe: Recipe, name: str) -> object:
    """An entry of a recipe; the place of a model is left out, its weights count."""
    value = getattr(recipe, name)
    if name != "settings" or recipe.backbone not in backbones or not recipe.checksum:
        return value
    return {key: one for key, one in value.items() if key != backbones[recipe.backbone].argument}


def _shown(value: object) -> object:
    """A value for a message; of a checksum the first characters."""
    return value[:_SHOWN] if isinstance(value, str) and len(value) == 64 else value
