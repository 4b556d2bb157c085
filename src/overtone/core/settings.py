"""Settings: typed, documented per field, strict about unknown names, readable from YAML and ``key=value``."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import pydantic
import yaml

from overtone.core.errors import InputError, require_kind, unknown_name
from overtone.core.sources import read_text

log = logging.getLogger("overtone")

S = TypeVar("S", bound="Settings")

BUDGET = "budget"
"""The name, beside those of losses, of the settings that all of them share."""


_LARGEST = 10**9
"""Whole numbers above are no setting: epochs without an end, layers that no machine holds."""
_SEEDS, _LARGEST_SEED = ("seed", "random_state"), 2**53
"""Settings that may be any number."""


_DEEPEST = 32
"""Mappings and lists within each other."""


class _Loader(yaml.SafeLoader):
    """YAML of plain values.

    Refuses aliases, by which a few lines can mean billions of values, deep nesting, and a key that is given twice.
    """

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            peek: Any = self.peek_event  # which PyYAML leaves without types
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not read", peek().start_mark)
        if self.depth == _DEEPEST:
            raise yaml.constructor.ConstructorError(None, None, f"nested more than {_DEEPEST} times")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            names = [self.construct_object(key) for key, _ in node.value]
            twice = next(name for at, name in enumerate(names) if name in names[:at])
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is given twice", node.start_mark)
        return found


class Settings(pydantic.BaseModel):
    """Base of all settings: immutable, every field described, a misspelt name is refused.

    The description of a field is the command line's help and the docs table, so it is written once.

    A setting that was renamed is still read by its old name, with one logged sentence; see :func:`rename`.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}
    """Old names of settings to today's; a subclass lists its own only."""
    renamed_values: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Setting to the old names of its values and today's; a subclass lists its own only."""

    @classmethod
    def current_name(cls, name: str) -> str | None:
        """Today's name of the setting that a name of today or an old one means; None if there is no such setting."""
        if name in cls.model_fields:
            return name
        olds = (vars(parent).get("renamed", {}) for parent in cls.__mro__)
        return next((old[name] for old in olds if name in old), None)

    @classmethod
    def accepts(cls, name: str) -> bool:
        """Whether there is a setting of that name, today's or an old one."""
        return cls.current_name(name) is not None

    @classmethod
    def build(cls: type[S], values: Mapping[str, Any] | None = None, *, where: str = "settings") -> S:
        """Validate ``values`` into settings.

        Raises:
            InputError: A name is unknown (the closest is proposed), a setting is given by its old and its new name, or
                a value does not fit; the first problem is named with what was given and what is valid.
        """
        values = rename(values, cls, where=where)
        for name in values:
            if name not in cls.model_fields:
                raise unknown_name(f"setting in {where}", name, cls.model_fields)
            place = f"{where}: setting {name!r}"
            _refuse_huge(values[name], place, _LARGEST_SEED if name in _SEEDS else _LARGEST)
            kind = cls.model_fields[name].annotation
            if isinstance(values[name], bool) and kind in (int, float, int | None, float | None):
                raise InputError(f"{place}: is a number", got=str(values[name]).lower())
        try:
            return cls.model_validate(values)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else "settings"
            about = cls.model_fields[field].description if field in cls.model_fields else None
            own = first.get("ctx", {}).get("error")
            if isinstance(own, InputError):  # a validator's sentence says got and valid itself
                raise InputError(f"{where}: setting {field!r}: {own}") from None
            raise InputError(
                f"{where}: setting {field!r}: {first['msg'][0].lower()}{first['msg'][1:]}",
                got=repr(first["input"]),
                valid=about,
            ) from None

    def changed(self: S, **values: object) -> S:
        """A validated copy with some fields changed."""
        return type(self).build({**self.model_dump(), **values})

    @classmethod
    def table(cls) -> list[tuple[str, str, str, str]]:
        """Rows ``(name, type, default, description)`` for help texts and docs; defaults are written as in YAML."""
        rows = []
        for name, field in cls.model_fields.items():
            kind = getattr(field.annotation, "__name__", None) or str(field.annotation)
            if "[" in str(field.annotation) or "|" in str(field.annotation):
                kind = str(field.annotation).replace("typing.", "")
            text = " ".join((field.description or "").split())
            default = field.get_default(call_default_factory=True)
            word = "null" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
            rows.append((name, kind, word, text))
        return rows


def require_mapping(values: Mapping[str, Any] | None, where: str = "settings") -> Mapping[str, Any]:
    """Settings as they are, or none.

    Raises:
        InputError: They are no mapping of names to values.

    Example:
        >>> require_mapping(None), require_mapping({"epochs": 20})
        ({}, {'epochs': 20})
    """
    if values is None:
        return {}
    fix = 'give names and values, such as {"epochs": 20}'
    require_kind(values, Mapping, f"{where}: a mapping is needed", fix=fix)
    for name in values:
        require_kind(name, str, f"{where}: the name of a setting is text", fix=fix)
    return values


