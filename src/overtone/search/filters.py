"""The tree of a filter, and whether it fits the columns of a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from overtone.core import InputError, unknown_name

Value = str | int | float | bool
"""What a column is compared with."""


@dataclass(frozen=True)
class Comparison:
    """``column sign value``; the sign is one of ``= != < <= > >=``."""

    column: str
    sign: str
    value: Value
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class OneOf:
    """``column in (values)``."""

    column: str
    values: tuple[Value, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Like:
    """``column like 'pattern'``."""

    column: str
    pattern: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class IsNull:
    """``column is null``."""

    column: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Filter


@dataclass(frozen=True)
class Both:
    """``first and second``."""

    first: Filter
    second: Filter


@dataclass(frozen=True)
class Either:
    """``first or second``."""

    first: Filter
    second: Filter


Filter = Comparison | OneOf | Like | IsNull | Not | Both | Either


def check_where(found: Filter, columns: Mapping[str, str], text: str) -> None:
    """Check a filter against a store's columns.

    Args:
        found: The filter.
        columns: Column to its type: ``string``, ``int64``, ``double`` or ``bool``.
        text: The filter as it was written, for messages.

    Raises:
        InputError: There is no such column, or its values are of another kind than the filter's.
    """
    if isinstance(found, Not):
        check_where(found.part, columns, text)
        return
    if isinstance(found, (Both, Either)):
        check_where(found.first, columns, text)
        check_where(found.second, columns, text)
        return
    where = f"--where {text!r}, character {found.at}"
    if found.column not in columns:
        raise InputError(f"{where}: {_sentence(unknown_name('column', found.column, columns))}")
    kind = columns[found.column]
    values: tuple[Value, ...] = ()
    if isinstance(found, OneOf):
        values = found.values
    elif isinstance(found, Comparison):
        values = (found.value,)
    elif isinstance(found, Like):
        values = (found.pattern,)
    for value in values:
        fits = isinstance(value, bool) if kind == "bool" else isinstance(value, str) == (kind == "string")
        if not fits or (isinstance(value, bool) and kind != "bool"):
            raise InputError(f"{where}: {found.column!r} holds {_KINDS[kind]}", got=_written(value))


_KINDS = {"string": "text", "int64": "whole numbers", "double": "numbers", "bool": "true and false"}


def columns_of(found: Filter) -> set[str]:
    """The columns that a filter looks at."""
    if isinstance(found, Not):
        return columns_of(found.part)
    if isinstance(found, (Both, Either)):
        return columns_of(found.first) | columns_of(found.second)
    return {found.column}


def _sentence(error: InputError) -> str:
    return str(error).rstrip(".")


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
