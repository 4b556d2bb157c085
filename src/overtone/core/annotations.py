"""Annotations of a function's parameters as types, without importing what only a type checker needs."""

from __future__ import annotations

import builtins
from types import ModuleType
from typing import Annotated, Any, ForwardRef, get_args, get_origin


class _Names(dict[str, Any]):
    """Names of a module, of builtins, and Any for types that are imported for type checking only."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__()
        self.module = module

    def __missing__(self, name: str) -> object:
        return getattr(self.module, name, getattr(builtins, name, Any))


def open_annotation(annotation: object, module: ModuleType) -> tuple[Any, tuple[Any, ...]]:
    """A type, and what ``Annotated`` says about it.

    Args:
        annotation: A type, or its text where annotations are not evaluated.
        module: Where the text's names are looked up.

    Returns:
        The type, with Any for what the module imports for type checking only, and the marks of ``Annotated``.
    """
    text = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
    found = eval(text, {}, _Names(module)) if isinstance(text, str) else text
    if get_origin(found) is not Annotated:
        return found, ()
    kind, *marks = get_args(found)
    return open_annotation(kind, module)[0], tuple(marks)