def rename(values: Mapping[str, Any] | None, *kinds: type[Settings], where: str = "settings") -> dict[str, Any]:
    """Replace old names of settings, and of their values, by today's, in the same order; log them in one sentence.

    Names that none of the settings classes ``kinds`` knows stay as they are; ``where`` is what messages call the
    values.

    Raises:
        InputError: A setting is given by its old and its new name.
    """
    values = require_mapping(values, where)
    found: dict[str, Any] = {}
    said: list[str] = []
    for name, value in values.items():
        kind = next((kind for kind in kinds if kind.accepts(name)), None)
        today = name if kind is None else kind.current_name(name) or name
        if today != name:
            if today in values:
                raise InputError(f"{where}: {name!r} is the old name of {today!r}, and both are given", fix="keep one")
            said.append(f"{name!r} is now called {today!r}")
        for parent in () if kind is None or not isinstance(value, str) else kind.__mro__:
            if (new := vars(parent).get("renamed_values", {}).get(today, {}).get(value)) is not None:
                said.append(f"the value {value!r} of {today!r} is now called {new!r}")
                value = new
                break
        found[today] = value
    if said:
        log.warning("%s: %s", where, ", ".join(said))
    return found


def share_settings(
    values: Mapping[str, Any] | None,
    owners: Mapping[str, Collection[str]],
    kinds: Iterable[type[Settings]],
    what: Literal["method", "loss"],
    others: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """Share one mapping of settings out among methods, or among losses and their budget.

    Args:
        values: Setting names to values, each for every owner that has such a setting; ``"triplet.margin"``, or an
            owner's name to a mapping, is for that owner alone.
        owners: Method or loss to the names of its settings; :data:`BUDGET` to those that all losses share.
        kinds: Their settings classes, which know former names.
        what: What the owners are, for messages.
        others: Names of methods or losses that are registered and not among the owners.

    Returns:
        Owner to its settings, by today's names and as given.

    Raises:
        InputError: No owner has such a setting, or the named owner has not; the closest name is proposed.
    """
    kinds = tuple(kinds)
    whose = ", ".join(owner for owner in owners if owner != BUDGET) or BUDGET
    shared: dict[str, dict[str, Any]] = {owner: {} for owner in owners}
    alone: dict[str, dict[str, Any]] = {owner: {} for owner in owners}
    for key, value in rename(values, *kinds).items():
        owner, dot, setting = key.partition(".")
        takers = [name for name, settings in owners.items() if key in settings]
        if owner in owners and dot:
            alone[owner][setting] = value
        elif key in owners and isinstance(value, Mapping):
            alone[key].update(value)
        elif takers:
            for name in takers:
                shared[name][key] = value
        elif owner in others and owner not in owners:
            raise InputError(f"setting {key!r} is for a {what} that is not compared", valid=whose)
        else:
            every = {*owners, *(setting for settings in owners.values() for setting in settings)}
            raise unknown_name(f"setting of {whose}", key, every)
    for owner, given in alone.items():
        for setting, value in rename(given, *kinds).items():
            if setting not in owners[owner]:
                raise unknown_name(f"setting of {owner}", setting, owners[owner])
            shared[owner][setting] = value
    return shared


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """``["epochs=20", "masking=0.3"]`` to a dictionary; values are read as YAML, a dot leads into a mapping.

    Raises:
        InputError: An item has no ``=``, or a value that is no YAML.

    Example:
        >>> parse_assignments(["epochs=20", "tau=0.05", "name=x", "queue=null"])
        {'epochs': 20, 'tau': 0.05, 'name': 'x', 'queue': None}
        >>> parse_assignments(["teacher={width: 64}", "teacher.epochs=20"])
        {'teacher': {'width': 64, 'epochs': 20}}
    """
    values: dict[str, Any] = {}
    for item in assignments:
        name, equals, text = item.partition("=")
        if not equals or not name.strip():
            raise InputError("--set takes key=value", got=repr(item), fix="write for example --set epochs=20")
        try:
            value = _parse(text) if text.strip() else ""
        except (yaml.YAMLError, RecursionError, ValueError):
            raise InputError(f"--set {name.strip()}: the value is not valid YAML", got=repr(text)) from None
        values = merge_settings(values, {name.strip(): value})
    return values


def merge_settings(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both mappings in one; what the second says holds, mappings in both are merged in turn.

    A dot in a name leads into a mapping.

    Example:
        >>> merge_settings({"epochs": 5, "teacher": {"width": 64}}, {"epochs": 6, "teacher": {"epochs": 20}})
        {'epochs': 6, 'teacher': {'width': 64, 'epochs': 20}}
        >>> merge_settings({}, {"visual.side": 32, "visual": {"cell": 8}})
        {'visual': {'side': 32, 'cell': 8}}
    """
    merged = dict(first)
    for name, value in second.items():
        name, dot, inner = name.partition(".")
        value = merge_settings({}, {inner: value}) if dot else value
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = merge_settings(merged[name], value) if both else value
    return merged


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file.

    Raises:
        InputError: The file is missing, is not YAML, or does not hold a mapping.
    """
    try:
        values = _parse(read_text(path, "YAML"))
    except InputError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # dates that do not exist are ValueErrors
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        problem = str(getattr(error, "problem", None) or "")
        fix = "write the values out" if "aliases" in problem else "say it once" if "twice" in problem else None
        place = f", line {line + 1}" if line is not None else ""
        raise InputError(f"{path}: not valid YAML{place}", got=problem if fix else None, fix=fix) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold a mapping of settings", got=type(values).__name__)
    return dict(require_mapping(values, str(path)))


def _parse(text: str) -> object:
    """A YAML document of plain values."""
    return yaml.load(text, _Loader)


def _refuse_huge(value: object, where: str, largest: int) -> None:
    """Refuse whole numbers that nothing can be done with; they would fail much later, or never end."""
    if isinstance(value, int) and abs(value) > largest:
        got = f"{value:.3g}" if abs(value) < 10**300 else "hundreds of digits"
        raise InputError(f"{where}: too large", got=got, valid=f"up to {largest:,}")
