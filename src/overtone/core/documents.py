"""Results as JSON documents: dataclasses to plain values and back."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Interval = tuple[float, float]
D = TypeVar("D", bound="Document")
BESIDE = {"beside": True}
"""Metadata of a field that the JSON document leaves out."""


class Document:
    """Base of dataclasses whose fields are the entries of a JSON document, except those marked :data:`BESIDE`."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON-able values."""
        return {one.name: _plain(getattr(self, one.name)) for one in _entries(self)}

    @classmethod
    def from_dict(cls: type[D], found: Mapping[str, Any], **more: object) -> D:
        """Read :meth:`to_dict` back.

        Args:
            found: The JSON document; what it lacks is left at its default.
            **more: Fields that are not part of the document.
        """
        hints = get_type_hints(cls)
        names = [one.name for one in _entries(cls) if found.get(one.name) is not None]
        return cls(**{name: _typed(hints[name], found[name]) for name in names}, **more)


def finite(value: object) -> float | None:
    """A finite number as it is; None for anything else."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if known and isinstance(value, (int, float)) else None


def interval_of(ends: Sequence[float | None] | None) -> Interval | None:
    """An interval as JSON has it; None unless both ends are finite numbers."""
    low, high = map(finite, ends if ends is not None and len(ends) == 2 else (None, None))
    return None if low is None or high is None else (low, high)


def _entries(document: Any) -> list[Field[Any]]:
    return [one for one in fields(document) if not one.metadata.get("beside")]


def _plain(value: object) -> object:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _typed(hint: Any, value: Any) -> object:
    """A value of a JSON document as the type that a field declares; an interval without two finite ends is None."""
    origin, inner = get_origin(hint), get_args(hint)
    if value is None or not inner or origin is Literal:
        if value is not None and hasattr(hint, "from_dict"):
            return hint.from_dict(value)
        return Path(value) if hint is Path and value is not None else value
    if origin in (Union, types.UnionType):
        return _typed(inner[0], value)
    if hint == Interval:
        return interval_of(value)
    if origin is dict:
        return {name: _typed(inner[1], one) for name, one in value.items()}
    if origin is tuple and inner[-1] is not ...:
        return tuple(map(_typed, inner, value))
    return origin(_typed(inner[0], one) for one in value)
