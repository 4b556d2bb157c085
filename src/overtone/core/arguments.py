"""Options of a verb that have the wrong type, refused before anything is done."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from overtone.core.annotations import open_annotation
from overtone.core.errors import InputError, in_short

P = ParamSpec("P")
T = TypeVar("T")

_WORDS: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    Sequence: "a list",
    Mapping: "a mapping",
}
_TYPES: dict[Any, Any] = {
    bool: bool,
    int: int,
    float: (int, float),
    str: str,
    Path: PathLike,
    NoneType: NoneType,
    Mapping: Mapping,
}


def checks_types(verb: Callable[P, T]) -> Callable[P, T]:
    """Decorator of a function: options that are numbers, text, paths, flags or lists of them must be such.

    What is required goes by the annotations of keyword-only parameters. Of other types, such as features or runs, and
    of positional parameters the function itself has to say what is wrong. Scalars of NumPy and torch become numbers.

    Example:
        >>> @checks_types
        ... def wait(seconds: float, *, times: int | None = None) -> None: ...
        >>> wait(1.5, times=3)
        >>> wait(1.5, times="3")
        Traceback (most recent call last):
        overtone.core.errors.InputError: times: a whole number is needed; got '3'.
    """

    @wraps(verb)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        kinds = _kinds(verb)
        for name, given in kwargs.items():
            kwargs[name] = value = _plain(given)
            kind = kinds.get(name, Any)
            if not _fits(value, kind):
                raise InputError(f"{name}: {_in_words(kind)} is needed", got=in_short(value))
        return verb(*args, **kwargs)

    return call


@cache
def _kinds(verb: Callable[..., Any]) -> dict[str, Any]:
    """Option to type; of those that are handed on, too."""
    found: dict[str, Any] = {}
    for parameter in inspect.signature(verb).parameters.values():
        kind = open_annotation(parameter.annotation, sys.modules[verb.__module__])[0]
        if parameter.kind is parameter.KEYWORD_ONLY:
            found[parameter.name] = kind
        elif parameter.kind is parameter.VAR_KEYWORD:
            for options in get_args(kind):  # Unpack of a TypedDict
                module = sys.modules[options.__module__]
                found |= {name: open_annotation(text, module)[0] for name, text in options.__annotations__.items()}
    return found


def _plain(value: Any) -> object:
    """A scalar of NumPy or torch as Python's number; anything else as it is."""
    is_scalar = type(value).__module__ in ("numpy", "torch") and getattr(value, "ndim", None) == 0
    return value.item() if is_scalar else value


def _fits(value: object, kind: object) -> bool:
    """Whether a value is of a kind; true where the kind is none that is checked."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(kind))
    if origin is Literal:
        return any(isinstance(value, type(choice)) for choice in get_args(kind))
    if origin is tuple or origin in (list, Sequence):
        parts = [part for part in get_args(kind) if part is not Ellipsis] or [Any]
        listed = isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
        return listed and (not isinstance(value, Sequence) or all(_fits(_plain(one), parts[0]) for one in value))
    kind = origin or kind
    if isinstance(value, bool) and kind is not bool:  # a flag is no number
        return kind not in _TYPES
    return kind not in _TYPES or isinstance(value, _TYPES[kind])


def _in_words(kind: object) -> str:
    """``"text or a path"``; that a parameter may be None goes without saying."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_in_words(part) for part in get_args(kind) if part is not NoneType))
    if origin is Literal:
        return "text"
    return _WORDS[Sequence if origin in (tuple, list) else origin or kind]
