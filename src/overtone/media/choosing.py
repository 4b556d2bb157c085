"""Which modalities of a source are extracted, and by which backbones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from overtone.core import InputError, unknown_name
from overtone.core.settings import merge_settings
from overtone.media.backbones import DEFAULTS, MODALITIES, Backbone, backbones, make_backbone
from overtone.media.catalogue import Catalogue
from overtone.media.decoding.kinds import is_video

Specs: TypeAlias = str | Mapping[str, str] | tuple[str, ...] | None
"""Backbones: one name; modality to name; or words ``NAME`` and ``MODALITY=NAME``, as on the command line."""


def choose_modalities(catalogue: Catalogue, wanted: tuple[str, ...] | None) -> Catalogue:
    """The same clips with one or two modalities.

    Args:
        catalogue: Clips of one modality or more.
        wanted: Names of one or two; by default the first two that are there.

    Returns:
        The catalogue; a note says what was left out.

    Raises:
        InputError: A modality is not there, or more than two are wanted.
    """
    there = tuple(catalogue.media)
    if wanted is not None and (len(wanted) not in (1, 2) or len(set(wanted)) < len(wanted)):
        raise InputError("one modality or two are extracted", got=", ".join(wanted) or "none", valid=", ".join(there))
    for name in wanted or ():
        if name not in there:
            raise InputError(f"{catalogue.source}: has no {name!r}", valid=", ".join(there))
    chosen = wanted or there[:2]
    notes = catalogue.notes
    if others := [name for name in there if name not in chosen and wanted is None]:
        notes = (*notes, f"took {' and '.join(chosen)}, not {', '.join(others)}: --modalities chooses others")
    return replace(
        catalogue,
        media={name: catalogue.media[name] for name in chosen},
        files={name: catalogue.files[name] for name in chosen if name in catalogue.files},
        notes=notes,
    )


def make_backbones(
    catalogue: Catalogue,
    specs: Specs,
    settings: Mapping[str, Any] | None,
    *,
    device: str,
) -> dict[str, Backbone]:
    """The backbone of each modality.

    Args:
        catalogue: The clips.
        specs: The backbones that are wanted; the others are the defaults, which need no weights.
        settings: ``KEY`` or ``MODALITY.KEY`` to value, or a modality to such a mapping.
        device: As for :func:`make_backbone`.

    Returns:
        Modality to backbone.

    Raises:
        InputError: A name or a setting is unknown, or it is not clear which modality it is for.
    """
    chosen = {name: _find_default(catalogue, name) for name in catalogue.media}
    chosen |= _read_specs(specs, tuple(catalogue.media))
    shared = _divide_settings(chosen, settings or {})
    return {name: make_backbone(spec, shared[name], device=device, modality=name) for name, spec in chosen.items()}


def _find_default(catalogue: Catalogue, modality: str) -> str:
    """The weight-free backbone: for videos alone one that sees motion, with images among them one of images."""
    if modality == "visual":
        files = [Path(path) for path in catalogue.files.get(modality, ()) if path]
        return DEFAULTS["frames" if files and all(map(is_video, files)) else "image"]
    return DEFAULTS[MODALITIES[modality][0]]


def _read_specs(specs: Specs, modalities: tuple[str, ...]) -> dict[str, str]:
    """Modality to what is wanted for it."""
    if isinstance(specs, Mapping):
        words = [f"{modality}={spec}" for modality, spec in specs.items()]
    else:
        words = [specs] if isinstance(specs, str) else list(specs or ())
    found: dict[str, str] = {}
    for word in words:
        head, equals, spec = word.partition("=")
        if equals and head in MODALITIES:
            if head not in modalities:
                raise unknown_name("modality", head, modalities)
        else:
            head, spec = _find_modality(word, modalities), word
        if head in found:
            raise InputError(f"two backbones for {head}", got=f"{found[head]}, {spec}", fix="take one")
        found[head] = spec
    return found


def _find_modality(spec: str, modalities: tuple[str, ...]) -> str:
    """The one modality that a backbone can be for."""
    kind = backbones[spec.partition(":")[0]]
    fits = [name for name in modalities if set(MODALITIES[name]) & set(kind.kinds)]
    if len(fits) != 1 and len(modalities) > 1:
        which = "takes none of them" if not fits else "could be for each of them"
        what = f"backbone {spec}: {which} ({', '.join(modalities)})"
        raise InputError(what, fix=f"say which: --backbone {modalities[0]}={spec}")
    return modalities[0] if len(modalities) == 1 else fits[0]


def _divide_settings(chosen: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Modality to the settings of its backbone."""
    found: dict[str, dict[str, Any]] = {name: {} for name in chosen}
    for key, value in merge_settings({}, settings).items():
        if key in found and isinstance(value, Mapping):
            found[key].update(value)
            continue
        fits = [name for name, spec in chosen.items() if key in _fields(spec)]
        if len(fits) > 1:
            what = f"setting {key!r}: of several backbones ({', '.join(chosen[name] for name in fits)})"
            raise InputError(what, fix=f"say which: {fits[0]}.{key}")
        found[fits[0] if fits else next(iter(chosen))][key] = value  # one that nobody knows is refused by name
    return found


def _fields(spec: str) -> set[str]:
    return set(backbones[spec.partition(":")[0]].settings_type.model_fields)
