"""Refuses misspelt names before a large file is read, and before torch is imported, which takes seconds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from overtone.api.parameters import PROBES, TRAINING
from overtone.core.declarations import attribute, descends, old_names, registered_names, settings_fields
from overtone.core.errors import InputError, unknown_name
from overtone.core.plugins import has_entry_points

FOLLOWING = frozenset({"classes", "embedding_dim"})
"""Settings of losses that follow from the data and the encoder."""


@dataclass(frozen=True)
class Names:
    """Names of settings: those of today, and old ones that are still read."""

    today: list[str]
    old: set[str]

    def __contains__(self, name: object) -> bool:
        return name in self.today or name in self.old


def check_method(method: str, settings: Mapping[str, Any] | None) -> None:
    """Refuse an unknown method or a setting that it does not have.

    Args:
        method: The name.
        settings: Setting names to values.

    Raises:
        InputError: With the sentence that the training itself would end with.
    """
    if _sources_are_all():
        own, loop = _settings_of("methods", "method", method), _names(TRAINING)
        for name in settings or ():
            if name not in own and name not in loop:
                raise unknown_name(f"setting of {method}", name, [*own.today, *loop.today])


def check_methods(methods: Sequence[str], settings: Mapping[str, Any] | None) -> None:
    """Refuse an unknown method of a comparison, or a setting that none of them has.

    Args:
        methods: Their names.
        settings: Setting names to values.

    Raises:
        InputError: With the sentence that the comparison itself would end with.
    """
    if _sources_are_all():
        kinds = {name: _settings_of("methods", "method", name) for name in methods}
        takers = [_names(TRAINING), *kinds.values()]
        for name in settings or ():
            if name == "seed":
                raise InputError("a comparison sets the seed itself", fix="say which seeds instead")
            if name not in kinds and all(name not in names for names in takers):
                valid = {*kinds, *(name for names in takers for name in names.today)} - {"seed"}
                raise unknown_name(f"setting of {', '.join(kinds)}", name, valid)


def check_losses(losses: Sequence[str] | None, settings: Mapping[str, Any] | None) -> None:
    """Refuse an unknown loss of a diagnosis, or a setting that neither the budget nor a loss has.

    Args:
        losses: Their names; None for all.
        settings: Setting names to values; ``"triplet.margin"`` is for one loss.

    Raises:
        InputError: With the sentence that the diagnosis itself would end with.
    """
    if not _sources_are_all():
        return
    paths = registered_names("overtone.objectives")
    every = [name for name, path in paths.items() if descends(path, "MetricLoss")]
    for loss in losses or ():
        if loss not in every:
            raise unknown_name("loss", loss, every)
    kinds = {name: _choices(paths[name]) for name in (every if losses is None else losses)}
    budget = _names(PROBES)
    for key, value in (settings or {}).items():
        loss, dot, setting = key.partition(".")
        if loss in every and loss not in kinds:
            raise InputError(f"setting {key!r} is for a loss that is not compared", valid=", ".join(kinds))
        if loss in kinds and (dot or isinstance(value, Mapping)):
            for name in [setting] if dot else value:
                if name not in kinds[loss]:
                    raise unknown_name(f"setting of {loss}", name, kinds[loss].today)
        elif key not in budget and all(key not in names for names in kinds.values()):
            valid = {*budget.today, *kinds, *(name for names in kinds.values() for name in names.today)}
            raise unknown_name(f"setting of {', '.join(kinds)}", key, valid)


def _sources_are_all() -> bool:
    """Whether the package's own sources hold every name, and reading them is faster than importing the registries."""
    return "torch" not in sys.modules and not has_entry_points()


def _settings_of(package: str, kind: str, name: str) -> Names:
    """Settings of a registered thing.

    Raises:
        InputError: There is none of that name.
    """
    paths = registered_names(f"overtone.{package}")
    if name not in paths:
        raise unknown_name(kind, name, paths)
    return _names(attribute(paths[name], "settings_type"))


def _choices(path: str) -> Names:
    """Settings of a loss that a user may choose."""
    found = _names(attribute(path, "settings_type"))
    return replace(found, today=[name for name in found.today if name not in FOLLOWING])


def _names(path: str | None) -> Names:
    return Names([], set()) if path is None else Names(list(settings_fields(path)), old_names(path))
