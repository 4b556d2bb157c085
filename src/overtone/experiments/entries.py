"""What a comparison trains: methods, their controls and their ablations, each with its settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from overtone.core import InputError, unknown_name
from overtone.core.settings import rename
from overtone.methods.base import methods as registered
from overtone.training.settings import TrainingSettings


class Entry(NamedTuple):
    """What is trained under one name.

    Attributes:
        method: A registered name.
        settings: Flat, without the seed.
        kind: Whether it is the method itself, a control of it, or the method with a term off.
    """

    method: str
    settings: dict[str, Any]
    kind: Literal["method", "control", "ablation"] = "method"


def entries_of(
    methods: Sequence[str],
    settings: Mapping[str, Any],
    *,
    ablate: bool = False,
    controls: bool = False,
    truth: Collection[str] = (),
) -> dict[str, Entry]:
    """Share settings out among methods, controls and ablations.

    Args:
        methods: Registered names.
        settings: Setting names to values, each for every method that has it; a method's name to a mapping is for that
            method alone.
        ablate: Whether to add each method with each of its terms off, as ``method/term``.
        controls: Whether to add each method's controls, by their names.
        truth: Names of what the data knows beyond its annotation.

    Returns:
        Names to what is trained: methods, each with its controls behind it, then ablations.

    Raises:
        InputError: An unknown method, a setting that none of the methods has, or controls are wanted and no method
            has any.
    """
    kinds = {name: registered[name] for name in methods}
    loop = TrainingSettings.model_fields
    valid = {*loop, *kinds, *(name for kind in kinds.values() for name in kind.settings_type.model_fields)} - {"seed"}
    settings = rename(settings, TrainingSettings, *(kind.settings_type for kind in kinds.values()))
    for name in settings:
        if name == "seed":
            raise InputError("a comparison sets the seed itself", fix="say which seeds instead")
        if name not in valid:
            raise unknown_name(f"setting of {', '.join(kinds)}", name, valid)
    entries: dict[str, Entry] = {}
    ablations: dict[str, Entry] = {}
    for name, kind in kinds.items():
        fits = {key: value for key, value in settings.items() if key in loop or key in kind.settings_type.model_fields}
        own = {**fits, **(settings.get(name) or {})}
        entries[name] = Entry(name, own)
        for control, other in kind.controls(truth).items() if controls else ():
            entries[control] = Entry(name, {**own, **other}, "control")
        for term, off in kind.ablations().items() if ablate else ():
            ablations[f"{name}/{term}"] = Entry(name, {**own, **off}, "ablation")
    if controls and all(entry.kind == "method" for entry in entries.values()):
        having = [name for name, kind in registered.items() if kind.controls()]
        raise InputError(
            "none of these methods has controls",
            got=", ".join(kinds),
            valid=", ".join(having),
            fix="leave --controls out",
        )
    return {**entries, **ablations}
