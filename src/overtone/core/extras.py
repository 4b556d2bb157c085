"""Packages that one feature needs and a plain installation lacks."""

from __future__ import annotations

import importlib
from types import ModuleType

from overtone.core.errors import InputError


def import_extra(module: str, extra: str) -> ModuleType:
    """Import a package of an extra.

    Args:
        module: Dotted name of the module.
        extra: The extra of Overtone that installs it.

    Returns:
        The module.

    Raises:
        InputError: It, or something that it needs, is not installed.

    Example:
        >>> import_extra("json", "none").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).partition(".")[0]
        raise InputError(f"{missing} is not installed", fix=f"pip install 'overtone[{extra}]'") from None
