"""Overtone aligns two modalities into one searchable space and says honestly how good that space is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from overtone.core.version import __version__ as __version__

if TYPE_CHECKING:
    from overtone import diagnosis, evaluation, features, objectives
    from overtone.api import (
        compare,
        demo,
        diagnose,
        embed,
        evaluate,
        extract,
        graph,
        inspect,
        load,
        save,
        simulate,
        train,
    )

__all__ = [
    "compare",
    "demo",
    "diagnose",
    "diagnosis",
    "embed",
    "evaluate",
    "evaluation",
    "extract",
    "features",
    "graph",
    "inspect",
    "load",
    "objectives",
    "save",
    "simulate",
    "train",
]

ROOMS = frozenset({"diagnosis", "evaluation", "features", "objectives"})
"""Rooms that are of use alone, on anyone's arrays."""


def __getattr__(name: str) -> Any:
    """The verbs and rooms, imported on first use, so that ``import overtone`` and ``overtone --help`` cost nothing."""
    if name in ROOMS:
        return importlib.import_module(f"overtone.{name}")
    if name in __all__:
        from overtone import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
